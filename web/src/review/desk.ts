// The reviewer's desk: what is claimed, what is on the screen, what was said and is on its way. No screen in here.

import { type Api, ApiError, type Schema, said, untilTaken } from "../api";
import { t } from "../language";
import { srcSet } from "../renditions";

export type Decision = Schema<"PutDecisionRequest">["decision"];
export type Claimed = Schema<"ClaimedResponse">;

/** Where a desk is kept while its page is loaded again. */
export interface Keeper {
  read: () => string | null;
  write: (kept: string) => void;
}

interface Kept {
  counts: Record<Decision, number>;
  said: { item: Claimed; decision: Decision; at: number }[];
  /** The ids of the snapshots that were claimed, in their order. */
  held: string[];
}

interface Said {
  item: Claimed;
  decision: Decision;
  reason: string | undefined;
  at: number;
  /** Whether the server has it. */
  isTaken: boolean;
  isUndone: boolean;
}

/** A verdict, or its undoing, that the server did not take. */
interface Refusal {
  number: number;
  text: string;
}

export interface View {
  current: Claimed | null;
  /** The product to look at before the next verdict. */
  introduced: Claimed["product"] | null;
  approved: number;
  disapproved: number;
  unsure: number;
  sending: number;
  waiting: number | null;
  perMinute: number;
  /** The latest verdicts that stand, newest first. */
  latest: { item: Claimed; decision: Decision }[];
  undoable: boolean;
  skippable: boolean;
  /** What passes: the next verdict clears it. */
  notice: string | null;
  /** What stays until it is dismissed, oldest first. */
  refusals: Refusal[];
  exhausted: boolean;
  /** Once exhausted: when the first lease of another reviewer ends. */
  heldUntil: string | null;
}

/** Why a snapshot is disapproved, by key: what the API is told in every language. */
export const REASONS = {
  1: "Blurred or too dark",
  2: "Another product",
  3: "Cut off or covered",
  4: "Text or watermark",
  5: "People in it",
};
export const REASON_KEYS = [1, 2, 3, 4, 5] as const;

const AHEAD = 12;
const CLAIM = 20;
const PREFETCHED = 8;
const RENEW_MS = 60_000;
const POLL_MS = 3_000;
/** A snapshot's box is as wide as the screen at most and as high as the styles say. */
export const sizesOf = ({ renditions }: Claimed) => `min(100vw, ${renditions?.aspect_ratio ?? 1} * min(52vh, 30rem))`;
const SPEED_WINDOW_MS = 60_000;
const REMEMBERED = 100;
const LATEST = 12;
const KEPT = 30;
/** How long the API takes a verdict back. */
const UNDO_MS = 600_000;

export class Desk {
  private queue: Claimed[] = [];
  private history: Said[] = [];
  private times: number[] = [];
  private counts = { approved: 0, disapproved: 0, unsure: 0 };
  private sending = 0;
  private product: string | null = null;
  private looked = false;
  private shownAt = 0;
  private waiting: number | null = null;
  private notice: string | null = null;
  private refusals: Refusal[] = [];
  private refused = 0;
  private exhausted = false;
  private heldUntil: string | null = null;
  private claiming = false;
  /** The product to claim of; null is any. */
  private only: string | null = null;
  /** What was held before the page was loaded again. */
  private resumed: string[] = [];
  /** The snapshot to claim before all others. */
  private asked: string | null = null;
  /** What is on its way for a snapshot: a verdict, its undoing and the next verdict go one after another. */
  private turns = new Map<string, Promise<void>>();
  private listeners = new Set<() => void>();
  private timers: ReturnType<typeof setInterval>[] = [];
  private pictures = new Map<string, HTMLImageElement>();
  private shown: View;

  constructor(
    private readonly client: Api["client"],
    private readonly apiUrl: string,
    private readonly reviewer: string,
    private readonly keeper?: Keeper,
  ) {
    this.resume(keeper?.read());
    this.shown = this.look();
  }

  private resume(text: string | null | undefined): void {
    if (!text) return;
    const { counts, said, held }: Kept = JSON.parse(text);
    this.counts = counts;
    this.resumed = held;
    this.history = said
      .filter(({ at }) => Date.now() - at < UNDO_MS)
      .map((verdict) => ({ ...verdict, reason: undefined, isTaken: true, isUndone: false }));
  }

  private keep(): void {
    const said = this.history.slice(-KEPT).map(({ item, decision, at }) => ({ item, decision, at }));
    const held = [...this.queue.map((item) => item.snapshot_id), ...this.resumed].slice(0, CLAIM);
    this.keeper?.write(JSON.stringify({ counts: this.counts, said, held } satisfies Kept));
  }

  open(): () => void {
    void this.claim();
    void this.readQueue();
    this.timers = [
      setInterval(() => void this.renew(), RENEW_MS),
      setInterval(() => void this.claim(), POLL_MS),
      setInterval(() => void this.readQueue(), POLL_MS),
    ];
    return () => {
      for (const timer of this.timers) clearInterval(timer);
    };
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  view = (): View => this.shown;

  /** Claim snapshots of one product alone, or of any (null). What is held of others goes back when its lease ends. */
  limitTo(product_id: string | null): void {
    if (product_id === this.only) return;
    this.only = product_id;
    this.queue = this.queue.filter((item) => this.isWanted(item));
    this.exhausted = false;
    this.shownAt = performance.now();
    this.changed();
    void this.claim();
  }

  /** Claim this snapshot, whatever its turn, and put it on the screen. */
  settle(snapshot_id: string): void {
    this.asked = snapshot_id;
    void this.claim();
  }

  /** The reviewer has looked at the new product. */
  acknowledge(): void {
    const current = this.queue[0];
    if (!current) return;
    this.product = current.product.product_id;
    this.looked = true;
    this.shownAt = performance.now();
    this.changed();
  }

  decide(decision: Decision, reason?: string): void {
    const item = this.queue[0];
    if (!item || this.isIntroducing()) return;
    this.queue.shift();
    this.notice = null;
    this.counts[decision] += 1;
    this.times.push(Date.now());
    const viewed_ms = Math.min(3_600_000, Math.round(performance.now() - this.shownAt));
    const verdict = { item, decision, reason, at: Date.now(), isTaken: false, isUndone: false };
    this.history = [...this.history, verdict].slice(-REMEMBERED);
    this.inTurn(item, () => this.send(verdict, viewed_ms));
    this.shownAt = performance.now();
    this.changed();
    void this.claim();
  }

  /** Put the snapshot behind the others that are held; it stays leased and comes again. */
  skip(): void {
    if (this.queue.length < 2 || this.isIntroducing()) return;
    this.queue.push(this.queue.shift()!);
    this.notice = null;
    this.shownAt = performance.now();
    this.changed();
  }

  /** Take the last verdict back. The snapshot is on the screen at once, and may be decided anew at once. */
  undo(): void {
    const last = this.history.pop();
    if (!last) return;
    last.isUndone = true;
    this.counts[last.decision] -= 1;
    this.times.pop();
    this.queue.unshift(last.item);
    this.product = last.item.product.product_id;
    this.looked = true;
    this.shownAt = performance.now();
    this.notice = t.review.takenBack[last.decision](last.item.filename);
    this.inTurn(last.item, () => this.sendUndo(last));
    this.changed();
  }

  /** The reviewer has read what was refused. */
  dismiss(): void {
    this.refusals = [];
    this.changed();
  }

  private refuse(text: string): void {
    this.refused += 1;
    this.refusals = [...this.refusals, { number: this.refused, text }];
  }

  private get header() {
    return { "X-Reviewer": this.reviewer };
  }

  private isIntroducing(): boolean {
    const current = this.queue[0];
    return !!current && !(this.looked && this.product === current.product.product_id);
  }

  private inTurn(item: Claimed, send: () => Promise<void>): void {
    const id = item.snapshot_id;
    this.sending += 1;
    const turn = (this.turns.get(id) ?? Promise.resolve()).then(send).finally(() => {
      this.sending -= 1;
      if (this.turns.get(id) === turn) this.turns.delete(id);
      this.changed();
    });
    this.turns.set(id, turn);
  }

  /** What the server could not take comes back to the screen; what it refused is said. */
  private async send(verdict: Said, viewed_ms: number): Promise<void> {
    const { item, decision, reason } = verdict;
    const params = { path: { snapshot_id: item.snapshot_id }, header: this.header };
    try {
      const body = { decision, viewed_ms, ...(reason && { reason }) };
      await untilTaken(() => this.client.PUT("/review/snapshots/{snapshot_id}/decision", { params, body }));
      verdict.isTaken = true;
    } catch (error) {
      if (verdict.isUndone) return; // it is on the screen already; undoing it finds nothing to undo
      this.history = this.history.filter((other) => other !== verdict);
      this.counts[decision] -= 1;
      const isRefused = error instanceof ApiError && !error.isPassing;
      const told = t.review.notSent[decision](item.filename, said(error));
      this.refuse(isRefused ? told : `${told} ${t.review.isBack}`);
      if (!isRefused) this.queue.unshift(item);
    }
  }

  /** What could not be undone leaves the screen again, and its verdict stands. */
  private async sendUndo(verdict: Said): Promise<void> {
    const { item, decision } = verdict;
    const params = { path: { snapshot_id: item.snapshot_id }, header: this.header };
    try {
      await untilTaken(() => this.client.DELETE("/review/snapshots/{snapshot_id}/decision", { params }));
    } catch (error) {
      this.refuse(t.review.notUndone(item.filename, said(error)));
      const isDecidedAnew = !this.queue.includes(item);
      if (isDecidedAnew) return; // the answer to the new verdict tells
      this.queue = this.queue.filter((other) => other !== item);
      if (verdict.isTaken) this.counts[decision] += 1;
    }
  }

  private async claim(): Promise<void> {
    if (this.claiming || (!this.asked && this.queue.length >= AHEAD)) return;
    this.claiming = true;
    const { asked, only, resumed } = this;
    this.asked = null;
    try {
      const decided = new Set(this.turns.keys()); // the answer may be older than their verdicts
      const { data } = await this.client.POST("/review/claims", {
        params: { header: this.header },
        body: asked
          ? { snapshot_id: asked }
          : { limit: CLAIM, ...(only && { product_id: only }), ...(resumed.length && { renew: resumed }) },
      });
      if (!asked) this.resumed = [];
      if (asked) this.queue = this.queue.filter((item) => item.snapshot_id !== asked);
      const items = data!.items.filter(
        (item) => (asked || this.isWanted(item)) && !decided.has(item.snapshot_id) && !this.holds(item),
      );
      if (asked || !this.queue.length) this.shownAt = performance.now();
      if (asked) this.queue.unshift(...items);
      else this.queue.push(...items);
      this.exhausted = !asked && only === this.only && !this.queue.length;
      this.heldUntil = this.exhausted ? data!.held_until : null;
    } catch (error) {
      this.notice = t.review.notClaimed(said(error));
    }
    this.claiming = false;
    this.changed();
    if (asked || this.asked || only !== this.only) void this.claim();
  }

  private async renew(): Promise<void> {
    const held = this.queue.map((item) => item.snapshot_id).filter((id) => !this.turns.has(id));
    if (!held.length) return;
    try {
      const body = { limit: 0, renew: held.slice(0, 50) };
      const { data } = await this.client.POST("/review/claims", { params: { header: this.header }, body });
      const kept = new Set(data!.items.map((item) => item.snapshot_id));
      this.queue = this.queue.filter((item) => kept.has(item.snapshot_id) || !held.includes(item.snapshot_id));
      this.changed();
    } catch {
      // The next renewal comes before the leases end.
    }
  }

  private async readQueue(): Promise<void> {
    try {
      const { data } = await this.client.GET("/review/stats");
      this.waiting = data!.waiting;
    } catch {
      this.waiting = null;
    }
    this.changed();
  }

  private isWanted(item: Claimed): boolean {
    return this.only === null || item.product.product_id === this.only;
  }

  private holds(item: Claimed): boolean {
    return this.turns.has(item.snapshot_id) || this.queue.some((held) => held.snapshot_id === item.snapshot_id);
  }

  private changed(): void {
    this.keep();
    this.prefetch();
    this.shown = this.look();
    for (const listener of this.listeners) listener();
  }

  private prefetch(): void {
    const wanted = this.queue.slice(0, PREFETCHED);
    for (const item of wanted) {
      if (this.pictures.has(item.image_url)) continue;
      const picture = new Image();
      picture.sizes = sizesOf(item);
      picture.srcset = srcSet(item.renditions, this.apiUrl) ?? "";
      picture.src = item.image_url;
      this.pictures.set(item.image_url, picture);
    }
    const urls = new Set(wanted.map((item) => item.image_url));
    for (const url of this.pictures.keys()) if (!urls.has(url)) this.pictures.delete(url);
  }

  private look(): View {
    const now = Date.now();
    this.times = this.times.filter((time) => now - time < SPEED_WINDOW_MS);
    const first = this.times[0];
    const minutes = first === undefined ? 1 : Math.max((now - first) / 60_000, 1 / 30);
    return {
      current: this.queue[0] ?? null,
      introduced: this.isIntroducing() ? this.queue[0]!.product : null,
      ...this.counts,
      sending: this.sending,
      waiting: this.waiting,
      perMinute: this.times.length < 2 ? 0 : Math.round(this.times.length / minutes),
      latest: this.history.slice(-LATEST).reverse(),
      undoable: this.history.length > 0,
      skippable: this.queue.length > 1 && !this.isIntroducing(),
      notice: this.notice,
      refusals: this.refusals,
      exhausted: this.exhausted,
      heldUntil: this.heldUntil,
    };
  }
}
