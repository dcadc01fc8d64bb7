import type { FormEvent } from "react";
import { useState } from "react";
import type { Schema } from "../../api";
import { useApi } from "../../data";
import { t } from "../../language";
import { List, Problem } from "../../parts";
import { addressOf } from "./Placed";
import { useSetting } from "./setting";

type Synonym = Schema<"SynonymResponse">;
const PATH = "/search/synonyms";
const MOST_RULES = 500;

export const textOf = ({ words, from }: Synonym) => (from ? `${from} → ${words.join(", ")}` : words.join(" ↔ "));

/** A rule that is added, or taken out. */
interface Wanted {
  synonym: Synonym;
  isThere: boolean;
}

function withRule(rules: Synonym[], { synonym, isThere }: Wanted): Synonym[] {
  const others = rules.filter((rule) => textOf(rule) !== textOf(synonym));
  return isThere ? [...others, synonym] : others;
}

/** The rules, with changes on their way, and how to add one or take one out. */
export function useSynonyms() {
  const { client, useQuery } = useApi();
  const read = useQuery("get", PATH);
  const rules = useSetting(PATH, read.data?.synonyms ?? [], withRule, async (wanted: Wanted) => {
    const { data } = await client.GET(PATH);
    await client.PUT(PATH, { body: { synonyms: withRule(data?.synonyms ?? [], wanted) } });
  });
  const set = (synonym: Synonym, isThere: boolean) => {
    const said = (isThere ? t.synonyms.added : t.synonyms.removed)(textOf(synonym));
    rules.set(said, { synonym, isThere }, { synonym, isThere: !isThere });
  };
  return { read, rules: rules.shown, set };
}

/** The words that find what other words find. */
export function Words() {
  const { read, rules, set } = useSynonyms();
  return (
    <>
      <p className="lead">{t.synonyms.lead}</p>
      <NewSynonym rules={rules} add={(synonym) => set(synonym, true)} />
      <List
        of={read}
        items={rules}
        none={t.synonyms.none}
        label={t.synonyms.table}
        columns={[t.synonyms.words, t.synonyms.tryIt, t.synonyms.change]}
      >
        {(rule) => (
          <tr key={textOf(rule)}>
            <th scope="row">{textOf(rule)}</th>
            <td>
              <a href={addressOf(rule.from ?? rule.words[0]!)}>{t.synonyms.searchFor(rule.from ?? rule.words[0]!)}</a>
            </td>
            <td>
              <button type="button" aria-label={t.synonyms.removeIt(textOf(rule))} onClick={() => set(rule, false)}>
                {t.synonyms.remove}
              </button>
            </td>
          </tr>
        )}
      </List>
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
