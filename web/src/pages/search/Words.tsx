import type { FormEvent } from "react";
import { useState } from "react";
import type { Schema } from "../../api";
import { useChanges, usePending } from "../../changes";
import { useApi } from "../../data";
import { t } from "../../language";
import { Content, Empty, Problem, Table } from "../../parts";
import { addressOf } from "./Placed";

type Synonym = Schema<"SynonymResponse">;
const PATH = "/search/synonyms";
const MOST_RULES = 500;

export const textOf = ({ words, from }: Synonym) => (from ? `${from} → ${words.join(", ")}` : words.join(" ↔ "));

/** A rule that is added, or taken out. */
interface Shown {
  synonym: Synonym;
  isThere: boolean;
}
const isShown = (shows: unknown): shows is Shown => typeof shows === "object" && shows !== null && "synonym" in shows;

function withRule(rules: Synonym[], { synonym, isThere }: Shown): Synonym[] {
  const others = rules.filter((rule) => textOf(rule) !== textOf(synonym));
  return isThere ? [...others, synonym] : others;
}

/** The rules, with changes on their way, and how to add one or take one out. */
export function useSynonyms() {
  const { client, useQuery } = useApi();
  const { change } = useChanges();
  const read = useQuery("get", PATH);
  const rules = usePending(isShown).reduce(withRule, read.data?.synonyms ?? []);
  const send = (shown: Shown) => async () => {
    const { data } = await client.GET(PATH);
    await client.PUT(PATH, { body: { synonyms: withRule(data?.synonyms ?? [], shown) } });
  };
  const set = (synonym: Synonym, isThere: boolean) => {
    const shows: Shown = { synonym, isThere };
    const showsUndone: Shown = { synonym, isThere: !isThere };
    const said = (isThere ? t.synonyms.added : t.synonyms.removed)(textOf(synonym));
    change({ said, send: send(shows), undo: send(showsUndone), about: [PATH, "/search/images"], shows, showsUndone });
  };
  return { read, rules, set };
}

/** The words that find what other words find. */
export function Words() {
  const { read, rules, set } = useSynonyms();
  return (
    <>
      <p className="lead">{t.synonyms.lead}</p>
      <NewSynonym rules={rules} add={(synonym) => set(synonym, true)} />
      <Problem of={read.error} />
      <Content of={read}>
        {rules.length === 0 && <Empty>{t.synonyms.none}</Empty>}
        {rules.length > 0 && (
          <Table label={t.synonyms.table} columns={[t.synonyms.words, t.synonyms.tryIt, t.synonyms.change]}>
            <tbody>
              {rules.map((rule) => (
                <tr key={textOf(rule)}>
                  <th scope="row">{textOf(rule)}</th>
                  <td>
                    <a href={addressOf(rule.from ?? rule.words[0]!)}>
                      {t.synonyms.searchFor(rule.from ?? rule.words[0]!)}
                    </a>
                  </td>
                  <td>
                    <button
                      type="button"
                      aria-label={t.synonyms.removeIt(textOf(rule))}
                      onClick={() => set(rule, false)}
                    >
                      {t.synonyms.remove}
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
        )}
      </Content>
    </>
  );
}

function NewSynonym({ rules, add }: { rules: Synonym[]; add: (synonym: Synonym) => void }) {
  const [problem, setProblem] = useState<string | null>(null);
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const words = [
      ...new Set(
        String(form.get("words"))
          .split(",")
          .flatMap((word) => word.trim() || []),
      ),
    ];
    const from = String(form.get("from")).trim();
    const synonym: Synonym = from ? { words, from } : { words };
    const wrong = refusal(synonym, rules);
    setProblem(wrong);
    if (wrong) return;
    add(synonym);
    event.currentTarget.reset();
    event.currentTarget.querySelector("input")?.focus();
  }
  return (
    <form className="card toolbar" aria-label={t.synonyms.new} onSubmit={submit}>
      <label className="inline">
        {t.synonyms.enterWords}
        <input name="words" required placeholder={t.synonyms.wordsExample} />
      </label>
      <label className="inline">
        {t.synonyms.onlyFrom}
        <input name="from" maxLength={100} placeholder={t.synonyms.anyOfThem} />
      </label>
      <button type="submit" className="primary">
        {t.synonyms.add}
      </button>
      <Problem of={problem} />
    </form>
  );
}

/** Why the API would not take the rule, or why it is of no use; null if it is good. */
export function refusal({ words, from }: Synonym, rules: Synonym[]): string | null {
  if (rules.some((rule) => textOf(rule) === textOf({ words, from }))) return t.synonyms.isThere;
  if (rules.length >= MOST_RULES) return t.synonyms.tooMany(MOST_RULES);
  if (words.length > 10) return t.synonyms.tooManyWords;
  if (words.length < (from ? 1 : 2)) return t.synonyms.tooFewWords;
  const long = [...words, from ?? ""].find((word) => word.length > 100 || word.split(/\s+/).length > 5);
  return long ? t.synonyms.tooLong(long) : null;
}
