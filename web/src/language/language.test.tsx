import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { App } from "../App";
import { list, SESSION, serve, startFresh } from "../pages/testing";
import { choose, format, preferred, showPreferred, t } from ".";
import { formats } from "./formats";

startFresh();
afterEach(() => act(() => choose("en")));

const asks = (...languages: string[]) => vi.spyOn(navigator, "languages", "get").mockReturnValue(languages);

test.each([
  ["what was chosen", "en", ["de-AT", "de"], "en", "en"],
  ["what was chosen, as the browser's country writes it", "en", ["fr", "en-GB"], "en", "en-GB"],
  ["the first that there is", null, ["fr-FR", "de-AT", "en"], "de", "de-AT"],
  ["what was chosen, whatever the browser asks for", "de", ["en-GB"], "de", "de"],
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

test("German is written as in Germany", () => {
  const { count, decimal, percent, growth, money, length, moment } = formats("de");
  expect([count(1200), decimal(1.5), percent(0.5), growth(0.12)]).toEqual(["1.200", "1,50", "50\u00a0%", "+12\u00a0%"]);
  expect(money(2.5, "EUR")).toBe("2,50\u00a0€");
  expect(length(7, "day")).toBe("7 Tage");
  expect(moment("2026-11-30T12:00:00")).toBe("30.11.2026, 12:00");
});

test("the console speaks as the browser asks", async () => {
  asks("de-AT", "en");
  await showPreferred();
  expect(document.documentElement.lang).toBe("de");
  expect(t.titles.overview).toBe("Übersicht");
  expect(format.money(2.5, "EUR")).toMatch(/^€.2,50$/); // as Austria writes it
  expect(localStorage.getItem("vitrine.language")).toBeNull();
});

test("a language is chosen, shown at once and kept", async () => {
  serve({ "GET /keys": () => list([]) });
  history.replaceState(null, "", "#/keys");
  render(<App loaded={SESSION} />);
  fireEvent.change(await screen.findByLabelText(/^Your name/), { target: { value: "Ann" } });
  fireEvent.change(screen.getByLabelText("Language"), { target: { value: "de" } });
  await screen.findByRole("heading", { name: "Ihr Schlüssel" });
  expect(screen.getByLabelText<HTMLInputElement>(/^Ihr Name/).value).toBe("Ann");
  expect(screen.getByRole("navigation", { name: "Seiten" }).textContent).toContain("Übersicht");
  expect(document.documentElement.lang).toBe("de");
  await waitFor(() => expect(document.title).toBe("Schlüssel · Vitrine"));
  asks("en");
  await act(() => showPreferred());
  expect(screen.getByLabelText<HTMLSelectElement>("Sprache").value).toBe("de");
});

test("what is chosen last is shown, whichever catalogue comes first", async () => {
  await Promise.all([choose("de"), choose("en")]);
  expect(t.titles.overview).toBe("Overview");
  expect(localStorage.getItem("vitrine.language")).toBe("en");
});

test("the API's words stay English, and are said to be", async () => {
  await choose("de");
  serve({ "GET /galleries": () => Response.json({ detail: "It is not there." }, { status: 404 }) });
  history.replaceState(null, "", "#/gallery");
  render(<App loaded={SESSION} />);
  const told = await screen.findByText("It is not there.");
  expect(told.lang).toBe("en");
  expect(screen.getByRole("heading", { name: "Galerie" })).toBeTruthy();
});
