// The language of the console: which one is shown, what it calls things, and how it writes numbers and times.

import { useSyncExternalStore } from "react";
import type { pages } from "./en-pages";
import type { shell } from "./en-shell";
import { type Formats, formats } from "./formats";

/** What is read around all pages. Catalogues of other languages have this type, so none lacks a key. */
export type Shell = ReturnType<typeof shell>;
/** What is read on the pages. */
export type Pages = ReturnType<typeof pages>;

/** The languages by their own names. A catalogue is loaded once its language is shown. */
export const LANGUAGES = {
  en: {
    name: "English",
    shell: async () => (await import("./en-shell")).shell,
    pages: async () => (await import("./en-pages")).pages,
  },
  de: {
    name: "Deutsch",
    shell: async () => (await import("./de-shell")).shell,
    pages: async () => (await import("./de-pages")).pages,
  },
};
export type Language = keyof typeof LANGUAGES;

/** The catalogue of the language shown; what pages say is in it once `pagesRead` is settled. */
export let t: Shell & Pages;
/** How the language shown writes numbers and times. */
export let format: Formats;
/** Settles when the pages' part of the catalogue is there. */
export let pagesRead: Promise<unknown> = Promise.resolve();

const CHOSEN = "vitrine.language";
const listeners = new Set<() => void>();
let shown: Language;
let wanted: Language;

const isLanguage = (text: string | null | undefined): text is Language => !!text && Object.hasOwn(LANGUAGES, text);
const languageOf = (locale: string) => locale.split("-")[0]!.toLowerCase();

/**
 * The language that was chosen, or else the first that the browser asks for (`de-AT`, `en`) and that there is, or else
 * English; with the browser's locale for it, which says how numbers and dates are written.
 */
export function preferred(chosen: string | null, asked: readonly string[]): { language: Language; locale: string } {
  const language = isLanguage(chosen) ? chosen : (asked.map(languageOf).find(isLanguage) ?? "en");
  return { language, locale: asked.find((locale) => languageOf(locale) === language) ?? language };
}

/** Show the language that was chosen or that the browser asks for. */
export const showPreferred = () => show(preferred(localStorage.getItem(CHOSEN), navigator.languages));

/** Show a language, now and when the console is opened again. Throws if its catalogue cannot be loaded. */
export async function choose(language: Language): Promise<void> {
  const { locale } = preferred(language, navigator.languages);
  await show({ language, locale }, { whole: true });
  if (wanted === language) localStorage.setItem(CHOSEN, language);
}

async function show({ language, locale }: ReturnType<typeof preferred>, { whole = false } = {}): Promise<void> {
  wanted = language;
  const written = formats(locale);
  const reading = LANGUAGES[language].pages();
  reading.catch(() => {}); // told to whoever waits for it
  const said = (await LANGUAGES[language].shell())(written) as Shell & Pages;
  const whenRead = reading.then((read) => Object.assign(said, read(written)));
  if (whole) await whenRead;
  if (wanted !== language) return;
  [shown, t, format, pagesRead] = [language, said, written, whenRead];
  document.documentElement.lang = language;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The language shown; what uses it is drawn again, with all in it, when another is chosen. */
export const useLanguage = () => useSyncExternalStore(subscribe, () => shown);

/** What a value of the API is called, or the value itself where it has no name. */
export const called = (names: Record<string, string>, value: string) => names[value] ?? value;
