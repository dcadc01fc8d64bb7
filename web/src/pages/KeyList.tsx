import { type FormEvent, useState } from "react";
import { type Schema, untilTaken } from "../api";
import { itemsOf, PAGES, useApi } from "../data";
import { t } from "../language";
import { Content, Dialog, More, Problem } from "../parts";

type ApiKey = Schema<"KeyResponse">;
type NewKeyBody = Schema<"PostKeyRequest">;

/** What a key's row may ask for; it answers whether that was done. */
interface Asks {
  isBusy: boolean;
  roll: (key: ApiKey, overlap_seconds: number) => void;
  revoke: (key: ApiKey) => void;
}

/** The merchant's keys: made, rolled and revoked. */
export function KeyList() {
  const api = useApi();
  const keys = api.useInfiniteQuery("get", "/keys", { params: { query: { limit: 100 } } }, PAGES);
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
    <section className="card" aria-label={t.keys.ofShop}>
      <h2>{t.keys.ofShop}</h2>
      {made && <Made made={made} done={() => setMade(null)} />}
      <Problem of={refusal ?? keys.error} />
      {keys.data && (
        <Content of={keys}>
          <ul className="plain">
            {itemsOf(keys).map((key) => (
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
        <Dialog label={t.keys.revokeIt(nameOf(revoked))} close={() => setRevoked(null)}>
          <h2>{t.keys.revokeQuestion(nameOf(revoked))}</h2>
          <p>{t.keys.revokeWarning}</p>
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
              {t.keys.revoke}
            </button>
            <button type="button" onClick={() => setRevoked(null)}>
              {t.keys.keep}
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
      <p>{made.label ? t.keys.madeNamed(made.label) : t.keys.made}</p>
      <p>
        <code>{made.key}</code>
      </p>
      <div className="buttons">
        <button type="button" onClick={() => void navigator.clipboard?.writeText(made.key)}>
          {t.keys.copy}
        </button>
        <button type="button" onClick={done}>
          {t.keys.done}
        </button>
      </div>
    </div>
  );
}

function KeyRow({ shown, asks }: { shown: ApiKey; asks: Asks }) {
  const [overlap, setOverlap] = useState("0");
  const name = nameOf(shown);
  const told = [
    t.roles[shown.role],
    shown.reviewer,
    shown.origins.join(", "),
    t.keys.perMinute(shown.requests_per_minute),
    shown.last_used_at ? t.keys.used(shown.last_used_at) : t.keys.neverUsed,
    shown.revoked_at && t.keys.revoked(shown.revoked_at),
  ].filter(Boolean);
  return (
    <li data-key={shown.key_id}>
      <strong>{name}</strong> <small>{told.join(" · ")}</small>
      {!shown.revoked_at && (
        <div className="buttons">
          <label className="inline">
            {t.keys.whenRolled}{" "}
            <select value={overlap} onChange={(event) => setOverlap(event.target.value)}>
              {Object.entries(t.keys.overlaps).map(([seconds, text]) => (
                <option key={seconds} value={seconds}>
                  {text}
                </option>
              ))}
            </select>
          </label>
          <button
            type="button"
            disabled={asks.isBusy}
            aria-label={t.keys.rollIt(name)}
            onClick={() => asks.roll(shown, Number(overlap))}
          >
            {t.keys.roll}
          </button>
          <button
            type="button"
            disabled={asks.isBusy}
            aria-label={t.keys.revokeIt(name)}
            onClick={() => asks.revoke(shown)}
          >
            {t.keys.revoke}
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
    <form className="fields" onSubmit={(event) => void submit(event)} aria-label={t.keys.new}>
      <h3>{t.keys.new}</h3>
      <label>
        {t.keys.purpose}
        <input name="label" required maxLength={100} placeholder={t.keys.purposeExample} />
      </label>
      <label>
        {t.keys.role}
        <select value={role} onChange={(event) => setRole(event.target.value as NewKeyBody["role"])}>
          {Object.entries(t.keys.roles).map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
      </label>
      {role === "publishable" && (
        <label>
          {t.keys.origins}
          <input name="origins" placeholder={t.keys.originsExample} />
          <small>{t.keys.originsHint}</small>
        </label>
      )}
      {role === "reviewer" && (
        <label>
          {t.keys.reviewer}
          <input name="reviewer" required maxLength={64} placeholder={t.keys.nameExample} />
        </label>
      )}
      <button type="submit" className="primary" disabled={isBusy}>
        {t.keys.make}
      </button>
    </form>
  );
}
