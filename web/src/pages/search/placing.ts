// The images placed for queries: which of them a query has, and how they change.

import type { Schema } from "../../api";
import { useApi } from "../../data";
import { useSetting } from "./setting";

export type Place = "pinned" | "buried";
export type PlacedImage = Schema<"PlacedImageResponse">;
export type Placed = Schema<"PlacedForQueryResponse">;

/** How many images a query may have in each place. */
export const MOST_PLACED = 10;
const PATH = "/search/placed";

/** What a query is recognised by: its words without accents and a plural `s`, as the API reads them. */
export function wordsOf(text: string): string {
  const bare = text.normalize("NFKD").toLowerCase().replace(/\p{M}/gu, "");
  return (bare.match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => word.replace(/s$/, "")).join(" ");
}

export const placedFor = (queries: Placed[], text: string): Placed =>
  queries.find(({ query }) => wordsOf(query) === wordsOf(text)) ?? { query: text.trim(), pinned: [], buried: [] };

const isSame = (one: PlacedImage, other: PlacedImage) =>
  one.gallery_id === other.gallery_id && one.image_id === other.image_id;

/** Where an image is among others, from 0; -1 if it is not. */
export const indexOf = (images: PlacedImage[], image: PlacedImage) => images.findIndex((other) => isSame(other, image));

/** The queries with these images for one of them; a query without any is left out. */
export function withPlaced(queries: Placed[], wanted: Placed): Placed[] {
  const others = queries.filter(({ query }) => wordsOf(query) !== wordsOf(wanted.query));
  return wanted.pinned.length || wanted.buried.length ? [...others, wanted] : others;
}

/** The query's images after one is moved to a place and a number in it, from 0; `null` takes it out. */
export function moved(placed: Placed, image: PlacedImage, place: Place | null, at?: number): Placed {
  const left = (images: PlacedImage[]) => images.filter((other) => !isSame(other, image));
  const after = { ...placed, pinned: left(placed.pinned), buried: left(placed.buried) };
  if (!place) return after;
  const images = after[place];
  return { ...after, [place]: images.toSpliced(at ?? images.length, 0, image) };
}

/** What is done to the images of a query, whatever else has been done to them meanwhile. */
interface Change {
  query: string;
  change: (placed: Placed) => Placed;
}

/** A change, and what takes it back. */
export interface Placing extends Change {
  undo: Change["change"];
}

/** Moves an image as `moved` does, and back to where it is now. */
export function moving(placed: Placed, image: PlacedImage, place: Place | null, at?: number): Placing {
  const before = (["pinned", "buried"] as const)
    .map((place_) => ({ place: place_, at: indexOf(placed[place_], image) }))
    .find((found) => found.at >= 0);
  return {
    query: placed.query,
    change: (now) => moved(now, image, place, at),
    undo: (now) => moved(now, image, before?.place ?? null, before?.at),
  };
}

export const clearing = (placed: Placed): Placing => ({
  query: placed.query,
  change: (now) => ({ ...now, pinned: [], buried: [] }),
  undo: () => placed,
});

/** Hits in the order that they have once the search knows what is placed. */
export function arranged<Hit extends { id: string; gallery_id: string }>(hits: Hit[], placed: Placed): Hit[] {
  const at = (images: PlacedImage[], hit: Hit) => indexOf(images, { gallery_id: hit.gallery_id, image_id: hit.id });
  const rank = (hit: Hit) => {
    const pinned = at(placed.pinned, hit);
    if (pinned >= 0) return pinned - placed.pinned.length;
    return at(placed.buried, hit) >= 0 ? 1 : 0;
  };
  return hits
    .map((hit) => ({ hit, rank: rank(hit) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ hit }) => hit);
}

/** What is placed for queries, with changes on their way, and how to change it for one query. */
export function usePlaced(enabled: boolean) {
  const { client, useQuery } = useApi();
  const read = useQuery("get", PATH, {}, { enabled });
  const changed = (queries: Placed[], { query, change }: Change) =>
    withPlaced(queries, change(placedFor(queries, query)));
  // Read again right before it is written: only what was done changes, whoever else writes.
  const send = async (done: Change) => {
    const { data } = await client.GET(PATH);
    await client.PUT(PATH, { body: { queries: changed(data?.queries ?? [], done) } });
  };
  const { shown: queries, set } = useSetting(PATH, read.data?.queries ?? [], changed, send);
  const place = (done: Placing, said: string) => set(said, done, { query: done.query, change: done.undo });
  return { read, queries, place };
}
