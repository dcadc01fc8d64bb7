import { useEffect, useRef } from "react";
import type { Schema } from "../../api";
import { useApi } from "../../data";
import { format, t } from "../../language";
import { List, Picture } from "../../parts";
import {
  clearing,
  indexOf,
  moving,
  type Place,
  type PlacedImage,
  type Placed as PlacedQuery,
  type Placing,
  usePlaced,
} from "./placing";

export const addressOf = (query: string) => `#/search?q=${encodeURIComponent(query)}`;

/** All queries that have pinned or buried pictures. */
export function Placed() {
  const { read, queries, place } = usePlaced(true);
  return (
    <>
      <p className="lead">{t.placed.lead}</p>
      <List
        of={read}
        items={queries}
        none={t.placed.none}
        label={t.placed.table}
        columns={[t.placed.query, { number: t.placed.pinned }, { number: t.placed.buried }, t.placed.change]}
      >
        {(placed) => (
          <tr key={placed.query}>
            <th scope="row">
              <a href={addressOf(placed.query)}>{placed.query}</a>
            </th>
            <td className="number">{format.count(placed.pinned.length)}</td>
            <td className="number">{format.count(placed.buried.length)}</td>
            <td>
              <button
                type="button"
                aria-label={t.placed.clearIt(placed.query)}
                onClick={() => place(clearing(placed), t.placed.cleared(placed.query))}
              >
                {t.placed.clear}
              </button>
            </td>
          </tr>
        )}
      </List>
    </>
  );
}

interface ForQueryProps {
  placed: PlacedQuery;
  place: (done: Placing, said: string) => void;
}
/** The pictures placed for the query on the screen, in their order. */
export function PlacedForQuery({ placed, place }: ForQueryProps) {
  const list = useRef<HTMLDivElement>(null);
  const focused = useRef<string | null>(null);
  // A button that moves its picture, or takes it out, keeps the focus near it.
  useEffect(() => {
    if (!focused.current || !list.current) return;
    const buttons = [...list.current.querySelectorAll<HTMLButtonElement>("button:enabled")];
    const next = buttons.find((button) => button.dataset.does === focused.current) ?? buttons[0];
    focused.current = null;
    next?.focus();
  });
  if (!placed.pinned.length && !placed.buried.length) return null;
  const does = (act: string, image: PlacedImage) => `${act} ${image.gallery_id}/${image.image_id}`;
  const images = (place_: Place) =>
    placed[place_].map((image, at) => (
      <PlacedPicture key={`${image.gallery_id}/${image.image_id}`} image={image}>
        {(name) => {
          const button = (act: string, to: Place | null, number: number | undefined, said: string, ends = false) => (
            <button
              type="button"
              data-does={does(act, image)}
              aria-label={t.placed.act(act, name)}
              disabled={ends}
              onClick={() => {
                focused.current = does(act, image);
                place(moving(placed, image, to, number), said);
              }}
            >
              {act}
            </button>
          );
          const { query } = placed;
          return (
            <>
              {place_ === "pinned" && (
                <>
                  {button(t.placed.earlier, "pinned", at - 1, t.placed.pinnedAt(name, at, query), at === 0)}
                  {button(
                    t.placed.later,
                    "pinned",
                    at + 1,
                    t.placed.pinnedAt(name, at + 2, query),
                    at === placed.pinned.length - 1,
                  )}
                </>
              )}
              {button(t.placed.release, null, undefined, t.placed.released(name, query))}
            </>
          );
        }}
      </PlacedPicture>
    ));
  return (
    <section className="card placed-for" aria-label={t.placed.placedFor(placed.query)} ref={list}>
      {placed.pinned.length > 0 && (
        <>
          <h2>{t.placed.first(placed.query)}</h2>
          <ol className="plain">{images("pinned")}</ol>
        </>
      )}
      {placed.buried.length > 0 && (
        <>
          <h2>{t.placed.last(placed.query)}</h2>
          <ul className="plain">{images("buried")}</ul>
        </>
      )}
    </section>
  );
}

function PlacedPicture({
  image: { gallery_id, image_id },
  children,
}: {
  image: PlacedImage;
  children: (name: string) => React.ReactNode;
}) {
  const { data, error } = useApi().useQuery(
    "get",
    "/galleries/{gallery_id}/images/{image_id}",
    { params: { path: { gallery_id, image_id } } },
    { staleTime: 60_000 },
  );
  const name = data?.name ?? image_id;
  return (
    <li className="toolbar with-picture">
      <span>
        {data && <Picture url={data.url} renditions={data.renditions} sizes="2.2rem" alt="" />}
        {name}
        {(error || data?.hidden) && <small> {error ? t.placed.gone : t.placed.isHidden}</small>}
      </span>
      <span className="buttons">{children(name)}</span>
    </li>
  );
}

interface HitProps extends ForQueryProps {
  hit: Schema<"FoundImageResponse">;
  full: (place: Place) => boolean;
}
/** Pins a hit before all others for the query on the screen, or buries it behind them. */
export function PlaceHit({ hit, placed, place, full }: HitProps) {
  const image = { gallery_id: hit.gallery_id, image_id: hit.id };
  const name = hit.name ?? hit.id;
  const pinnedAt = indexOf(placed.pinned, image) + 1;
  const isBuried = indexOf(placed.buried, image) >= 0;
  const { query } = placed;
  const toggle = (to: Place, label: string, named: string, isOn: boolean, said: string) => (
    <button
      type="button"
      aria-pressed={isOn}
      aria-label={named}
      disabled={!isOn && full(to)}
      onClick={() =>
        isOn
          ? place(moving(placed, image, null), t.placed.released(name, query))
          : place(moving(placed, image, to), said)
      }
    >
      {label}
    </button>
  );
  return (
    <div className="buttons place-hit">
      {toggle(
        "pinned",
        pinnedAt ? t.placed.isPinnedAt(pinnedAt) : t.placed.pin,
        pinnedAt ? t.placed.isPinnedAtOf(pinnedAt, name) : t.placed.pinIt(name),
        pinnedAt > 0,
        t.placed.comesFirst(name, query),
      )}
      {toggle(
        "buried",
        isBuried ? t.placed.isBuried : t.placed.bury,
        isBuried ? t.placed.isBuriedOf(name) : t.placed.buryIt(name),
        isBuried,
        t.placed.comesLast(name, query),
      )}
    </div>
  );
}
