import type { Schema } from "../../api";
import { useApi } from "../../data";
import { format, t } from "../../language";
import { Content, Empty, Problem, Table } from "../../parts";
import { addressOf } from "./Placed";
import { textOf, useSynonyms } from "./Words";

type Counted = Schema<"CountedQueryResponse">;
const SHOWN = 50;

/** What shoppers searched for in vain, and which words they tried instead. */
export function Reports() {
  const read = useApi().useQuery("get", "/search/reports", { params: { query: { limit: SHOWN } } });
  const { rules, set } = useSynonyms();
  const proposed = (read.data?.synonyms ?? []).filter(
    ({ words }) => !rules.some((rule) => textOf(rule) === textOf({ words })),
  );
  const { nothing_found = [], never_clicked = [], falling = [] } = read.data ?? {};
  return (
    <>
      <p className="lead">{t.reports.lead}</p>
      <Problem of={read.error} />
      <Content of={read}>
        {read.data && ![nothing_found, never_clicked, falling, proposed].some((report) => report.length) && (
          <Empty>{t.reports.none}</Empty>
        )}
        {proposed.length > 0 && (
          <Table
            label={t.reports.proposed}
            columns={[t.reports.exchanged, t.reports.within, { number: t.reports.clicks }, t.reports.change]}
          >
            <tbody>
              {proposed.map(({ words, queries, clicks }) => (
                <tr key={textOf({ words })}>
                  <th scope="row">{textOf({ words })}</th>
                  <td>{queries.join(", ")}</td>
                  <td className="number">{format.count(clicks)}</td>
                  <td>
                    <button
                      type="button"
                      aria-label={t.reports.addIt(textOf({ words }))}
                      onClick={() => set({ words }, true)}
                    >
                      {t.reports.add}
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
        )}
        <Queries label={t.reports.nothingFound} of={nothing_found} />
        <Queries label={t.reports.neverClicked} of={never_clicked} />
        <Queries label={t.reports.falling} of={falling} />
      </Content>
    </>
  );
}

function Queries({ label, of }: { label: string; of: Counted[] }) {
  if (!of.length) return null;
  return (
    <>
      <h2>{label}</h2>
      <Table
        label={label}
        columns={[
          t.reports.query,
          { number: t.reports.searches },
          { number: t.reports.foundNothing },
          { number: t.reports.clicks },
        ]}
      >
        <tbody>
          {of.map(({ query, searches, found_nothing, clicks }) => (
            <tr key={query}>
              <th scope="row">
                <a href={addressOf(query)}>{query}</a>
              </th>
              <td className="number">{format.count(searches)}</td>
              <td className="number">{format.count(found_nothing)}</td>
              <td className="number">{format.count(clicks)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}
