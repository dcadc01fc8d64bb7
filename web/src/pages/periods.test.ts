import { expect, test } from "vitest";
import { filled, growth, spanOf } from "./periods";

const NOW = Date.parse("2026-03-09T12:30:00Z");

test("a period ends with the running step, and the one before it is as long", () => {
  const hours = spanOf("24h", NOW);
  expect([hours.before, hours.from, hours.to].map((at) => at.toISOString())).toEqual([
    "2026-03-07T13:00:00.000Z",
    "2026-03-08T13:00:00.000Z",
    "2026-03-09T13:00:00.000Z",
  ]);
  expect(spanOf("7d", NOW).from.toISOString()).toBe("2026-03-03T00:00:00.000Z");
});

test("hours in which nothing was counted are there, as zeros", () => {
  const { from } = spanOf("24h", NOW);
  const steps = filled("24h", from, [{ start: "2026-03-09T12:00:00Z", views: 3, clicks: 1 }]);
  expect(steps).toHaveLength(24);
  expect(steps.at(-1)).toMatchObject({ views: 3, clicks: 1 });
  expect(steps.slice(0, -1).every((step) => step.views === 0)).toBe(true);
});

test("growth from nothing has no share", () => {
  expect(growth(15, 10)).toBe(0.5);
  expect(growth(5, 0)).toBeNull();
});
