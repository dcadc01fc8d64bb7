import type { FormEvent } from "react";
import { useApi } from "../../data";
import { called, t } from "../../language";
import { List } from "../../parts";
import { useSetting } from "./setting";

const PATH = "/search/attributes";
const MOST = 20;

type Kind = "text" | "number";
interface Declared {
  attribute: string;
  kind: Kind | null;
}

function withKind(attributes: Record<string, Kind>, { attribute, kind }: Declared): Record<string, Kind> {
  const { [attribute]: _, ...others } = attributes;
  return kind ? { ...others, [attribute]: kind } : others;
}

/** The attributes of images that searches may filter and count by. */
export function Attributes() {
  const { client, useQuery } = useApi();
  const read = useQuery("get", PATH);
  const known = (data = read.data) => (data?.attributes ?? {}) as Record<string, Kind>;
  const attributes = useSetting(PATH, known(), withKind, async (declared: Declared) => {
    const { data } = await client.GET(PATH);
    await client.PUT(PATH, { body: { attributes: withKind(known(data), declared) } });
  });
  const set = (attribute: string, kind: Kind | null) => {
    const said = kind ? t.attributes.declared[kind](attribute) : t.attributes.removed(attribute);
    attributes.set(said, { attribute, kind }, { attribute, kind: attributes.shown[attribute] ?? null });
  };
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    set(String(form.get("attribute")), form.get("kind") as Kind);
    event.currentTarget.reset();
  }
  const entries = Object.entries(attributes.shown);
  return (
    <>
      <p className="lead">{t.attributes.lead}</p>
      <form className="card toolbar" aria-label={t.attributes.new} onSubmit={submit}>
        <label className="inline">
          {t.attributes.name}
          <input
            name="attribute"
            required
            maxLength={40}
            pattern="[A-Za-z][A-Za-z0-9_]*"
            placeholder={t.attributes.nameExample}
          />
        </label>
        <label className="inline">
          {t.attributes.kind}
          <select name="kind">
            <option value="text">{t.attributes.kinds.text}</option>
            <option value="number">{t.attributes.kinds.number}</option>
          </select>
        </label>
        <button type="submit" className="primary" disabled={entries.length >= MOST}>
          {t.attributes.declare}
        </button>
      </form>
      <List
        of={read}
        items={entries}
        none={t.attributes.none}
        label={t.attributes.table}
        columns={[t.attributes.name, t.attributes.kind, t.attributes.change]}
      >
        {([name, kind]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{called(t.attributes.kinds, kind)}</td>
            <td>
              <button type="button" aria-label={t.attributes.removeIt(name)} onClick={() => set(name, null)}>
                {t.attributes.remove}
              </button>
            </td>
          </tr>
        )}
      </List>
    </>
  );
}
