import { useState, type FormEvent } from "react";
import { call, said, type Page, type Session } from "../api";
import { useAnswer } from "../hooks";
import { Problem } from "../parts";

interface ApiKey {
  key_id: string;
  role: string;
  label: string;
  origins: string[];
  reviewer: string | null;
  created_at: string;
  last_used_at: string | null;
  revoked_at: string | null;
}

const ROLES = {
  publishable: "Publishable: for web pages",
  reviewer: "Reviewer: claims and verdicts under one name",
  editor: "Editor: everything but keys and erasing people",
  secret: "Secret: everything",
} as const;
const OVERLAPS = { 0: "stops at once", 3600: "works for an hour more", 86400: "works for a day more" };

/** The merchant's keys: made, rolled and revoked. */
export function KeyList({ session }: { session: Session }) {
  const { answer, problem, read } = useAnswer<Page<ApiKey>>(session, "/keys?limit=100");
  const [refusal, setRefusal] = useState<string | null>(null);
  const [made, setMade] = useState<{ key: string; label: string } | null>(null);
  const [isBusy, setIsBusy] = useState(false);

  async function ask(method: string, path: string, body?: unknown) {
    setIsBusy(true);
    try {
      const answered = await call<{ key: string; label: string } | null>(session, method, path, body);
      if (answered) setMade(answered);
      setRefusal(null);
      await read();
      return true;
    } catch (error) {
      setRefusal(said(error));
      return false;
    } finally {
      setIsBusy(false);
    }
  }

  if (!answer) return <Problem text={problem} />;
  return (
    <section className="card" aria-label="Keys of the shop">
      <h2>Keys of the shop</h2>
      {made && (
        <div className="card" role="status">
          <p>
            The new key{made.label && ` “${made.label}”`} is shown this once. Copy it now:
          </p>
          <p>
            <code>{made.key}</code>
          </p>
          <button onClick={() => void navigator.clipboard?.writeText(made.key)}>Copy</button>{" "}
          <button onClick={() => setMade(null)}>Done</button>
        </div>
      )}
      <Problem text={refusal ?? problem} />
      <ul className="plain">
        {answer.items.map((key) => (
          <KeyRow key={key.key_id} shown={key} isBusy={isBusy} ask={ask} />
        ))}
      </ul>
      <NewKey isBusy={isBusy} create={(body) => ask("POST", "/keys", body)} />
    </section>
  );
}

type Ask = (method: string, path: string, body?: unknown) => Promise<boolean>;

function KeyRow({ shown, isBusy, ask }: { shown: ApiKey; isBusy: boolean; ask: Ask }) {
  const [overlap, setOverlap] = useState("0");
  const name = shown.label || shown.key_id;
  const moment = (text: string) => new Date(text).toLocaleString();
  const told = [
    shown.role,
    shown.reviewer,
    shown.origins.join(", "),
    shown.last_used_at ? `used ${moment(shown.last_used_at)}` : "never used",
    shown.revoked_at && `revoked ${moment(shown.revoked_at)}`,
  ].filter(Boolean);
  return (
    <li data-key={shown.key_id}>
      <strong>{name}</strong> <small>{told.join(" · ")}</small>
      {!shown.revoked_at && (
        <div>
          <label>
            When rolled, the old key{" "}
            <select value={overlap} onChange={(event) => setOverlap(event.target.value)}>
              {Object.entries(OVERLAPS).map(([seconds, text]) => (
                <option key={seconds} value={seconds}>
                  {text}
                </option>
              ))}
            </select>
          </label>{" "}
          <button
            disabled={isBusy}
            aria-label={`Roll ${name}`}
            onClick={() => void ask("POST", `/keys/${shown.key_id}/roll`, { overlap_seconds: Number(overlap) })}
          >
            Roll
          </button>{" "}
          <button
            disabled={isBusy}
            aria-label={`Revoke ${name}`}
            onClick={() => confirm(`Revoke ${name}? Whoever uses it is refused from then on.`) && void ask("DELETE", `/keys/${shown.key_id}`)}
          >
            Revoke
          </button>
        </div>
      )}
    </li>
  );
}

function NewKey({ isBusy, create }: { isBusy: boolean; create: (body: unknown) => Promise<boolean> }) {
  const [role, setRole] = useState<keyof typeof ROLES>("publishable");
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const text = (name: string) => String(new FormData(form).get(name) ?? "").trim();
    const origins = text("origins").split(/[\s,]+/).filter(Boolean);
    const body = {
      role,
      label: text("label"),
      ...(role === "publishable" && origins.length ? { origins } : {}),
      ...(role === "reviewer" ? { reviewer: text("reviewer") } : {}),
    };
    if (await create(body)) form.reset();
  }
  return (
    <form onSubmit={(event) => void submit(event)} aria-label="New key">
      <h3>New key</h3>
      <label>
        What it is for
        <input name="label" required maxLength={100} placeholder="Storefront" />
      </label>
      <label>
        Role
        <select value={role} onChange={(event) => setRole(event.target.value as keyof typeof ROLES)}>
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
      <button className="primary" disabled={isBusy}>
        Make the key
      </button>
    </form>
  );
}
