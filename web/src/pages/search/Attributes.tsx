import type { FormEvent } from "react";
import { useChanges, usePending } from "../../changes";
import { useApi } from "../../data";
import { called, t } from "../../language";
import { Content, Empty, Problem, Table } from "../../parts";

const PATH = "/search/attributes";
const MOST = 20;

type Kind = "text" | "number";
interface Shown {
  attribute: string;
  kind: Kind | null;
}
const isShown = (shows: unknown): shows is Shown => typeof shows === "object" && shows !== null && "attribute" in shows;

function withKind(attributes: Record<string, string>, { attribute, kind }: Shown): Record<string, string> {
  const { [attribute]: _, ...others } = attributes;
  return kind ? { ...others, [attribute]: kind } : others;
}

/** The attributes of images that searches may filter and count by. */
export function Attributes() {
  const { client, useQuery } = useApi();
  const { change } = useChanges();
  const read = useQuery("get", PATH);
  const attributes = usePending(isShown).reduce(withKind, read.data?.attributes ?? {});
  const send = (shown: Shown) => async () => {
    const { data } = await client.GET(PATH);
    const wanted = withKind(data?.attributes ?? {}, shown) as Record<string, Kind>;
    await client.PUT(PATH, { body: { attributes: wanted } });
  };
  const set = (attribute: string, kind: Kind | null) => {
    const shows: Shown = { attribute, kind };
    const showsUndone: Shown = { attribute, kind: (attributes[attribute] as Kind | undefined) ?? null };
    const said = kind ? t.attributes.declared[kind](attribute) : t.attributes.removed(attribute);
    change({ said, send: send(shows), undo: send(showsUndone), about: [PATH, "/search/images"], shows, showsUndone });
  };
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    set(String(form.get("attribute")), form.get("kind") as Kind);
    event.currentTarget.reset();
  }
  const entries = Object.entries(attributes);
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
      <Problem of={read.error} />
      <Content of={read}>
        {entries.length === 0 && <Empty>{t.attributes.none}</Empty>}
        {entries.length > 0 && (
          <Table label={t.attributes.table} columns={[t.attributes.name, t.attributes.kind, t.attributes.change]}>
            <tbody>
              {entries.map(([name, kind]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{called(t.attributes.kinds, kind)}</td>
                  <td>
                    <button type="button" aria-label={t.attributes.removeIt(name)} onClick={() => set(name, null)}>
                      {t.attributes.remove}
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
