import { cleanup, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { Connecting, useApi } from "./data";
import { Content, Problem } from "./parts";

const SESSION = { apiUrl: "http://api.test", key: "sk_1", reviewer: "", remember: false, shopUrl: "" };

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

/** Answers to searches, given when the test says so. */
function heldAnswers() {
  const held = new Map<string, (response: Response) => void>();
  vi.stubGlobal("fetch", (request: Request) => {
    const q = new URL(request.url).searchParams.get("q")!;
    return new Promise<Response>((answer) => held.set(q, answer));
  });
  return async (q: string, response = Response.json({ items: [{ text: q }] })) => {
    await waitFor(() => expect(held.has(q)).toBe(true));
    held.get(q)!(response);
  };
}

function Suggestions({ q }: { q: string }) {
  const found = useApi().useQuery("get", "/search/suggest", { params: { query: { q } } });
  return (
    <>
      <Problem of={found.error} />
      <Content of={found}>
        <p>{found.data?.items[0]?.text}</p>
      </Content>
    </>
  );
}
const page = (q: string) => (
  <Connecting session={SESSION}>
    <Suggestions q={q} />
  </Connecting>
);
const isDimmed = () => document.querySelector(".content")!.getAttribute("aria-busy") === "true";

test("old content stays, dimmed, until the answer to the newer question is there", async () => {
  const answer = heldAnswers();
  const { rerender } = render(page("tomato"));
  expect(isDimmed()).toBe(true);
  await answer("tomato");
  await screen.findByText("tomato");
  expect(isDimmed()).toBe(false);
  rerender(page("kiwi"));
  expect(screen.getByText("tomato")).toBeTruthy();
  expect(isDimmed()).toBe(true);
  await answer("kiwi");
  await screen.findByText("kiwi");
  expect(isDimmed()).toBe(false);
});

test("an answer that comes late does not overwrite a newer one", async () => {
  const answer = heldAnswers();
  const { rerender } = render(page("tomato"));
  rerender(page("kiwi"));
  await answer("kiwi");
  await screen.findByText("kiwi");
  await answer("tomato");
  await new Promise((resume) => setTimeout(resume, 20));
  expect(screen.queryByText("tomato")).toBeNull();
});

test("a refusal is told with the field that it is about", async () => {
  const answer = heldAnswers();
  render(page("x"));
  const errors = [{ pointer: "/q", detail: "is too short" }];
  await answer("x", Response.json({ detail: "It is invalid.", errors }, { status: 422 }));
  expect((await screen.findByRole("alert")).textContent).toContain("It is invalid. /q: is too short");
});
