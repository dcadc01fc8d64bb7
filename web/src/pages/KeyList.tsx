import { type FormEvent, useState } from "react";
import { type Schema, untilTaken } from "../api";
import { useApi } from "../data";
import { Content, Dialog, More, moment, Problem } from "../parts";

type ApiKey = Schema<"KeyResponse">;
type NewKeyBody = Schema<"PostKeyRequest">;

const ROLES: Record<NewKeyBody["role"], string> = {
  publishable: "Publishable: for web pages",
  reviewer: "Reviewer: claims and verdicts under one name",
  editor: "Editor: everything but keys and erasing people",
  secret: "Secret: everything",
};
const OVERLAPS = { 0: "stops at once", 3600: "works for an hour more", 86400: "works for a day more" };

/** What a key's row may ask for; it answers whether that was done. */
interface Asks {
  isBusy: boolean;
  roll: (key: ApiKey, overlap_seconds: number) => void;
  revoke: (key: ApiKey) => void;
}

/** The merchant's keys: made, rolled and revoked. */
export function KeyList() {
  const api = useApi();
  const keys = api.useInfiniteQuery(
    "get",
    "/keys",
    { params: { query: { limit: 100 } } },
    { initialPageParam: null, getNextPageParam: (page) => page.next_cursor },
  );
  const [refusal, setRefusal] = useState<unknown>(null);
  const [made, setMade] = useState<Schema<"NewKeyResponse"> | null>(null);
  const [revoked, setRevoked] = useState<ApiKey | null>(null);
  const [isBusy, setIsBusy] = useState(false);

  /** Sends until it is taken, once: a repeated request has the same idempotency key. */
  async function send(request: (again: { "Idempotency-Key": string }) => Promise<{ data?: Schema<"NewKeyResponse"> }>) {
    setIsBusy(true);
    const again = { "Idempotency-Key": crypto.randomUUID() };
    try {
      const { data } = await untilTaken(() => request(again));
      if (data) setMade(data);
      setRefusal(null);
      await keys.refetch();
      return true;
    } catch (error) {
      setRefusal(error);
      return false;
    } finally {
      setIsBusy(false);
    }
  }
  const asks: Asks = {
    isBusy,
    roll: ({ key_id }, overlap_seconds) =>
      void send((header) =>
        api.client.POST("/keys/{key_id}/roll", { params: { path: { key_id }, header }, body: { overlap_seconds } }),
      ),
    revoke: setRevoked,
  };

  return (
    <section className="card" aria-label="Keys of the shop">
      <h2>Keys of the shop</h2>
      {made && <Made made={made} done={() => setMade(null)} />}
      <Problem of={refusal ?? keys.error} />
      {keys.data && (
        <Content of={keys}>
          <ul className="plain">
            {keys.data.pages
              .flatMap((page) => page.items)
              .map((key) => (
                <KeyRow key={key.key_id} shown={key} asks={asks} />
              ))}
          </ul>
          <More of={keys} />
          <NewKey
            isBusy={isBusy}
            create={(body) => send((header) => api.client.POST("/keys", { params: { header }, body }))}
          />
        </Content>
      )}
      {revoked && (
        <Dialog label={`Revoke ${nameOf(revoked)}`} close={() => setRevoked(null)}>
          <h2>Revoke {nameOf(revoked)}?</h2>
          <p>Whoever uses it is refused from then on. This cannot be undone.</p>
          <div className="buttons">
            <button
              type="button"
              className="disapprove"
              onClick={() => {
                setRevoked(null);
                const params = { path: { key_id: revoked.key_id } };
                void send(async () => {
                  await api.client.DELETE("/keys/{key_id}", { params });
                  return {};
                });
              }}
            >
              Revoke
            </button>
            <button type="button" onClick={() => setRevoked(null)}>
              Keep it
            </button>
          </div>
        </Dialog>
      )}
    </section>
  );
}

const nameOf = (key: ApiKey) => key.label || key.key_id;

function Made({ made, done }: { made: Schema<"NewKeyResponse">; done: () => void }) {
  return (
    <div className="card" role="status">
      <p>The new key{made.label && ` “${made.label}”`} is shown this once. Copy it now:</p>
      <p>
        <code>{made.key}</code>
      </p>
      <div className="buttons">
        <button type="button" onClick={() => void navigator.clipboard?.writeText(made.key)}>
          Copy
        </button>
        <button type="button" onClick={done}>
          Done
        </button>
      </div>
    </div>
  );
}

function KeyRow({ shown, asks }: { shown: ApiKey; asks: Asks }) {
  const [overlap, setOverlap] = useState("0");
  const name = nameOf(shown);
  const told = [
    shown.role,
    shown.reviewer,
    shown.origins.join(", "),
    `${shown.requests_per_minute} requests a minute`,
    shown.last_used_at ? `used ${moment(shown.last_used_at)}` : "never used",
    shown.revoked_at && `revoked ${moment(shown.revoked_at)}`,
  ].filter(Boolean);
  return (
    <li data-key={shown.key_id}>
      <strong>{name}</strong> <small>{told.join(" · ")}</small>
      {!shown.revoked_at && (
        <div className="buttons">
          <label className="inline">
            When rolled, the old key{" "}
            <select value={overlap} onChange={(event) => setOverlap(event.target.value)}>
              {Object.entries(OVERLAPS).map(([seconds, text]) => (
                <option key={seconds} value={seconds}>
                  {text}
                </option>
              ))}
            </select>
          </label>
          <button
            type="button"
            disabled={asks.isBusy}
            aria-label={`Roll ${name}`}
            onClick={() => asks.roll(shown, Number(overlap))}
          >
            Roll
          </button>
          <button type="button" disabled={asks.isBusy} aria-label={`Revoke ${name}`} onClick={() => asks.revoke(shown)}>
            Revoke
          </button>
        </div>
      )}
    </li>
  );
}

function NewKey({ isBusy, create }: { isBusy: boolean; create: (body: NewKeyBody) => Promise<boolean> }) {
  const [role, setRole] = useState<NewKeyBody["role"]>("publishable");
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const text = (name: string) => String(new FormData(form).get(name) ?? "").trim();
    const origins = text("origins")
      .split(/[\s,]+/)
      .filter(Boolean);
    const body = {
      role,
      label: text("label"),
      ...(role === "publishable" && origins.length ? { origins } : {}),
      ...(role === "reviewer" ? { reviewer: text("reviewer") } : {}),
    };
    if (await create(body)) form.reset();
  }
  return (
    <form className="fields" onSubmit={(event) => void submit(event)} aria-label="New key">
      <h3>New key</h3>
      <label>
        What it is for
        <input name="label" required maxLength={100} placeholder="Storefront" />
      </label>
      <label>
        Role
        <select value={role} onChange={(event) => setRole(event.target.value as NewKeyBody["role"])}>
          {Object.entries(ROLES).map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
      </label>
      {role === "publishable" && (
        <label>
          Origins of the pages that may use it
          <input name="origins" placeholder="https://shop.example" />
          <small>All, when empty.</small>
        </label>
      )}
      {role === "reviewer" && (
        <label>
          The reviewer's name
          <input name="reviewer" required maxLength={64} placeholder="ann" />
        </label>
      )}
      <button type="submit" className="primary" disabled={isBusy}>
        Make the key
      </button>
    </form>
  );
}
