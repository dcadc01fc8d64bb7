import type { Schema } from "../../api";
import { useApi } from "../../data";
import { Content, count, Empty, Problem, Table } from "../../parts";
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
      <p className="lead">
        What shoppers searched for in vain, from the searches and clicks that your pages report. Open a query to see
        what it finds now, and to pin pictures.
      </p>
      <Problem of={read.error} />
      <Content of={read}>
        {read.data && ![nothing_found, never_clicked, falling, proposed].some((report) => report.length) && (
          <Empty>
            Nothing to report. A query is listed once three shoppers have searched for it and your pages have told of
            it.
          </Empty>
        )}
        {proposed.length > 0 && (
          <Table
            label="Proposed synonyms"
            columns={["Words that shoppers exchanged", "In", { number: "Clicks" }, "Change"]}
          >
            <tbody>
              {proposed.map(({ words, queries, clicks }) => (
                <tr key={textOf({ words })}>
                  <th scope="row">{textOf({ words })}</th>
                  <td>{queries.join(", ")}</td>
                  <td className="number">{count(clicks)}</td>
                  <td>
                    <button type="button" aria-label={`Add ${textOf({ words })}`} onClick={() => set({ words }, true)}>
                      Add
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
        )}
        <Queries label="Queries that find nothing" of={nothing_found} />
        <Queries label="Queries without a click" of={never_clicked} />
        <Queries label="Queries with fewer clicks than before" of={falling} />
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
        columns={["Query", { number: "Searches" }, { number: "Found nothing" }, { number: "Clicks" }]}
      >
        <tbody>
          {of.map(({ query, searches, found_nothing, clicks }) => (
            <tr key={query}>
              <th scope="row">
                <a href={addressOf(query)}>{query}</a>
              </th>
              <td className="number">{count(searches)}</td>
              <td className="number">{count(found_nothing)}</td>
              <td className="number">{count(clicks)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}
