import type { FormEvent } from "react";
import type { Schema } from "../../api";
import { useChanges } from "../../changes";
import { useApi } from "../../data";
import { format, t } from "../../language";
import { Table } from "../../parts";

type Rule = Schema<"RuleSettings">;

function name({ action, tag, product_id }: Rule): string {
  if (tag) return (action === "boost" ? t.rules.boostTag : t.rules.buryTag)(tag);
  return (action === "boost" ? t.rules.boostProduct : t.rules.buryProduct)(product_id ?? "");
}

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
    save([...rules, rule], t.rules.newIs(name(rule)));
    event.currentTarget.reset();
  }
  return (
    <section aria-label={t.rules.title}>
      <h3>{t.rules.title}</h3>
      {rules.length > 0 && (
        <Table label={t.rules.table} columns={[t.rules.rule, t.rules.from, t.rules.to, t.rules.remove]}>
          <tbody>
            {rules.map((rule, at) => (
              <tr key={JSON.stringify(rule)}>
                <td>{name(rule)}</td>
                <td>{rule.starts_at ? format.moment(rule.starts_at) : ""}</td>
                <td>{rule.ends_at ? format.moment(rule.ends_at) : ""}</td>
                <td>
                  <button
                    type="button"
                    aria-label={t.rules.removeIt(name(rule))}
                    onClick={() => save(rules.toSpliced(at, 1), t.rules.removed(name(rule)))}
                  >
                    {t.rules.remove}
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      <form className="toolbar" aria-label={t.rules.new} onSubmit={add}>
        <select name="action" aria-label={t.rules.action}>
          <option value="boost">{t.rules.boost}</option>
          <option value="bury">{t.rules.bury}</option>
        </select>
        <select name="by" aria-label={t.rules.by}>
          <option value="tag">{t.rules.byTag}</option>
          <option value="product_id">{t.rules.byProduct}</option>
        </select>
        <input name="target" aria-label={t.rules.target} required maxLength={100} />
        <label className="inline">
          {t.rules.starts} <input name="starts" type="datetime-local" />
        </label>
        <label className="inline">
          {t.rules.ends} <input name="ends" type="datetime-local" />
        </label>
        <button type="submit">{t.rules.add}</button>
      </form>
    </section>
  );
}
