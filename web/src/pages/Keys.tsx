import { useState } from "react";
import { ApiError, call, said, type Session } from "../api";
import { Problem } from "../parts";
import { KeyList } from "./KeyList";

export function Keys({ session, change }: { session: Session; change: (session: Session) => void }) {
  const [entered, setEntered] = useState(session);
  const [problem, setProblem] = useState<string | null>(null);
  const field = (name: "key" | "reviewer" | "apiUrl") => ({
    value: entered[name],
    onChange: (event: { target: { value: string } }) => setEntered({ ...entered, [name]: event.target.value }),
  });
  async function enter() {
    const cleaned = {
      apiUrl: entered.apiUrl.trim().replace(/\/+$/, ""),
      key: entered.key.trim(),
      reviewer: entered.reviewer.trim(),
      remember: entered.remember,
      shopUrl: session.shopUrl,
    };
    try {
      await checkKey(cleaned);
      change(cleaned);
      location.hash = cleaned.key.startsWith("sk_") ? "#/review" : "#/gallery";
    } catch (error) {
      setProblem(said(error));
    }
  }
  return (
    <>
    <form
      className="card narrow"
      onSubmit={(event) => {
        event.preventDefault();
        void enter();
      }}
    >
      <h1>Your key</h1>
      <label>
        Key
        <input {...field("key")} type="password" required autoComplete="off" spellCheck={false} placeholder="sk_… or pk_…" />
        <small>It stays in this tab. Reviewing, imports and jobs need another key than a publishable one.</small>
      </label>
      <label className="inline">
        <input
          type="checkbox"
          checked={entered.remember}
          onChange={(event) => setEntered({ ...entered, remember: event.target.checked })}
        />
        Remember it in this browser
      </label>
      <label>
        Your name
        <input {...field("reviewer")} autoComplete="nickname" maxLength={64} placeholder="ann" />
        <small>Stands beside your verdicts.</small>
      </label>
      <label>
        API address
        <input {...field("apiUrl")} type="url" required placeholder="https://…/v1" />
      </label>
      <Problem text={problem} />
      <button className="primary">Enter</button>
    </form>
    {session.key.startsWith("sk_") && <KeyList session={session} />}
    </>
  );
}

/** Throws when the key does not hold; a key whose role does not reach this list holds all the same. */
async function checkKey(session: Session): Promise<void> {
  try {
    await call(session, "GET", "/galleries?limit=1");
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
  }
}
