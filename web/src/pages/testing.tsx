// For tests of pages.

import { cleanup, render } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, vi } from "vitest";
import { ChangesProvider } from "../changes";
import { Connecting } from "../data";

export const SESSION = { apiUrl: "http://api.test", key: "sk_1", reviewer: "", remember: false, shopUrl: "" };
export const props = { session: SESSION, change: () => {} };

export type Body = Record<string, unknown>;
type Answers = Record<string, (found: { id: string; query: URLSearchParams; body: Body }) => Response | Body>;

/** Answers requests as `METHOD /path/{id}` says, and notes the writes. */
export function serve(answers: Answers): string[] {
  const writes: string[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const url = new URL(request.url);
    const text = await request.text();
    const body = text ? JSON.parse(text) : {};
    if (request.method !== "GET") writes.push(`${request.method} ${url.pathname} ${text}`.trim());
    const exact = answers[`${request.method} ${url.pathname}`];
    const id = url.pathname.split("/").at(-1)!;
    const byId = answers[`${request.method} ${url.pathname.replace(/[^/]+$/, "{id}")}`];
    const answer = (exact ?? byId)?.({ id, query: url.searchParams, body });
    if (!answer) return Response.json({ detail: `no answer to ${url.pathname}` }, { status: 404 });
    return answer instanceof Response ? answer : Response.json(answer);
  });
  return writes;
}

export const list = (items: Body[]) => ({ items, next_cursor: null });
export const show = (page: ReactNode) =>
  render(
    <Connecting session={SESSION}>
      <ChangesProvider>{page}</ChangesProvider>
    </Connecting>,
  );

/** jsdom has no pointers. */
class Pointer extends MouseEvent {
  readonly pointerId: number;
  readonly pointerType: string;
  constructor(type: string, init: PointerEventInit) {
    super(type, init);
    this.pointerId = init.pointerId ?? 0;
    this.pointerType = init.pointerType ?? "";
  }
}

/** Every test begins at the first page, in a browser that has what jsdom lacks. */
export function startFresh(): void {
  beforeEach(() => {
    history.replaceState(null, "", "#/");
    vi.stubGlobal(
      "ResizeObserver",
      class {
        observe() {}
        disconnect() {}
        unobserve() {}
      },
    );
    document.defaultView!.PointerEvent = Pointer as typeof PointerEvent;
    // jsdom lays nothing out, and a grid without a width shows no pictures.
    Object.defineProperty(HTMLElement.prototype, "clientWidth", { configurable: true, value: 1 });
    // jsdom neither scrolls nor has modal dialogs.
    vi.stubGlobal("scrollTo", () => {});
    vi.stubGlobal("scrollBy", () => {});
    HTMLDialogElement.prototype.showModal = function () {
      this.open = true;
    };
    HTMLDialogElement.prototype.close = function () {
      this.open = false;
    };
  });
  afterEach(() => {
    cleanup();
    localStorage.clear();
    vi.unstubAllGlobals();
  });
}
