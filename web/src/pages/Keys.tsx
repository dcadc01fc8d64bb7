import { useState } from "react";
import type { PageProps } from "../App";
import { ApiError, connect, type Session } from "../api";
import { choose, LANGUAGES, type Language, t, useLanguage } from "../language";
import { isSecret, Problem } from "../parts";
import { KeyList } from "./KeyList";

export function Keys({ session, change }: PageProps) {
  const [entered, setEntered] = useState(session);
  const [problem, setProblem] = useState<unknown>(null);
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
      location.hash = isSecret(cleaned.key) ? "#/overview" : "#/gallery";
    } catch (error) {
      setProblem(error);
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
        <h1>{t.keys.yours}</h1>
        <label>
          {t.keys.key}
          <input
            {...field("key")}
            type="password"
            required
            autoComplete="off"
            spellCheck={false}
            placeholder={t.keys.keyExample}
          />
          <small>{t.keys.keyHint}</small>
        </label>
        <label className="inline">
          <input
            type="checkbox"
            checked={entered.remember}
            onChange={(event) => setEntered({ ...entered, remember: event.target.checked })}
          />
          {t.keys.remember}
        </label>
        <label>
          {t.keys.name}
          <input {...field("reviewer")} autoComplete="nickname" maxLength={64} placeholder={t.keys.nameExample} />
          <small>{t.keys.nameHint}</small>
        </label>
        <label>
          {t.keys.api}
          <input {...field("apiUrl")} type="url" required placeholder={t.keys.apiExample} />
        </label>
        <Problem of={problem} />
        <button type="submit" className="primary">
          {t.keys.enter}
        </button>
      </form>
      <LanguageChoice />
      {isSecret(session.key) && <KeyList />}
    </>
  );
}

/** Shows the console in another language at once, and from then on in this browser. */
function LanguageChoice() {
  const [problem, setProblem] = useState<unknown>(null);
  return (
    <div className="card narrow">
      <label>
        {t.keys.language}
        <select
          value={useLanguage()}
          onChange={(event) =>
            choose(event.target.value as Language).then(
              () => setProblem(null),
              () => setProblem(t.keys.noLanguage),
            )
          }
        >
          {Object.entries(LANGUAGES).map(([language, { name }]) => (
            <option key={language} value={language} lang={language}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <Problem of={problem} />
    </div>
  );
}

/** Throws when the key does not hold; a key whose role does not reach this list holds all the same. */
async function checkKey(session: Session): Promise<void> {
  try {
    await connect(session).client.GET("/galleries", { params: { query: { limit: 1 } } });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
  }
}
