import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test } from "vitest";
import { useAddress } from "./address";

beforeEach(() => history.replaceState(null, "", "#/search?q=kiwi"));
afterEach(cleanup);

test("the address says which page is shown and what it was asked for", () => {
  const { result } = renderHook(useAddress);
  expect(result.current.route).toBe("search");
  expect(result.current.asked.get("q")).toBe("kiwi");
});

test("filters go into the address and come out of it, one entry in the history each", () => {
  const { result } = renderHook(useAddress);
  const before = history.length;
  act(() => result.current.ask({ tag: "red & round" }));
  expect(location.hash).toBe("#/search?q=kiwi&tag=red+%26+round");
  expect(result.current.asked.get("tag")).toBe("red & round");
  act(() => result.current.ask({ tag: null, q: "" }));
  expect(location.hash).toBe("#/search");
  expect(history.length).toBe(before + 2);
});

test("typing leaves no entries in the history", () => {
  const { result } = renderHook(useAddress);
  const before = history.length;
  act(() => result.current.ask({ q: "kiwis" }, { typing: true }));
  expect(result.current.asked.get("q")).toBe("kiwis");
  expect(history.length).toBe(before);
});
