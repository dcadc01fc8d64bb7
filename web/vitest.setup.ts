import { configure } from "@testing-library/dom";
import { vi } from "vitest";
import { pagesRead, showPreferred } from "./src/language";

// Machines that are busy take their time.
configure({ asyncUtilTimeout: 10_000 });

// Tests of files run in Node as it is, which has no page.
if (!("document" in globalThis)) {
  vi.stubGlobal("document", { documentElement: {} });
  vi.stubGlobal("localStorage", { getItem: () => null });
  vi.stubGlobal("navigator", { languages: [] });
}
await showPreferred();
await pagesRead;
