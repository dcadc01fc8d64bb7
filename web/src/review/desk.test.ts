import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { connect } from "../api";
import { seeded } from "../seeded";
import { type Claimed, Desk, type Keeper } from "./desk";

const SESSION = { apiUrl: "http://api.test", key: "sk_1", reviewer: "ann", remember: false, shopUrl: "" };

/** The review API: who decided what, with answers that take their time, fail, or get lost on the way back. */
class ReviewApi {
  waiting: string[];
  decided = new Map<string, string>();
  requests: string[] = [];
  /** What happens to the next requests: lost before or after they were done, or refused. */
  faults: ("before" | "after" | "refused")[] = [];
  delay = () => 20;

  constructor(count: number) {
    this.waiting = Array.from({ length: count }, (_, at) => `s${at}`);
  }

  fetch = async (request: Request): Promise<Response> => {
    const path = new URL(request.url).pathname;
    const body = request.method === "GET" || request.method === "DELETE" ? null : await request.json();
    const fault = path.endsWith("/decision") ? this.faults.shift() : undefined;
    await new Promise((resume) => setTimeout(resume, this.delay()));
    if (fault === "before") throw new TypeError("Failed to fetch");
    if (fault === "refused") return Response.json({ detail: "cyd decided it." }, { status: 409 });
    const answer = this.answer(request.method, path, body);
    if (fault === "after") throw new TypeError("Failed to fetch");
    return answer;
  };

  private answer(
    method: string,
    path: string,
    body: { limit?: number; decision?: string; renew?: string[]; snapshot_id?: string; product_id?: string },
  ): Response {
    if (path === "/review/stats") return Response.json({ waiting: this.waiting.length });
    if (path === "/review/claims") {
      if (body.snapshot_id) {
        if (!this.waiting.includes(body.snapshot_id)) {
          return Response.json({ detail: "ben is reviewing it now." }, { status: 409 });
        }
        this.waiting = this.waiting.filter((id) => id !== body.snapshot_id);
        return Response.json({ items: [claimed(body.snapshot_id)], held_until: null });
      }
      if (body.product_id && body.product_id !== "p") return Response.json({ items: [], held_until: null });
      const ids = body.renew ?? this.waiting.splice(0, body.limit);
      return Response.json({ items: ids.map(claimed), held_until: null });
    }
    const id = path.split("/")[3]!;
    this.requests.push(`${method} ${id}${body ? ` ${body.decision}` : ""}`);
    if (method === "DELETE") this.decided.delete(id);
    else this.decided.set(id, body.decision!);
    return Response.json({ snapshot_id: id, status: "", lease_expires_at: null });
  }
}

const claimed = (snapshot_id: string): Claimed => ({
  snapshot_id,
  product: { product_id: "p", name: "Product", pictures: [], renditions: [] },
  filename: `${snapshot_id}.jpg`,
  image_url: "data:,",
  renditions: null,
  lease_expires_at: "2030-01-01T00:00:00Z",
});

async function opened(api: ReviewApi, keeper?: Keeper): Promise<Desk> {
  vi.stubGlobal("fetch", api.fetch);
  const desk = new Desk(connect(SESSION).client, SESSION.apiUrl, "ann", keeper);
  desk.open();
  await settled(desk);
  desk.acknowledge();
  return desk;
}

const refusals = (desk: Desk) => desk.view().refusals.map(({ text }) => text);

async function settled(desk: Desk): Promise<void> {
  do await vi.advanceTimersByTimeAsync(10_000);
  while (desk.view().sending);
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a skipped snapshot comes again after the others, and the last one cannot be skipped", async () => {
  const api = new ReviewApi(3);
  const desk = await opened(api);
  desk.skip();
  const shown: string[] = [];
  while (desk.view().current) {
    shown.push(desk.view().current!.snapshot_id);
    desk.decide("disapproved", "blurred");
  }
  expect(shown).toEqual(["s1", "s2", "s0"]);
  await settled(desk);
  expect(api.requests).toHaveLength(3);
  const single = await opened(new ReviewApi(1));
  expect(single.view().skippable).toBe(false);
  single.skip();
  expect(single.view().current!.snapshot_id).toBe("s0");
});

test("what was claimed for any product does not come when one has been chosen meanwhile", async () => {
  const api = new ReviewApi(40);
  vi.stubGlobal("fetch", api.fetch);
  const desk = new Desk(connect(SESSION).client, SESSION.apiUrl, "ann");
  desk.open();
  desk.limitTo("another");
  await settled(desk);
  expect(desk.view()).toMatchObject({ current: null, exhausted: true });
  desk.settle(api.waiting[0]!);
  await settled(desk);
  expect(desk.view().current!.product.product_id).toBe("p");
});

test.each(["before", "after"])("a snapshot to settle comes first, asked for %s the desk is opened", async (when) => {
  const api = new ReviewApi(40);
  vi.stubGlobal("fetch", api.fetch);
  const desk = new Desk(connect(SESSION).client, SESSION.apiUrl, "ann");
  if (when === "before") desk.settle("s30");
  desk.open();
  if (when === "after") {
    await settled(desk);
    desk.settle("s30");
  }
  await settled(desk);
  desk.acknowledge();
  const shown = ["s30", "s0", "s1"].map(() => {
    const { snapshot_id } = desk.view().current!;
    desk.decide("approved");
    return snapshot_id;
  });
  expect(shown).toEqual(["s30", "s0", "s1"]);
});

test("a snapshot that cannot be settled is said so, and the others come", async () => {
  const desk = await opened(new ReviewApi(3));
  desk.settle("s9");
  await settled(desk);
  expect(desk.view().notice).toContain("ben is reviewing it now.");
  expect(desk.view().current!.snapshot_id).toBe("s0");
});

test("unsure is a verdict: sent once, counted, taken back and brought back when it is lost", async () => {
  const api = new ReviewApi(3);
  const desk = await opened(api);
  api.faults = ["after"];
  desk.decide("unsure");
  expect(desk.view().current!.snapshot_id).toBe("s1");
  await settled(desk);
  expect(api.decided.get("s0")).toBe("unsure");
  expect(desk.view()).toMatchObject({ unsure: 1, approved: 0, disapproved: 0 });
  desk.undo();
  expect(desk.view().current!.snapshot_id).toBe("s0");
  await settled(desk);
  expect(api.decided.has("s0")).toBe(false);
  api.faults = ["before", "before", "before", "before", "before"];
  desk.decide("unsure");
  await settled(desk);
  expect(desk.view()).toMatchObject({ unsure: 0 });
  expect(refusals(desk)).toEqual([expect.stringContaining("back on the screen")]);
});

test("a verdict shows the next snapshot before the server has answered", async () => {
  const api = new ReviewApi(3);
  const desk = await opened(api);
  desk.decide("approved");
  expect(desk.view()).toMatchObject({ current: { snapshot_id: "s1" }, approved: 1, sending: 1 });
  await settled(desk);
  expect([...api.decided]).toEqual([["s0", "approved"]]);
});

test("a verdict is not taken before the product was looked at", async () => {
  const api = new ReviewApi(1);
  vi.stubGlobal("fetch", api.fetch);
  const desk = new Desk(connect(SESSION).client, SESSION.apiUrl, "ann");
  desk.open();
  await settled(desk);
  desk.decide("approved");
  await settled(desk);
  expect(desk.view().introduced).not.toBeNull();
  expect(api.requests).toEqual([]);
});

test("an undo shows the snapshot at once, and a new verdict follows the undo to the server", async () => {
  const api = new ReviewApi(3);
  const desk = await opened(api);
  desk.decide("approved");
  desk.undo();
  expect(desk.view()).toMatchObject({ current: { snapshot_id: "s0" }, approved: 0 });
  desk.decide("disapproved");
  desk.decide("approved");
  expect(desk.view()).toMatchObject({ current: { snapshot_id: "s2" }, approved: 1, disapproved: 1 });
  await settled(desk);
  expect(api.requests.filter((request) => request.includes("s0"))).toEqual([
    "PUT s0 approved",
    "DELETE s0",
    "PUT s0 disapproved",
  ]);
  expect(Object.fromEntries(api.decided)).toEqual({ s0: "disapproved", s1: "approved" });
});

test("a snapshot that was taken back is not dropped by a renewal of the leases under way", async () => {
  const api = new ReviewApi(2);
  api.delay = () => 45_000;
  const desk = await opened(api);
  desk.decide("approved");
  desk.undo();
  await vi.advanceTimersByTimeAsync(70_000);
  expect(desk.view().current?.snapshot_id).toBe("s0");
});

test("what is refused is told and does not count", async () => {
  const api = new ReviewApi(2);
  api.faults = ["refused"];
  const desk = await opened(api);
  desk.decide("approved");
  await settled(desk);
  expect(desk.view()).toMatchObject({ approved: 0, current: { snapshot_id: "s1" } });
  expect(refusals(desk)).toEqual(["s0.jpg was not approved. cyd decided it."]);
});

test("what was refused stays until it is dismissed, whatever is decided, refused or taken back meanwhile", async () => {
  const api = new ReviewApi(4);
  api.faults = ["refused", "refused"];
  const desk = await opened(api);
  desk.decide("approved");
  desk.decide("disapproved");
  await settled(desk);
  desk.decide("approved");
  desk.undo();
  await settled(desk);
  const both = ["s0.jpg was not approved. cyd decided it.", "s1.jpg was not disapproved. cyd decided it."];
  expect(refusals(desk)).toEqual(both);
  expect(desk.view().notice).toBe("Taken back: s2.jpg was approved.");
  desk.dismiss();
  expect(refusals(desk)).toEqual([]);
  expect(desk.view().notice).toBe("Taken back: s2.jpg was approved.");
});

function kept(): Keeper {
  let text: string | null = null;
  return {
    read: () => text,
    write: (next) => {
      text = next;
    },
  };
}

test("a desk that is opened again has its counts, what it held and the verdicts that can be taken back", async () => {
  const api = new ReviewApi(40);
  const keeper = kept();
  const before = await opened(api, keeper);
  before.decide("approved");
  before.decide("disapproved");
  await settled(before);
  const desk = await opened(api, keeper);
  expect(desk.view()).toMatchObject({ approved: 1, disapproved: 1, current: { snapshot_id: "s2" } });
  desk.undo();
  expect(desk.view()).toMatchObject({ approved: 1, disapproved: 0, current: { snapshot_id: "s1" } });
  await settled(desk);
  expect([...api.decided]).toEqual([["s0", "approved"]]);
  vi.setSystemTime(Date.now() + 600_000);
  expect((await opened(api, keeper)).view()).toMatchObject({ approved: 1, undoable: false });
});

test("what never arrives is back on the screen", async () => {
  const api = new ReviewApi(2);
  api.faults = Array(5).fill("before");
  const desk = await opened(api);
  desk.decide("approved");
  await settled(desk);
  expect(desk.view()).toMatchObject({ approved: 0, current: { snapshot_id: "s0" } });
});

test("an undo that never arrives leaves the verdict as it was", async () => {
  const api = new ReviewApi(2);
  const desk = await opened(api);
  desk.decide("approved");
  await settled(desk);
  api.faults = Array(5).fill("before");
  desk.undo();
  await settled(desk);
  expect(desk.view()).toMatchObject({ approved: 1, current: { snapshot_id: "s1" } });
  expect(refusals(desk)).toEqual([expect.stringContaining("s0.jpg is not undone.")]);
});

test.each(Array.from({ length: 100 }, (_, seed) => seed))(
  "the server has what the reviewer said, whatever is delayed or lost (seed %i)",
  async (seed) => {
    const random = seeded(seed);
    const api = new ReviewApi(40);
    api.delay = () => random() * 800;
    const desk = await opened(api);
    const said = new Map<string, string>();
    const order: string[] = [];
    for (let step = 0; step < 60; step++) {
      if (random() < 0.1) api.faults = [random() < 0.5 ? "before" : "after"];
      if (random() < 0.25 && order.length) {
        desk.undo();
        said.delete(order.pop()!);
      } else {
        const current = desk.view().current;
        if (!current) break;
        const decision = (["approved", "disapproved", "unsure"] as const)[Math.floor(random() * 3)]!;
        desk.decide(decision);
        said.set(current.snapshot_id, decision);
        order.push(current.snapshot_id);
      }
      await vi.advanceTimersByTimeAsync(random() * 300);
    }
    await settled(desk);
    expect(Object.fromEntries(api.decided)).toEqual(Object.fromEntries(said));
    const { approved, disapproved, unsure } = desk.view();
    expect(approved + disapproved + unsure).toBe(said.size);
  },
);
