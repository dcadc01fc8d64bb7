import { useState } from "react";
import { call, said, type Session } from "../api";
import { Problem } from "../parts";

export function Keys({ session, change }: { session: Session; change: (session: Session) => void }) {
  const [entered, setEntered] = useState(session);
  const [problem, setProblem] = useState<string | null>(null);
  const field = (name: keyof Session) => ({
    value: entered[name],
    onChange: (event: { target: { value: string } }) => setEntered({ ...entered, [name]: event.target.value }),
  });
  async function enter() {
    const cleaned = {
      apiUrl: entered.apiUrl.trim().replace(/\/+$/, ""),
      key: entered.key.trim(),
      reviewer: entered.reviewer.trim(),
      shopUrl: session.shopUrl,
    };
    try {
      await call(cleaned, "GET", "/galleries?limit=1");
      change(cleaned);
      location.hash = cleaned.key.startsWith("sk_") ? "#/review" : "#/gallery";
    } catch (error) {
      setProblem(said(error));
    }
  }
  return (
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
        <small>It stays in this browser. Reviewing, imports and jobs need a secret key.</small>
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
  );
}
