import { type ComponentType, lazy, Suspense, useDeferredValue, useEffect, useRef } from "react";
import { useAddress } from "../address";
import type { Schema } from "../api";
import { itemsOf, PAGES, useApi, useConnection } from "../data";
import { called, format, t } from "../language";
import { Content, Empty, isSecret, More, Picture, Problem, Woven } from "../parts";
import { PlacedForQuery, PlaceHit } from "./search/Placed";
import { arranged, MOST_PLACED, placedFor, usePlaced } from "./search/placing";

const SORTS = ["relevance", "newest", "oldest", "weight"] as const;
const ORIENTATIONS = ["landscape", "portrait", "square"] as const;
const FACETS = ["tag", "credit"];
const ATTRIBUTE = "attributes.";
const SHOWN = 24;
const MOST_FACETS = 10;
/** After how long every process of the search knows a change of its settings. */
const SETTINGS_KNOWN_MS = 5_500;
type Counts = Schema<"FacetCountResponse">[];

const part = (read: () => Promise<ComponentType>) => lazy(async () => ({ default: await read() }));

/** What a merchant sets for searches, beside their results. */
const VIEWS = {
  placed: part(async () => (await import("./search/Placed")).Placed),
  synonyms: part(async () => (await import("./search/Words")).Words),
  reports: part(async () => (await import("./search/Reports")).Reports),
  language: part(async () => (await import("./search/Language")).Language),
  attributes: part(async () => (await import("./search/Attributes")).Attributes),
} as const;
type ViewName = keyof typeof VIEWS;
const VIEW_NAMES = Object.keys(VIEWS) as ViewName[];

const oneOf = <Value extends string>(values: readonly Value[], text: string | null) =>
  values.find((value) => value === text);

export function Search() {
  const { asked } = useAddress();
  const mayEdit = isSecret(useConnection().session.key);
  const view = mayEdit ? oneOf(VIEW_NAMES, asked.get("view")) : undefined;
  const View = view && VIEWS[view];
  return (
    <section>
      <h1>{t.search.title}</h1>
      {mayEdit && (
        <nav className="tabs" aria-label={t.search.title}>
          <a href="#/search" aria-current={view ? undefined : "page"}>
            {t.search.results}
          </a>
          {VIEW_NAMES.map((name) => (
            <a key={name} href={`#/search?view=${name}`} aria-current={view === name ? "page" : undefined}>
              {t.search.views[name]}
            </a>
          ))}
        </nav>
      )}
      {View ? (
        <Suspense fallback={<p className="lead">{t.app.loading}</p>}>
          <View />
        </Suspense>
      ) : (
        <Results mayEdit={mayEdit} />
      )}
    </section>
  );
}

function Results({ mayEdit }: { mayEdit: boolean }) {
  const api = useApi();
  const { asked, ask } = useAddress();
  const text = asked.get("q") ?? "";
  const q = useDeferredValue(text);
  const declared = api.useQuery("get", "/search/attributes");
  const facets = [...FACETS, ...Object.keys(declared.data?.attributes ?? {}).map((name) => ATTRIBUTE + name)];
  const attributes = Object.fromEntries(
    facets.flatMap((name) => (name.startsWith(ATTRIBUTE) && asked.get(name) ? [[name, asked.get(name) ?? ""]] : [])),
  );
  const query = {
    ...(q && { q }),
    tag: asked.get("tag") ?? undefined,
    credit: asked.get("credit") ?? undefined,
    "attributes.{name}": attributes,
    gallery_id: asked.get("gallery_id") ?? undefined,
    orientation: oneOf(ORIENTATIONS, asked.get("orientation")),
    sort: oneOf(SORTS, asked.get("sort")) ?? "relevance",
  };
  const found = api.useInfiniteQuery(
    "get",
    "/search/images",
    { params: { query: { ...query, facets: facets.slice(0, MOST_FACETS).join(","), limit: SHOWN } } },
    { ...PAGES, enabled: !declared.isPending },
  );
  const galleries = api.useQuery("get", "/galleries", { params: { query: { limit: 100 } } });
  const suggested = api.useQuery(
    "get",
    "/search/suggest",
    { params: { query: { q, limit: 6 } } },
    { enabled: q.length > 1 },
  );
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);

  const settings = usePlaced(mayEdit);
  const placed = placedFor(settings.queries, q);
  const isPlacing = settings.read.isSuccess && !!q.trim() && query.sort === "relevance";
  const settled = useRef("");
  const refetch = useRef(found.refetch);
  refetch.current = found.refetch;
  const wanted = JSON.stringify([placed.pinned, placed.buried]);
  useEffect(() => {
    const isChange = settled.current.startsWith(`${q}/`) && settled.current !== `${q}/${wanted}`;
    settled.current = `${q}/${wanted}`;
    if (!isChange) return;
    const timer = setTimeout(() => void refetch.current(), SETTINGS_KNOWN_MS);
    return () => clearTimeout(timer);
  }, [q, wanted]);

  const first = found.data?.pages[0];
  const read = itemsOf(found);
  const isFiltered = ["orientation", "gallery_id", ...facets].some((name) => asked.get(name));
  const hits = isPlacing ? arranged(read, placed) : read;
  return (
    <>
      <p className="lead">{t.search.lead}</p>
      <search className="searchbar">
        <input
          ref={field}
          type="search"
          value={text}
          onChange={(event) => ask({ q: event.target.value }, { typing: true })}
          placeholder={t.search.hint}
          aria-label={t.search.images}
          list="suggestions"
        />
        <datalist id="suggestions">
          {suggested.data?.items.map((item) => (
            <option key={item.text} value={item.text} />
          ))}
        </datalist>
        <Choice
          name={t.search.sort}
          value={query.sort}
          values={SORTS}
          names={t.search.sorts}
          change={(sort) => ask({ sort })}
        />
        <Choice
          name={t.search.shape}
          value={query.orientation ?? ""}
          values={["", ...ORIENTATIONS]}
          names={t.search.shapes}
          change={(orientation) => ask({ orientation })}
        />
        <Choice
          name={t.search.gallery}
          value={query.gallery_id ?? ""}
          values={["", ...(galleries.data?.items.map((gallery) => gallery.id) ?? [])]}
          change={(gallery_id) => ask({ gallery_id })}
        />
      </search>
      <Problem of={found.error} />
      <p className="lead" role="status">
        {first &&
          (first.total.relation === "eq" ? t.search.found : t.search.foundOver)(first.total.value, first.took_ms)}
      </p>
      <div className="with-facets">
        <aside aria-label={t.search.filters}>
          {facets.map((name) => (
            <FacetChoice
              key={name}
              name={FACETS.includes(name) ? called(t.search.fields, name) : name.replace(ATTRIBUTE, "")}
              chosen={asked.get(name) ?? undefined}
              found={first?.facets[name] ?? []}
              choose={(value) => ask({ [name]: value })}
            />
          ))}
        </aside>
        <Content of={found}>
          {isPlacing && <PlacedForQuery placed={placed} place={settings.place} />}
          <ol className="grid">
            {hits.map((hit) => (
              <li key={`${hit.gallery_id}/${hit.id}`} className="tile">
                <Picture
                  url={hit.url}
                  renditions={hit.renditions}
                  sizes="12rem"
                  alt={hit.name ?? hit.id}
                  loading="lazy"
                />
                <span className="name">
                  {typeof hit.highlight.name === "string" ? <Marked text={hit.highlight.name} /> : hit.name}
                </span>
                <span className="weight">{hit.credit ?? ""}</span>
                <Why hit={hit} />
                {isPlacing && (
                  <PlaceHit
                    hit={hit}
                    placed={placed}
                    place={settings.place}
                    full={(place_) => placed[place_].length >= MOST_PLACED}
                  />
                )}
              </li>
            ))}
          </ol>
          {hits.length === 0 && (
            <Empty>
              <Woven
                text={isFiltered ? t.search.nothingFiltered : t.search.nothing}
                a={(text) => (
                  <button
                    type="button"
                    className="link"
                    onClick={() =>
                      ask({
                        orientation: null,
                        gallery_id: null,
                        ...Object.fromEntries(facets.map((name) => [name, null])),
                      })
                    }
                  >
                    {text}
                  </button>
                )}
              />
            </Empty>
          )}
          <More of={found} />
        </Content>
      </div>
    </>
  );
}

/** Why a hit is there: the fields in which the words were found, and its score. */
function Why({ hit }: { hit: Schema<"FoundImageResponse"> }) {
  const fields = Object.entries(hit.highlight).filter(([, text]) => typeof text === "string");
  if (!fields.length && hit.score === null) return null;
  return (
    <details className="why-hit">
      <summary>{t.search.why}</summary>
      <dl>
        {fields.map(([name, text]) => (
          <div key={name}>
            <dt>{called(t.search.fields, name)}</dt>
            <dd>
              <Marked text={String(text)} />
            </dd>
          </div>
        ))}
        {hit.score !== null && (
          <div>
            <dt>{t.search.score}</dt>
            <dd>{format.decimal(hit.score)}</dd>
          </div>
        )}
      </dl>
      <a href={`#/gallery?gallery=${encodeURIComponent(hit.gallery_id)}&image=${encodeURIComponent(hit.id)}`}>
        {t.search.open}
      </a>
    </details>
  );
}

interface ChoiceProps {
  name: string;
  value: string;
  values: readonly string[];
  /** What the values are called, where that is not the value itself. */
  names?: Record<string, string>;
  change: (value: string) => void;
}
function Choice({ name, value, values, names = {}, change }: ChoiceProps) {
  return (
    <label className="inline">
      {name}
      <select value={value} onChange={(event) => change(event.target.value)}>
        {values.map((option) => (
          <option key={option} value={option}>
            {option ? called(names, option) : t.parts.any}
          </option>
        ))}
      </select>
    </label>
  );
}

interface FacetProps {
  name: string;
  chosen: string | undefined;
  found: Counts;
  choose: (value: string | null) => void;
}
/** A facet's values with their counts; what is chosen stays, even where nothing has it. */
function FacetChoice({ name, chosen, found, choose }: FacetProps) {
  const shown =
    chosen && !found.some(({ value }) => value === chosen) ? [...found, { value: chosen, count: 0 }] : found;
  if (!shown.length) return null;
  return (
    <fieldset>
      <legend>{name}</legend>
      {shown.map(({ value, count }) => (
        <label key={value} className="facet">
          <input type="checkbox" checked={chosen === value} onChange={() => choose(chosen === value ? null : value)} />
          <span>{value}</span> <small>{format.count(count)}</small>
        </label>
      ))}
    </fieldset>
  );
}

/** Escaped text in which `<mark>` stands around what matched; nothing else in it is taken as markup. */
function Marked({ text }: { text: string }) {
  let from = 0;
  return text.split(/(<mark>.*?<\/mark>)/).map((part) => {
    from += part.length;
    const inner = /^<mark>(.*)<\/mark>$/.exec(part)?.[1];
    return inner === undefined ? unescaped(part) : <mark key={from}>{unescaped(inner)}</mark>;
  });
}

function unescaped(text: string): string {
  const area = document.createElement("textarea");
  area.innerHTML = text;
  return area.value;
}
