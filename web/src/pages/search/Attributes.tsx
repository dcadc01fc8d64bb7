import type { FormEvent } from "react";
import { useChanges, usePending } from "../../changes";
import { useApi } from "../../data";
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
    const said = kind ? `Searches may name ${attribute}, a ${kind}` : `Searches may not name ${attribute} any more`;
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
      <p className="lead">
        What your pictures say of things, such as colour or price. Shoppers may filter by the attributes in this list.
      </p>
      <form className="card toolbar" aria-label="New attribute" onSubmit={submit}>
        <label className="inline">
          Name
          <input name="attribute" required maxLength={40} pattern="[A-Za-z][A-Za-z0-9_]*" placeholder="colour" />
        </label>
        <label className="inline">
          Kind
          <select name="kind">
            <option>text</option>
            <option>number</option>
          </select>
        </label>
        <button type="submit" className="primary" disabled={entries.length >= MOST}>
          Declare
        </button>
      </form>
      <Problem of={read.error} />
      <Content of={read}>
        {entries.length === 0 && <Empty>No attributes are declared, so shoppers filter by tag and credit only.</Empty>}
        {entries.length > 0 && (
          <Table label="Attributes" columns={["Name", "Kind", "Change"]}>
            <tbody>
              {entries.map(([name, kind]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{kind}</td>
                  <td>
                    <button type="button" aria-label={`Remove ${name}`} onClick={() => set(name, null)}>
                      Remove
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
