// English: what is read around all pages.

import type { Formats } from "./formats";

export const shell = ({ count }: Formats) => ({
  titles: {
    overview: "Overview",
    review: "Review",
    team: "Review team",
    gallery: "Gallery",
    search: "Search",
    recommendations: "For you",
    products: "Products",
    imports: "Imports",
    jobs: "Store visits",
    logs: "Logs",
    keys: "Keys",
  },
  app: {
    skip: "Skip to the content",
    menu: "Menu",
    pages: "Pages",
    key: "Key",
    enterKey: "Enter a key",
    needsSecretKey: (page: string) => `${page} needs a secret key. <a>Enter one</a>`,
    loading: "Loading…",
  },
  changes: {
    failed: (said: string, why: string) => `Failed: ${said}. ${why}`,
    undone: (said: string) => `Undone: ${said}`,
    undo: "Undo",
    close: "Close",
    offline: (unsent: number) => `Offline: ${count(unsent)} unsent, to be sent once you are online.`,
  },
  api: {
    silent: "The API did not answer. Check the connection and the address.",
    responded: (status: number) => `The API answered ${status}.`,
    replaceKey: (given: string, stored: string) =>
      `The link that you opened brings the key ${given}. Use it in place of your key ${stored}?`,
  },
});
