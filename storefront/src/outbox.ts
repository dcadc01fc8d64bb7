/**
 * Events on their way to the API.
 *
 * Each event is stored under its own name before anything is sent, and removed once the API has acknowledged it.
 * So a reload, a crash, an hour offline or a 500 loses none, and tabs never overwrite each other's events. An event
 * that is sent twice counts once, by its id.
 */

import type { Storage } from "./storage";

/** A list that the API accepts: where to post it, and under which name. */
interface Destination {
  path: string;
  list: "events" | "interactions";
}

interface Entry extends Destination {
  body: object;
}

const BATCH = 20;
const IDLE_MS = 2000;
const LONGEST_PAUSE_MS = 300_000;
const LONGEST_ANSWER_MS = 10_000;
const BEACON_BATCH = 100;
const EVENT = "e.";

export class Outbox {
  private readonly pending_ = new Map<string, Entry>();
  private timer_: ReturnType<typeof setTimeout> | undefined;
  private sending_ = false;
  private failures_ = 0;
  private deferred_: AbortController | undefined;

  constructor(
    private readonly address_: (path: string) => string,
    private readonly storage_: Storage,
  ) {
    this.adopt_();
    addEventListener("pagehide", this.leave_);
    document.addEventListener("visibilitychange", () => (document.hidden ? this.leave_() : this.wake_()));
    addEventListener("pageshow", this.wake_);
    addEventListener("online", this.wake_);
    if (this.pending_.size) this.schedule_(0);
  }

  /** Store an event until the API has it. `now` sends it at once, since the page may be left any moment. */
  add(id: string, entry: Entry, now = false): void {
    if (this.storage_.optedOut) return;
    this.pending_.set(id, entry);
    this.storage_.set(EVENT + id, JSON.stringify(entry));
    this.defer_();
    if (this.failures_) return; // a retry is scheduled; during an outage not every event may cause a request
    if (now || this.pending_.size >= BATCH) void this.flush();
    else this.schedule_(IDLE_MS);
  }

  /** Store pending events, after the shopper has given consent. */
  keep(): void {
    for (const [id, entry] of this.pending_) this.storage_.set(EVENT + id, JSON.stringify(entry));
    this.defer_();
  }

  clear(): void {
    this.pending_.clear();
    this.defer_();
  }

  /** Send pending events; resolves when the API has responded or failed. */
  async flush(): Promise<void> {
    clearTimeout(this.timer_);
    if (this.sending_) return;
    this.sending_ = true;
    try {
      for (let batch = this.batch_(BATCH); batch; batch = this.batch_(BATCH)) {
        if (!(await this.send_(batch))) break;
        this.failures_ = 0;
      }
    } finally {
      this.sending_ = false;
    }
    if (this.pending_.size) this.schedule_(this.failures_ ? this.pause_() : 0);
  }

  private async send_({ ids, path, body }: Batch): Promise<boolean> {
    let status = 0;
    let results: unknown;
    try {
      // A string is sent as text/plain, which needs no preflight; keepalive lets it outlive the page.
      const signal = AbortSignal.timeout(LONGEST_ANSWER_MS);
      const answer = await fetch(this.address_(path), { method: "POST", body, keepalive: true, signal });
      status = answer.status;
      ({ results } = await answer.json());
    } catch {
      // Offline, no response, or a response without JSON.
    }
    if (!status || status === 408 || status === 429 || status >= 500) {
      this.failures_ += 1;
      return false;
    }
    for (const id of ids) this.forget_(id);
    this.defer_();
    dispatchEvent(new CustomEvent("vitrine-counted", { detail: { path, status, sent: JSON.parse(body), results } }));
    return true;
  }

  /** The page may be closed: hand everything to the browser. Events stay stored, since nobody receives the response. */
  private readonly leave_ = (): void => {
    const left = new Set(this.pending_.keys());
    for (let batch = this.batch_(BEACON_BATCH, left); batch; batch = this.batch_(BEACON_BATCH, left)) {
      try {
        navigator.sendBeacon(this.address_(batch.path), batch.body);
      } catch {
        // The browser refused: the next visit sends it.
      }
      for (const id of batch.ids) left.delete(id);
    }
  };

  private readonly wake_ = (): void => {
    this.adopt_();
    this.failures_ = 0;
    if (this.pending_.size) this.schedule_(0);
  };

  /** Load the events of earlier pages and other tabs. */
  private adopt_(): void {
    for (const name of this.storage_.names(EVENT)) {
      const id = name.slice(EVENT.length);
      if (this.pending_.has(id)) continue;
      try {
        this.pending_.set(id, JSON.parse(this.storage_.get(name) ?? "") as Entry);
      } catch {
        this.storage_.remove(name);
      }
    }
  }

  /** The oldest events with the same destination. */
  private batch_(limit: number, among: Iterable<string> = this.pending_.keys()): Batch | null {
    const ids: string[] = [];
    const bodies: object[] = [];
    let first: Entry | undefined;
    for (const id of among) {
      const entry = this.pending_.get(id)!;
      first ??= entry;
      if (entry.path !== first.path) continue;
      ids.push(id);
      bodies.push(entry.body);
      if (ids.length === limit) break;
    }
    return first ? { ids, path: first.path, body: JSON.stringify({ [first.list]: bodies }) } : null;
  }

  private forget_(id: string): void {
    this.pending_.delete(id);
    this.storage_.remove(EVENT + id);
  }

  private schedule_(ms: number): void {
    clearTimeout(this.timer_);
    this.timer_ = setTimeout(() => void this.flush(), ms);
  }

  /** Without storage, let the browser send pending events if the page dies. */
  private defer_(): void {
    this.deferred_?.abort();
    const { fetchLater } = window as { fetchLater?: (address: string, options: object) => unknown };
    const batch = fetchLater && !this.storage_.allowed && this.batch_(BEACON_BATCH);
    if (!batch) return;
    this.deferred_ = new AbortController();
    try {
      fetchLater!(this.address_(batch.path), { method: "POST", body: batch.body, signal: this.deferred_.signal });
    } catch {
      // Over the browser's quota: only the beacon remains.
    }
  }

  private pause_(): number {
    return Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** this.failures_) * (0.5 + Math.random() / 2);
  }
}

interface Batch {
  ids: string[];
  path: string;
  body: string;
}
