import type { FormEvent } from "react";
import type { Schema } from "../../api";
import { useChanges } from "../../changes";
import { useApi } from "../../data";
import { moment, Table } from "../../parts";

type Rule = Schema<"RuleSettings">;

const target = (rule: Rule) => (rule.tag ? `images tagged ${rule.tag}` : `images of product ${rule.product_id}`);
const name = (rule: Rule) => `${rule.action === "boost" ? "Boost" : "Bury"} ${target(rule)}`;

/** The merchandising rules of a gallery. If several match an image, the first one decides. */
export function Rules({ gallery }: { gallery: Schema<"GalleryResponse"> }) {
  const { client } = useApi();
  const { change } = useChanges();
  const rules = (gallery.rules ?? []) as Rule[];
  const put = (wanted: Rule[]) => () =>
    client.PUT("/galleries/{gallery_id}", { params: { path: { gallery_id: gallery.id } }, body: { rules: wanted } });
  const save = (wanted: Rule[], said: string) =>
    change({
      said,
      send: put(wanted),
      undo: put(rules),
      about: ["/galleries", "/galleries/{gallery_id}/images", "/galleries/{gallery_id}/ranking-versions"],
    });
  function add(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (field: string) => String(form.get(field) ?? "").trim();
    const time = (field: string) => (text(field) ? new Date(text(field)).toISOString() : null);
    const rule: Rule = {
      action: text("action") as Rule["action"],
      [text("by")]: text("target"),
      starts_at: time("starts"),
      ends_at: time("ends"),
    };
    save([...rules, rule], `New rule: ${name(rule)}`);
    event.currentTarget.reset();
  }
  return (
    <section aria-label="Rules">
      <h3>Rules</h3>
      {rules.length > 0 && (
        <Table label="Merchandising rules, first match decides" columns={["Rule", "From", "To", "Remove"]}>
          <tbody>
            {rules.map((rule, at) => (
              <tr key={JSON.stringify(rule)}>
                <td>{name(rule)}</td>
                <td>{rule.starts_at ? moment(rule.starts_at) : ""}</td>
                <td>{rule.ends_at ? moment(rule.ends_at) : ""}</td>
                <td>
                  <button
                    type="button"
                    aria-label={`Remove ${name(rule)}`}
                    onClick={() => save(rules.toSpliced(at, 1), `Removed rule: ${name(rule)}`)}
                  >
                    Remove
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      <form className="toolbar" aria-label="New rule" onSubmit={add}>
        <select name="action" aria-label="Action">
          <option value="boost">Boost</option>
          <option value="bury">Bury</option>
        </select>
        <select name="by" aria-label="Images by">
          <option value="tag">images tagged</option>
          <option value="product_id">images of product</option>
        </select>
        <input name="target" aria-label="Tag or product" required maxLength={100} />
        <label className="inline">
          from <input name="starts" type="datetime-local" />
        </label>
        <label className="inline">
          to <input name="ends" type="datetime-local" />
        </label>
        <button type="submit">Add the rule</button>
      </form>
    </section>
  );
}
