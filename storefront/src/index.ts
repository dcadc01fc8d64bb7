/** Vitrine for any page or framework: read galleries, search and recommendations; count views and clicks. */

import { Outbox } from "./outbox";
import { randomId, Storage } from "./storage";
import type { ImagePage, RecommendationPage, SearchPage } from "./types";
import { whenClicked, whenViewed } from "./viewed";

export type * from "./types";

export interface Options {
  /** The shop's publishable key, `pk_…`. */
  key: string;
  /** The address of the API, without a slash at its end. */
  api: string;
  /** Store nothing and name no visitor until `consent(true)`. */
  needsConsent?: boolean;
  /** A token that the shop's server signed for the shopper who is logged in. */
  userToken?: string;
  /** The `user_id` that the token names. */
  userId?: string;
}

export interface ReadOptions {
  limit?: number;
  cursor?: string | null;
  signal?: AbortSignal;
}

/** Where an event's image stood, and what brought it there. */
export interface Shown {
  position?: number;
}

export interface RecommendationOptions extends ReadOptions {
  strategy?: "hybrid" | "collaborative" | "content" | "popular";
  category?: string;
  /** Products that go with this one, in place of products for the shopper. */
  productId?: string;
}

/** How long, and for how many products, a click on a recommendation is credited with a purchase. */
const CREDIT_MS = 7 * 86_400_000;
const MOST_CREDITS = 50;
/** Larger than the age of a cached answer, smaller than what the API lets a clock be ahead. */
const CLOCKS_DIFFER_MS = 240_000;

export type Vitrine = ReturnType<typeof createVitrine>;

/** The API answered with an error, or not at all (`status` 0). */
export class VitrineError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export function createVitrine({ key, api, needsConsent = false, userToken, userId }: Options) {
  const storage = new Storage(needsConsent);
  const address = (path: string, query: Record<string, unknown> = {}): string => {
    const parameters = new URLSearchParams({ key });
    for (const [name, value] of Object.entries(query)) if (value != null && value !== "") parameters.set(name, `${value}`);
    return `${api}${path}?${parameters}`;
  };
  const outbox = new Outbox(address, storage);

  /** By how much the API's clock is ahead of this device's, where that is more than events may differ by. */
  let ahead = 0;
  const now = (): string => new Date(Date.now() + ahead).toISOString();
  const learnTime = ({ headers }: Response): void => {
    const difference = Date.parse(headers.get("Date") ?? "") - Date.now();
    ahead = Math.abs(difference) > CLOCKS_DIFFER_MS ? difference : 0; // NaN, where there is no such header, is no more
  };

  /** Who the page says the shopper is: the user of a token, a random visitor, or nobody. */
  const person = (): string | undefined => {
    if (userToken) return userId;
    if (!storage.allowed) return undefined;
    if (!storage.get("visitor")) storage.set("visitor", randomId());
    const visitor = storage.get("visitor"); // null where storage is full: the server's daily digest stands in
    return visitor ? `visitor:${visitor}` : undefined;
  };

  const read = async <Result>(path: string, query: Record<string, unknown>, { signal, ...paging }: ReadOptions = {}) => {
    const options: RequestInit = { signal: signal ?? null };
    if (userToken) options.headers = { "X-User-Token": userToken };
    const url = address(path, { ...query, ...paging });
    let answer = await fetch(url, options).catch(() => null);
    if (answer) learnTime(answer);
    // While the API is down, the last answer that this browser kept is better than nothing.
    if (!signal?.aborted && (!answer || answer.status >= 500)) {
      answer = (await fetch(url, { ...options, cache: "force-cache" }).catch(() => null)) ?? answer;
    }
    const content = await answer?.json().catch(() => null);
    if (!answer?.ok) throw new VitrineError(answer?.status ?? 0, content?.detail ?? "The API did not answer.");
    return content as Result;
  };

  const named = (): object => {
    const user_id = person();
    return user_id ? { user_id, session_id: user_id, ...(userToken && { user_token: userToken }) } : {};
  };

  const interact = (type: "view" | "click" | "purchase", product_id: string, more: object = {}): void => {
    const interaction_id = randomId();
    const who = named() as { user_id?: string; session_id?: string };
    if (!who.user_id) return; // an interaction belongs to a person; nobody is named
    delete who.session_id;
    const body = { interaction_id, type, product_id, occurred_at: now(), ...who, ...more };
    outbox.add(interaction_id, { path: "/interactions", list: "interactions", body }, type !== "view");
  };

  /** What was clicked in lists of recommendations: `[product_id, recommendation_id, time]`, the newest first. */
  const credits = (): [string, string, number][] => {
    try {
      const kept = JSON.parse(storage.get("credits") ?? "[]") as [string, string, number][];
      return kept.filter(([, , time]) => time > Date.now() - CREDIT_MS);
    } catch {
      return [];
    }
  };

  return {
    gallery(id: string) {
      const path = `/galleries/${encodeURIComponent(id)}`;
      const seen = new Set<string>();
      const count = (type: "view" | "click", image_id: string, shown: Shown = {}): void => {
        const event_id = randomId();
        const body = { event_id, type, image_id, occurred_at: now(), ...named(), ...shown };
        outbox.add(event_id, { path: `${path}/events`, list: "events", body }, type === "click");
      };
      /** Count one view of an image on this page. */
      const view = (image_id: string, shown?: Shown): void => {
        if (seen.has(image_id)) return;
        seen.add(image_id);
        count("view", image_id, shown);
      };
      let visitor: string | undefined;
      return {
        /** A page of the gallery in its order, which may differ by visitor: then it is read again for this one. */
        async images(options?: ReadOptions): Promise<ImagePage> {
          const page = await read<ImagePage>(`${path}/images`, { session_id: visitor }, options);
          if (!page.by_visitor || visitor || options?.cursor || !(visitor = person())) return page;
          return read<ImagePage>(`${path}/images`, { session_id: visitor }, options);
        },
        view,
        click: (image_id: string, shown?: Shown) => count("click", image_id, shown),
        /** Count a view once the element's picture was seen (half of it for one second), and its clicks. Returns how to stop. */
        observe(element: Element, image_id: string, shown?: Shown): () => void {
          const stops = [
            whenViewed(element.querySelector("img") ?? element, () => view(image_id, shown)),
            whenClicked(element, () => count("click", image_id, shown)),
          ];
          return () => stops.forEach((stop) => stop());
        },
      };
    },

    search: (q: string, { facets = [], filters = {}, ...options }: ReadOptions & { facets?: string[]; filters?: Record<string, string> } = {}) =>
      read<SearchPage>("/search/images", { q, facets: facets.join(), ...filters }, options),

    suggest: async (q: string, options?: ReadOptions): Promise<string[]> =>
      (await read<{ items: { text: string }[] }>("/search/suggest", { q }, options)).items.map((item) => item.text),

    /** Products for this shopper, or those that go with a product. */
    async recommendations({ strategy, category, productId, ...options }: RecommendationOptions = {}) {
      if (productId) return read<RecommendationPage>(`/products/${encodeURIComponent(productId)}/similar`, {}, options);
      return read<RecommendationPage>(`/users/${encodeURIComponent(person() ?? "anyone")}/recommendations`, { strategy, category }, options);
    },

    /** A product was looked at, by a person who may be named. */
    viewProduct: (product_id: string) => interact("view", product_id),

    /** A product was clicked, perhaps in a list of recommendations: what is bought of it later is credited to that list. */
    clickProduct(product_id: string, recommendation_id?: string): void {
      if (recommendation_id) {
        const others = credits().filter(([id]) => id !== product_id);
        storage.set("credits", JSON.stringify([[product_id, recommendation_id, Date.now()], ...others].slice(0, MOST_CREDITS)));
      }
      interact("click", product_id, recommendation_id ? { recommendation_id } : {});
    },

    /** A product was bought; `value` is what it was worth. Credited to the list that it was clicked in within a week. */
    purchase(product_id: string, value?: number): void {
      const recommendation_id = credits().find(([id]) => id === product_id)?.[1];
      interact("purchase", product_id, { ...(value != null && { value }), ...(recommendation_id && { recommendation_id }) });
    },

    /** The shopper agrees to being recognised on the next page, or takes that back. */
    consent(given: boolean): void {
      storage.consent(given);
      outbox.keep();
    },

    /** Count nothing of this shopper from now on, and forget what was stored. */
    optOut(): void {
      storage.optOut();
      outbox.clear();
    },

    /** Send what is pending now. */
    flush: () => outbox.flush(),
  };
}
