import { expect, test } from "vitest";
import { preferred } from ".";
import { formats } from "./formats";

test.each([
  ["what was chosen", "en", ["de-AT", "de"], "en", "en"],
  ["what was chosen, as the browser's country writes it", "en", ["fr", "en-GB"], "en", "en-GB"],
  ["the first that there is", null, ["fr-FR", "en-IE", "de"], "en", "en-IE"],
  ["English where there is none", null, ["fr-FR"], "en", "en"],
  ["English where none is asked for", null, [], "en", "en"],
  ["English where something else was kept", "klingon", ["fr"], "en", "en"],
])("the console speaks %s", (_, chosen, asked, language, locale) => {
  expect(preferred(chosen, asked)).toEqual({ language, locale });
});

test("numbers, times and counted things are written as the country writes them", () => {
  const { count, counted, decimal, percent, rate, growth, money, length, day } = formats("en-GB");
  expect([count(1200), decimal(1.5), percent(0.5), rate(0.1), growth(0.12)]).toEqual([
    "1,200",
    "1.50",
    "50%",
    "10.0%",
    "+12%",
  ]);
  expect(money(2.5, "EUR")).toBe("€2.50");
  expect(money(2.5, null)).toBe("2.5");
  expect(length(24, "hour")).toBe("24 hours");
  expect(day("2026-11-30")).toBe("30 Nov 2026");
  const files = { one: "file", other: "files" };
  expect([0, 1, 2].map((number) => counted(number, files))).toEqual(["0 files", "1 file", "2 files"]);
  expect(formats("pl").plural(3, { one: "plik", few: "pliki", other: "plików" })).toBe("pliki");
});
