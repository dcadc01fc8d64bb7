// The HTTP API with the key that was entered.

export interface Session {
  apiUrl: string;
  key: string;
  reviewer: string;
  /** Whether the key outlives this tab. */
  remember: boolean;
  /** The address of the demo shop, where there is one. */
  shopUrl: string;
}

export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }

  /** Whether the same request may succeed later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const STORED = "vitrine.session";

/**
 * What was entered before. A key in the address (`#/…?key=sk_…`) is removed from it, and taken over where there is no
 * other one yet, or where the person at the screen agrees to replace that one.
 */
export async function loadSession(): Promise<Session> {
  const remembered = localStorage.getItem(STORED);
  const stored: Partial<Session> = JSON.parse(sessionStorage.getItem(STORED) ?? remembered ?? "{}");
  const deployed = (await fetch("./config.json")
    .then((answer) => (answer.ok ? answer.json() : {}))
    .catch(() => ({}))) as { api_url?: string; shop_url?: string };
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
  return `The link that you opened brings the key ${begin(given)}. Use it in place of your key ${begin(stored)}?`;
}

/** One request. Throws ApiError with a sentence that a person can act on. */
export async function call<Result>(session: Session, method: string, path: string, body?: unknown): Promise<Result> {
  const headers: Record<string, string> = { "X-Api-Key": session.key };
  if (session.reviewer) headers["X-Reviewer"] = session.reviewer;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer: Response;
  try {
    answer = await fetch(session.apiUrl + path, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
  } catch {
    throw new ApiError(0, "The API did not answer. Check the connection and the address.");
  }
  const text = await answer.text();
  const content = text && answer.headers.get("Content-Type")?.includes("json") ? JSON.parse(text) : null;
  if (!answer.ok) {
    throw new ApiError(answer.status, content?.detail ?? content?.error ?? content?.message ?? `The API answered ${answer.status}.`);
  }
  return content as Result;
}

/** A request that is sent again, after growing pauses, while it may still succeed. */
export async function callUntilTaken<Result>(session: Session, method: string, path: string, body?: unknown): Promise<Result> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call<Result>(session, method, path, body);
    } catch (error) {
      if (attempt === 4 || !(error instanceof ApiError) || !error.isPassing) throw error;
      await new Promise((resume) => setTimeout(resume, 250 * 2 ** attempt));
    }
  }
}

export function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
