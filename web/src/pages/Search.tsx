import { useDeferredValue, useState } from "react";
import type { Session } from "../api";
import { useAnswer } from "../hooks";
import { Empty, Problem } from "../parts";

interface Hit {
  id: string;
  gallery_id?: string;
  name: string;
  url: string;
  caption?: string | null;
  credit?: string | null;
  score: number;
  highlight: Record<string, string>;
}
interface Found {
  items: Hit[];
  next_cursor: string | null;
  total: { value: number; relation: string };
  facets: Record<string, { value: string; count: number }[]>;
  took_ms: number;
}

const SORTS = ["relevance", "newest", "oldest", "weight"];

export function Search({ session }: { session: Session }) {
  const [text, setText] = useState("");
  const [filters, setFilters] = useState<Record<string, string>>({});
  const [sort, setSort] = useState("relevance");
  const q = useDeferredValue(text);
  const query = new URLSearchParams({ ...(q && { q }), ...filters, sort, facets: "tag,credit", limit: "24" });
  const { answer, problem } = useAnswer<Found>(session, `/search/images?${query}`);
  const toggle = (name: string, value: string) => {
    const { [name]: chosen, ...others } = filters;
    setFilters(chosen === value ? others : { ...others, [name]: value });
  };
  return (
    <section>
      <h1>Search</h1>
      <div className="searchbar" role="search">
        <input
          type="search"
          value={text}
          onChange={(event) => setText(event.target.value)}
          placeholder="What do you look for?"
          aria-label="Search images"
          autoFocus
        />
        <label className="inline">
          Sort
          <select value={sort} onChange={(event) => setSort(event.target.value)}>
            {SORTS.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </div>
      <Problem text={problem} />
      <p className="lead" role="status">
        {answer && `${answer.total.relation === "eq" ? "" : "over "}${answer.total.value} found in ${answer.took_ms} ms`}
      </p>
      <div className="with-facets">
        <aside>
          {Object.entries(answer?.facets ?? {}).map(([name, counts]) => (
            <fieldset key={name}>
              <legend>{name}</legend>
              {counts.map(({ value, count }) => (
                <label key={value} className="facet">
                  <input type="checkbox" checked={filters[name] === value} onChange={() => toggle(name, value)} />
                  <span>{value}</span> <small>{count}</small>
                </label>
              ))}
            </fieldset>
          ))}
        </aside>
        <ol className="grid">
          {answer?.items.map((hit) => (
            <li key={`${hit.gallery_id}/${hit.id}`} className="tile">
              <img src={hit.url} alt={hit.name} loading="lazy" />
              <span className="name">
                {hit.highlight.name ? <Marked text={hit.highlight.name} /> : hit.name}
              </span>
              <span className="weight">{hit.credit ?? ""}</span>
            </li>
          ))}
        </ol>
      </div>
      {answer?.items.length === 0 && <Empty>Nothing matches. Take a filter away, or use fewer words.</Empty>}
    </section>
  );
}

/** Escaped text in which `<mark>` stands around what matched; nothing else in it is taken as markup. */
function Marked({ text }: { text: string }) {
  return text.split(/(<mark>.*?<\/mark>)/).map((part, at) => {
    const inner = /^<mark>(.*)<\/mark>$/.exec(part)?.[1];
    return inner === undefined ? unescaped(part) : <mark key={at}>{unescaped(inner)}</mark>;
  });
}

function unescaped(text: string): string {
  const area = document.createElement("textarea");
  area.innerHTML = text;
  return area.value;
}
