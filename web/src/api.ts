// The HTTP API with the key that was entered, typed by the API's OpenAPI document.

import createFetchClient from "openapi-fetch";
import createQueries from "openapi-react-query";
import type { components, paths } from "../generated/openapi";
import { t } from "./language";

export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

export interface Session {
  apiUrl: string;
  key: string;
  reviewer: string;
  /** Whether the key outlives this tab. */
  remember: boolean;
  /** The address of the demo shop, where there is one. */
  shopUrl: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** Whether the API worded it, in English. */
    readonly isOfApi = false,
  ) {
    super(message);
  }

  /** Whether the same request may succeed later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const STORED = "vitrine.session";

/** The addresses of the API and the demo shop, where the app is deployed beside them. */
export interface Deployed {
  api_url?: string;
  shop_url?: string;
}

export async function readDeployed(): Promise<Deployed> {
  return fetch("./config.json")
    .then((answer) => (answer.ok ? answer.json() : {}))
    .catch(() => ({}));
}

/**
 * What was entered before. A key in the address (`#/…?key=sk_…`) is removed from it, and taken over where there is no
 * other one yet, or where the person at the screen agrees to replace that one.
 */
export function loadSession(deployed: Deployed): Session {
  const remembered = localStorage.getItem(STORED);
  const stored: Partial<Session> = JSON.parse(sessionStorage.getItem(STORED) ?? remembered ?? "{}");
  const [route, query] = location.hash.split("?");
  const given = new URLSearchParams(query).get("key");
  if (given) history.replaceState(null, "", route || "#/");
  const takesOver = given && (!stored.key || stored.key === given || confirm(asksToReplace(stored.key, given)));
  const session = {
    apiUrl: deployed.api_url ?? stored.apiUrl ?? "",
    key: (takesOver ? given : stored.key) ?? "",
    remember: stored.remember ?? remembered !== null,
    reviewer: stored.reviewer ?? "",
    shopUrl: deployed.shop_url ?? "",
  };
  saveSession(session);
  return session;
}

/** Keep the session for this tab, or beyond it where it is to be remembered. */
export function saveSession(session: Session): void {
  const [chosen, other] = session.remember ? [localStorage, sessionStorage] : [sessionStorage, localStorage];
  chosen.setItem(STORED, JSON.stringify(session));
  other.removeItem(STORED);
}

function asksToReplace(stored: string, given: string): string {
  const begin = (key: string) => `${key.slice(0, 7)}…`;
  return t.api.replaceKey(begin(given), begin(stored));
}

/** Requests with the session's key. They throw ApiError with a sentence that a person can act on. */
export function connect(session: Session) {
  const client = createFetchClient<paths>({
    baseUrl: session.apiUrl,
    headers: { "X-Api-Key": session.key },
    querySerializer: { object: { style: "form", explode: true } },
  });
  client.use({
    onError: ({ error }) =>
      error instanceof DOMException && error.name === "AbortError" ? error : new ApiError(0, t.api.silent),
    onResponse: async ({ response }) => {
      if (!response.ok) throw await refusal(response);
    },
  });
  const queries = createQueries(client);
  // Pages of a list have a key of their own: the same request read at once has another form.
  const readPages = ((method: never, path: never, init: never, options: object) =>
    queries.useInfiniteQuery(method, path, init, {
      ...options,
      queryKey: [method, path, init, "pages"],
    } as never)) as typeof queries.useInfiniteQuery;
  return { client, ...queries, useInfiniteQuery: readPages };
}

export type Api = ReturnType<typeof connect>;

async function refusal(response: Response): Promise<ApiError> {
  const told = await response.json().catch(() => null);
  const where = told?.errors?.[0];
  const text = told?.detail ?? told?.error ?? told?.message;
  if (!text) return new ApiError(response.status, t.api.responded(response.status));
  return new ApiError(response.status, where ? `${text} ${where.pointer}: ${where.detail}` : text, true);
}

/** What a request answers that is sent again, after growing pauses, while it may still succeed. */
export async function untilTaken<Result>(send: () => Promise<Result>): Promise<Result> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      if (attempt === 4 || !(error instanceof ApiError) || !error.isPassing) throw error;
      await new Promise((resume) => setTimeout(resume, 250 * 2 ** attempt));
    }
  }
}

export function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
