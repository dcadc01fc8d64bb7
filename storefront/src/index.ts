/** Vitrine for any page or framework: read galleries, search and recommendations; count views and clicks. */

import type { components } from "../generated/openapi";
import { Outbox } from "./outbox";
import { randomId, Storage } from "./storage";
import type { ImagePage, RecommendationPage, SearchPage } from "./types";
import { whenClicked, whenViewed } from "./viewed";

export type * from "./types";

type Sent = components["schemas"];

export interface Options {
  /** The shop's publishable key, `pk_…`. */
  key: string;
  /** The address of the API, without a trailing slash. */
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

/** What the page says of an event's image. */
export interface Shown {
  /** Its 1-based place in the whole order: a gallery's `position`, or its place among the hits of all pages. */
  position?: number | undefined;
  /** The arm of an experiment that put it there. */
  arm?: string | undefined;
  /** The search that found the image, and the one that the shopper looked at before. */
  search_id?: string | undefined;
  previous_search_id?: string | undefined;
}

export interface RecommendationOptions extends ReadOptions {
  strategy?: "hybrid" | "collaborative" | "content" | "popular";
  category?: string;
  /** Return products similar to this one instead of products for the shopper. */
  productId?: string;
  /** Return products that go with these, in the order they were put into the basket. Of more than 50 the last count. */
  basket?: string[];
  /** Leave these products out; of more than 50 the last. */
  exclude?: string[];
}

/** How long, and for how many products, a click on a recommendation is credited with a purchase. */
const CREDIT_MS = 7 * 86_400_000;
const MOST_CREDITS = 50;
/** The most products that the API takes in one list of ids. */
const MOST_IDS = 50;
/** Longer than the age of a cached response, shorter than the API allows a clock to be ahead. */
const CLOCKS_DIFFER_MS = 240_000;

export type Vitrine = ReturnType<typeof createVitrine>;

/** The API returned an error, or did not respond (`status` 0). */
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

  /** How far the API's clock is ahead of this device's, if that is more than events may differ by. */
  let ahead = 0;
  const now = (): string => new Date(Date.now() + ahead).toISOString();
  const learnTime = ({ headers }: Response): void => {
    const difference = Date.parse(headers.get("Date") ?? "") - Date.now();
    ahead = Math.abs(difference) > CLOCKS_DIFFER_MS ? difference : 0; // without the header it is NaN, which is not greater
  };

  /** Who the shopper is: the user of a token, a random visitor, or nobody. */
  const person = (): string | undefined => {
    if (userToken) return userId;
    if (!storage.allowed) return undefined;
    if (!storage.get("visitor")) storage.set("visitor", randomId());
    const visitor = storage.get("visitor"); // null when storage is full: the server then uses its daily digest
    return visitor ? `visitor:${visitor}` : undefined;
  };

  const read = async <Result>(path: string, query: Record<string, unknown>, { signal, ...paging }: ReadOptions = {}, body?: object) => {
    const options: RequestInit = { signal: signal ?? null };
    // A text needs no preflight.
    if (body) Object.assign(options, { method: "POST", body: JSON.stringify(body) });
    if (userToken) options.headers = { "X-User-Token": userToken };
    const url = address(path, { ...query, ...paging });
    let answer = await fetch(url, options).catch(() => null);
    if (answer) learnTime(answer);
    // While the API is down, the last response in this browser's cache is better than nothing.
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

  const interact = (type: Sent["PostedInteraction"]["type"], product_id: string, more: object = {}): void => {
    const interaction_id = randomId();
    const who = named() as { user_id?: string; session_id?: string };
    if (!who.user_id) return; // an interaction needs a person
    delete who.session_id;
    const body = { interaction_id, type, product_id, occurred_at: now(), ...who, ...more };
    outbox.add(interaction_id, { path: "/interactions", list: "interactions", body }, type !== "view");
  };

  /** Clicks in lists of recommendations: `[product_id, recommendation_id, time]`, newest first. */
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
      const count = (type: Sent["NewEvent"]["type"], image_id: string, shown: Shown = {}): void => {
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
        /** A page of the gallery in its order. If the order differs by visitor, it is read again for this one. */
        async images(options?: ReadOptions): Promise<ImagePage> {
          const page = await read<ImagePage>(`${path}/images`, { session_id: visitor }, options);
          if (!page.by_visitor || visitor || options?.cursor || !(visitor = person())) return page;
          return read<ImagePage>(`${path}/images`, { session_id: visitor }, options);
        },
        view,
        click: (image_id: string, shown?: Shown) => count("click", image_id, shown),
        /** Count a view once the element's picture was seen (half of it for one second), and its clicks. Returns a function that stops this. */
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

    /** Count a search whose hits the shopper looks at. */
    searched(search_id: string): void {
      const event_id = randomId();
      const { session_id } = named() as { session_id?: string };
      outbox.add(event_id, { path: "/search/events", list: "events", body: { event_id, search_id, session_id, occurred_at: now() } });
    },

    suggest: async (q: string, options?: ReadOptions): Promise<string[]> =>
      (await read<{ items: { text: string }[] }>("/search/suggest", { q }, options)).items.map((item) => item.text),

    /** Products for this shopper, products similar to one, or products that go with a basket. */
    async recommendations({ strategy, category, productId, basket = [], exclude = [], ...options }: RecommendationOptions = {}) {
      const left = { exclude: exclude.slice(-MOST_IDS).join() };
      if (productId) return read<RecommendationPage>(`/products/${encodeURIComponent(productId)}/similar`, left, options);
      if (basket.length) return read<RecommendationPage>("/recommendations/for-basket", left, options, { product_ids: basket.slice(-MOST_IDS) });
      return read<RecommendationPage>(`/users/${encodeURIComponent(person() ?? "anyone")}/recommendations`, { ...left, strategy, category }, options);
    },

    /** Record that an identified person viewed a product. */
    viewProduct: (product_id: string) => interact("view", product_id),

    /** Record a click on a product. If it was in a list of recommendations, a later purchase is credited to that list. */
    clickProduct(product_id: string, recommendation_id?: string): void {
      if (recommendation_id) {
        const others = credits().filter(([id]) => id !== product_id);
        storage.set("credits", JSON.stringify([[product_id, recommendation_id, Date.now()], ...others].slice(0, MOST_CREDITS)));
      }
      interact("click", product_id, recommendation_id ? { recommendation_id } : {});
    },

    /** Record a purchase of a product and its `value`. It is credited to the list in which the product was clicked within a week. */
    purchase(product_id: string, value?: number): void {
      const recommendation_id = credits().find(([id]) => id === product_id)?.[1];
      interact("purchase", product_id, { ...(value != null && { value }), ...(recommendation_id && { recommendation_id }) });
    },

    /** Store whether the shopper agrees to being recognised on the next page. */
    consent(given: boolean): void {
      storage.consent(given);
      outbox.keep();
    },

    /** Count nothing of this shopper from now on, and delete what was stored. */
    optOut(): void {
      storage.optOut();
      outbox.clear();
    },

    /** Send what is pending now. */
    flush: () => outbox.flush(),
  };
}
