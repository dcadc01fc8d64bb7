// The reviewer's desk: what is claimed, what is on the screen, what was said and is on its way. No screen in here.

import { ApiError, call, callUntilTaken, said, type Session } from "../api";

export type Decision = "approved" | "disapproved";

export interface Claimed {
  snapshot_id: string;
  product: { product_id: string; name: string | null; pictures: string[] };
  filename: string;
  image_url: string;
  lease_expires_at: string;
}

interface Said {
  item: Claimed;
  decision: Decision;
  sent: Promise<boolean>;
}

export interface View {
  current: Claimed | null;
  next: Claimed[];
  /** The product to look at before the next verdict. */
  introduced: Claimed["product"] | null;
  approved: number;
  disapproved: number;
  sending: number;
  waiting: number | null;
  perMinute: number;
  undoable: boolean;
  notice: string | null;
  exhausted: boolean;
}

const AHEAD = 12;
const CLAIM = 20;
const PREFETCHED = 8;
const RENEW_MS = 60_000;
const POLL_MS = 3_000;
const SPEED_WINDOW_MS = 60_000;
const REMEMBERED = 100;

export class Desk {
  private queue: Claimed[] = [];
  private history: Said[] = [];
  private times: number[] = [];
  private counts = { approved: 0, disapproved: 0 };
  private sending = 0;
  private product: string | null = null;
  private looked = false;
  private shownAt = 0;
  private waiting: number | null = null;
  private notice: string | null = null;
  private exhausted = false;
  private claiming = false;
  private undoing = false;
  private listeners = new Set<() => void>();
  private timers: ReturnType<typeof setInterval>[] = [];
  private pictures = new Map<string, HTMLImageElement>();
  private shown: View;

  constructor(private readonly session: Session) {
    this.shown = this.look();
  }

  open(): () => void {
    void this.claim();
    void this.readQueue();
    this.timers = [
      setInterval(() => void this.renew(), RENEW_MS),
      setInterval(() => void this.claim(), POLL_MS),
      setInterval(() => void this.readQueue(), POLL_MS),
    ];
    return () => this.timers.forEach(clearInterval);
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  view = (): View => this.shown;

  /** The reviewer has looked at the new product. */
  acknowledge(): void {
    const current = this.queue[0];
    if (!current) return;
    this.product = current.product.product_id;
    this.looked = true;
    this.shownAt = performance.now();
    this.changed();
  }

  decide(decision: Decision): void {
    const item = this.queue[0];
    if (!item || this.isIntroducing() || this.undoing) return;
    this.queue.shift();
    this.notice = null;
    this.counts[decision] += 1;
    this.times.push(Date.now());
    const viewed_ms = Math.min(3_600_000, Math.round(performance.now() - this.shownAt));
    this.history.push({ item, decision, sent: this.send(item, decision, viewed_ms) });
    this.history = this.history.slice(-REMEMBERED);
    this.shownAt = performance.now();
    this.changed();
    void this.claim();
  }

  async undo(): Promise<void> {
    const last = this.history.pop();
    if (!last || this.undoing) return;
    this.undoing = true;
    this.changed();
    try {
      if (await last.sent) {
        await callUntilTaken(this.session, "DELETE", `${path(last.item)}/decision`);
        this.putBack(last);
      }
    } catch (error) {
      this.notice = `Not undone: ${said(error)}`;
    }
    this.undoing = false;
    this.changed();
  }

  private isIntroducing(): boolean {
    const current = this.queue[0];
    return !!current && !(this.looked && this.product === current.product.product_id);
  }

  /** Whether the server took the verdict. What it could not take comes back to the screen; what it refused is said. */
  private async send(item: Claimed, decision: Decision, viewed_ms: number): Promise<boolean> {
    this.sending += 1;
    try {
      await callUntilTaken(this.session, "PUT", `${path(item)}/decision`, { decision, viewed_ms });
      return true;
    } catch (error) {
      this.history = this.history.filter((it) => it.item !== item);
      this.counts[decision] -= 1;
      const isRefused = error instanceof ApiError && !error.isPassing;
      this.notice = `${item.filename} was not ${decision}. ${said(error)}`;
      if (!isRefused) {
        this.queue.unshift(item);
        this.notice += " It is back on the screen.";
      }
      return false;
    } finally {
      this.sending -= 1;
      this.changed();
    }
  }

  private putBack(last: Said): void {
    this.counts[last.decision] -= 1;
    this.times.pop();
    this.queue.unshift(last.item);
    this.product = last.item.product.product_id;
    this.shownAt = performance.now();
    this.notice = `Taken back: ${last.item.filename} was ${last.decision}.`;
  }

  private async claim(): Promise<void> {
    if (this.claiming || this.queue.length >= AHEAD) return;
    this.claiming = true;
    try {
      const { items } = await call<{ items: Claimed[] }>(this.session, "POST", "/review/claims", { limit: CLAIM });
      this.queue.push(...items);
      this.exhausted = items.length === 0;
      if (this.queue.length === items.length) this.shownAt = performance.now();
    } catch (error) {
      this.notice = `Nothing more could be claimed. ${said(error)}`;
    }
    this.claiming = false;
    this.changed();
  }

  private async renew(): Promise<void> {
    const held = this.queue.map((item) => item.snapshot_id);
    if (!held.length) return;
    try {
      const body = { limit: 0, renew: held.slice(0, 50) };
      const { items } = await call<{ items: Claimed[] }>(this.session, "POST", "/review/claims", body);
      const kept = new Set(items.map((item) => item.snapshot_id));
      this.queue = this.queue.filter((item) => kept.has(item.snapshot_id) || !held.includes(item.snapshot_id));
      this.changed();
    } catch {
      // The next renewal comes before the leases end.
    }
  }

  private async readQueue(): Promise<void> {
    try {
      const stats = await call<{ waiting: number }>(this.session, "GET", "/review/stats");
      this.waiting = stats.waiting;
    } catch {
      this.waiting = null;
    }
    this.changed();
  }

  private changed(): void {
    this.prefetch();
    this.shown = this.look();
    this.listeners.forEach((listener) => listener());
  }

  private prefetch(): void {
    const wanted = this.queue.slice(0, PREFETCHED).map((item) => item.image_url);
    for (const url of wanted) {
      if (this.pictures.has(url)) continue;
      const picture = new Image();
      picture.src = url;
      this.pictures.set(url, picture);
    }
    for (const url of this.pictures.keys()) if (!wanted.includes(url)) this.pictures.delete(url);
  }

  private look(): View {
    const now = Date.now();
    this.times = this.times.filter((time) => now - time < SPEED_WINDOW_MS);
    const first = this.times[0];
    const minutes = first === undefined ? 1 : Math.max((now - first) / 60_000, 1 / 30);
    return {
      current: this.queue[0] ?? null,
      next: this.queue.slice(1, 7),
      introduced: this.isIntroducing() ? this.queue[0]!.product : null,
      ...this.counts,
      sending: this.sending,
      waiting: this.waiting,
      perMinute: this.times.length < 2 ? 0 : Math.round(this.times.length / minutes),
      undoable: this.history.length > 0 && !this.undoing,
      notice: this.notice,
      exhausted: this.exhausted,
    };
  }
}

function path(item: Claimed): string {
  return `/review/snapshots/${encodeURIComponent(item.snapshot_id)}`;
}
