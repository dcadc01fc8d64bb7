import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { call, said, type Page, type Session } from "../api";
import { useAnswer } from "../hooks";
import { Empty, Problem } from "../parts";

interface GalleryItem {
  id: string;
  title: string | null;
  images: number;
  views?: number;
  clicks?: number;
}
interface ImageItem {
  id: string;
  name: string;
  url: string;
  alt: string | null;
  weight?: number;
  position: number;
  events?: { views: number; clicks: number };
}

const SHOWN = 24;
const SEEN_FOR_MS = 600;

export function Gallery({ session }: { session: Session }) {
  const { answer: galleries, problem } = useAnswer<Page<GalleryItem>>(session, "/galleries?limit=100", 2000);
  const [picked, setPicked] = useState<string | null>(null);
  const fullest = [...(galleries?.items ?? [])].sort((a, b) => b.images - a.images)[0];
  const id = picked ?? fullest?.id;
  const gallery = galleries?.items.find((item) => item.id === id);
  return (
    <section>
      <div className="heading">
        <h1>Gallery</h1>
        {gallery && (
          <label className="inline">
            Show
            <select value={id} onChange={(event) => setPicked(event.target.value)}>
              {galleries!.items.map((item) => (
                <option key={item.id} value={item.id}>
                  {item.title ?? item.id} ({item.images})
                </option>
              ))}
            </select>
          </label>
        )}
        {gallery?.views !== undefined && (
          <p className="aside">
            {gallery.views} views, {gallery.clicks} clicks
          </p>
        )}
      </div>
      <p className="lead">
        Click a picture as a shopper would. A click weighs seven views, and the order follows within seconds.
        {session.shopUrl && (
          <>
            {" "}
            Or as a shopper does, in the <a href={session.shopUrl}>demo shop</a>.
          </>
        )}
      </p>
      <Problem text={problem} />
      {galleries && !gallery && <Empty>There is no gallery yet. Import images, or create one by the API.</Empty>}
      {id && <Images key={id} session={session} galleryId={id} />}
    </section>
  );
}

function Images({ session, galleryId }: { session: Session; galleryId: string }) {
  const path = `/galleries/${galleryId}`;
  const { answer, problem } = useAnswer<Page<ImageItem>>(session, `${path}/images?limit=${SHOWN}`, 1000);
  const [failed, setFailed] = useState<string | null>(null);
  const grid = useRef<HTMLOListElement>(null);
  const places = useRef(new Map<string, DOMRect>());
  const seen = useRef(new Set<string>());

  const send = (type: "view" | "click", ids: string[]) =>
    call(session, "POST", `${path}/events`, {
      events: ids.map((image_id) => ({ event_id: crypto.randomUUID(), type, image_id })),
    }).catch((error: unknown) => setFailed(said(error)));

  // Pictures move from where they were to where they are.
  useLayoutEffect(() => {
    const now = new Map<string, DOMRect>();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const tile of grid.current?.children ?? []) {
      const id = (tile as HTMLElement).dataset.id!;
      const place = tile.getBoundingClientRect();
      const before = places.current.get(id);
      now.set(id, place);
      if (!before || still || (before.x === place.x && before.y === place.y)) continue;
      tile.animate([{ transform: `translate(${before.x - place.x}px, ${before.y - place.y}px)` }, { transform: "none" }], {
        duration: 500,
        easing: "cubic-bezier(.2,.8,.2,1)",
      });
    }
    places.current = now;
  }, [answer]);

  // A picture is viewed once it was on the screen for a moment.
  useEffect(() => {
    const timers = new Map<Element, ReturnType<typeof setTimeout>>();
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          const id = (target as HTMLElement).dataset.id!;
          clearTimeout(timers.get(target));
          if (!isIntersecting || seen.current.has(id)) continue;
          timers.set(
            target,
            setTimeout(() => {
              if (seen.current.has(id)) return;
              seen.current.add(id);
              void send("view", [id]);
            }, SEEN_FOR_MS),
          );
        }
      },
      { threshold: 0.5 },
    );
    for (const tile of grid.current?.children ?? []) observer.observe(tile);
    return () => {
      observer.disconnect();
      timers.forEach(clearTimeout);
    };
  }, [answer?.items.length]);

  return (
    <>
      <Problem text={problem ?? failed} />
      {answer?.items.length === 0 && <Empty>This gallery has no images.</Empty>}
      <ol className="grid" ref={grid}>
        {answer?.items.map((image) => (
          <li key={image.id} data-id={image.id}>
            <button className="tile" onClick={() => void send("click", [image.id])} aria-label={`Click ${image.name}`}>
              <img src={image.url} alt={image.alt ?? image.name} loading="lazy" />
              <span className="place">{image.position}</span>
              <span className="name">{image.name}</span>
              {image.events && (
                <span className="weight">
                  {image.events.views} views · {image.events.clicks} clicks · <b>{image.weight}</b>
                </span>
              )}
            </button>
          </li>
        ))}
      </ol>
    </>
  );
}
