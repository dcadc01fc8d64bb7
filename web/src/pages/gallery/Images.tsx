import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type PointerEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useAddress } from "../../address";
import type { Schema } from "../../api";
import { useChanges } from "../../changes";
import { BUSY_MS, IDLE_MS, itemsOf, PAGES, useApi } from "../../data";
import { format, t } from "../../language";
import { Content, Empty, Picture, Problem, Woven } from "../../parts";
import { edited, type Image, useEdits } from "./edits";
import { Hidden } from "./Hidden";
import { type Held, useHolding, withHeld } from "./holding";
import { Panel } from "./Panel";
import { useShopper } from "./shopper";
import { AddPictures, useUploads } from "./Upload";

const PAGE = 100;
const GAP = 14;
const NARROWEST = 132;
const BELOW_PICTURE = 66;
const POLLED_PAGES = 3;

interface Props {
  gallery: Schema<"GalleryResponse">;
  acts: boolean;
  mayEdit: boolean;
}

/** All images of a gallery in their order, of which only those near the screen are drawn. */
export function Images({ gallery, acts, mayEdit }: Props) {
  const { asked, ask } = useAddress();
  const { tell } = useChanges();
  const uploads = useUploads(gallery.id);
  const found = useApi().useInfiniteQuery(
    "get",
    "/galleries/{gallery_id}/images",
    { params: { path: { gallery_id: gallery.id }, query: { limit: PAGE } } },
    {
      ...PAGES,
      placeholderData: undefined, // another gallery's pictures are no preview of this one's
      refetchInterval: (query) =>
        (query.state.data?.pages.length ?? 0) <= POLLED_PAGES && (acts ? 1_000 : uploads.isBusy ? BUSY_MS : IDLE_MS),
    },
  );
  const edits = useEdits(gallery.id);
  const read = itemsOf(found);
  const settled = edited(read, edits.pending);
  const opened = asked.get("image");
  const layout = useLayout(settled.length);
  const holding = useHolding({
    grid: layout.grid,
    cells: layout,
    ids: settled.map(({ id }) => id),
    enabled: mayEdit && !acts,
    drop: (id, to) => pin(settled.find((image) => image.id === id)!, to + 1),
  });
  const { held } = holding;
  const images = withHeld(settled, held);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = found;
  const isNearEnd = layout.to >= images.length - 1;
  useEffect(() => {
    if (isNearEnd && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [isNearEnd, hasNextPage, isFetchingNextPage, fetchNextPage]);
  const shown = images.slice(layout.from, layout.to + 1);
  const shopper = useShopper(gallery.id, acts, layout.grid, shown.map((image) => image.id).join());
  useKeptFocus(layout.grid, images);

  const pin = (image: Image, position: number) =>
    edits.edit(image, { pinned_position: position }, t.gallery.pinned(image.name, position));
  const unpin = (image: Image) => edits.edit(image, { pinned_position: null }, t.gallery.unpinned(image.name));
  const hide = (image: Image) => {
    if (opened === image.id) ask({ image: null });
    edits.edit(image, { hidden: true }, t.gallery.hidden(image.name));
  };
  const open = (image: Image) => {
    if (!acts) return ask({ image: image.id });
    shopper.click(image.id).catch((error: Error) => tell({ text: error.message, isProblem: true }));
  };
  const focus = (at: number) => {
    const id = images[at]?.id;
    if (id) layout.grid.current?.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"] button`)?.focus();
  };
  const pressed = (event: KeyboardEvent, image: Image, at: number) => {
    if (event.ctrlKey || event.metaKey) return;
    if (held && !held.carried) {
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -layout.columns, ArrowDown: layout.columns }[event.key];
      const act = { Enter: holding.release, " ": holding.release, m: holding.release, Escape: holding.cancel }[
        event.key
      ];
      if (!by && !act) return;
      event.preventDefault();
      if (by) holding.carry(by);
      else act?.();
      return;
    }
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -layout.columns, ArrowDown: layout.columns }[event.key];
    const to = step && Math.max(0, Math.min(images.length - 1, at + step));
    if (to !== undefined && to !== at) {
      event.preventDefault();
      if (event.shiftKey && mayEdit) pin(image, to + 1);
      else focus(to);
    } else if (mayEdit && event.key === "p") {
      if (image.pinned_position) unpin(image);
      else pin(image, at + 1);
    } else if (mayEdit && !acts && event.key === "m") holding.hold(image.id);
    else if (mayEdit && event.key === "h") hide(image);
  };

  return (
    <>
      <Problem of={found.error} />
      {mayEdit && <AddPictures uploads={uploads} />}
      {mayEdit && (
        <p className="lead keys">
          <Woven text={t.gallery.keys} kbd={(text) => <kbd>{text}</kbd>} />
        </p>
      )}
      <p className="unseen" role="status">
        {held && t.gallery.held(images[held.to]?.name ?? "", held.to + 1, images.length)}
      </p>
      <div className={opened && mayEdit ? "with-panel" : undefined}>
        <div className={asked.get("width") === "phone" ? "phone-wide" : undefined}>
          <Content of={found}>
            {!found.isPending && images.length === 0 && (
              <Empty>
                {t.gallery.empty}{" "}
                {mayEdit && (
                  <Woven
                    text={t.gallery.emptyHow}
                    a={(text) => <a href={`#/imports?gallery=${gallery.id}`}>{text}</a>}
                  />
                )}
              </Empty>
            )}
            <ol
              className={held ? "grid placed carrying" : "grid placed"}
              ref={layout.grid}
              style={{ height: layout.height }}
            >
              {shown.map((image, number) => {
                const at = layout.from + number;
                return (
                  <Tile
                    key={image.id}
                    image={image}
                    position={at + 1}
                    style={layout.place(at)}
                    isOpen={opened === image.id}
                    held={held?.id === image.id ? held : null}
                    press={holding.press(image.id)}
                    action={acts ? "click" : mayEdit ? "edit" : undefined}
                    open={() => open(image)}
                    pressed={(event) => pressed(event, image, at)}
                  />
                );
              })}
            </ol>
            {isFetchingNextPage && <p className="lead">{t.gallery.readingMore}</p>}
            {mayEdit && <Hidden gallery_id={gallery.id} open={(image) => ask({ image })} />}
          </Content>
        </div>
        {opened && mayEdit && (
          <Panel
            key={opened}
            gallery_id={gallery.id}
            image_id={opened}
            position={images.findIndex((image) => image.id === opened) + 1 || null}
            pin={pin}
            unpin={unpin}
            hide={hide}
            edits={edits}
            close={() => {
              ask({ image: null });
              focus(images.findIndex((image) => image.id === opened));
            }}
          />
        )}
      </div>
    </>
  );
}

/** Where tiles are, and which of them are near the screen. */
function useLayout(tiles: number) {
  const grid = useRef<HTMLOListElement>(null);
  const [{ width, top }, setSize] = useState({ width: 0, top: 0 });
  const columns = Math.max(1, Math.floor((width + GAP) / (NARROWEST + GAP + (width > 600 ? 28 : 0))));
  const side = (width - GAP * (columns - 1)) / columns;
  const rows = Math.ceil(tiles / columns);
  const high = side + BELOW_PICTURE + GAP;
  useLayoutEffect(() => {
    const list = grid.current;
    if (!list) return;
    const measure = () => {
      const size = { width: list.clientWidth, top: Math.round(list.getBoundingClientRect().top + scrollY) };
      setSize((was) => (was.width === size.width && was.top === size.top ? was : size));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(list);
    observer.observe(document.body);
    return () => observer.disconnect();
  });
  const virtual = useWindowVirtualizer({
    count: rows,
    estimateSize: () => high,
    overscan: 3,
    scrollMargin: top,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows of another height are elsewhere
  useLayoutEffect(() => virtual.measure(), [high, virtual]);
  const near = virtual.getVirtualItems();
  const from = (near[0]?.index ?? 0) * columns;
  return {
    grid,
    columns,
    from,
    // Tiles drawn before the width is known would fly from one column into their places.
    to: width ? Math.min(tiles, ((near.at(-1)?.index ?? 0) + 1) * columns) - 1 : -1,
    height: rows * high,
    cell: { width: side + GAP, height: high },
    place: (at: number) => ({
      width: side,
      height: high - GAP,
      transform: `translate(${(at % columns) * (side + GAP)}px, ${Math.floor(at / columns) * high}px)`,
    }),
  };
}

/** The focus stays on a picture that moves to another place in the list. */
function useKeptFocus(grid: { current: HTMLElement | null }, images: Image[]) {
  const focused = useRef<string | null>(null);
  useEffect(() => {
    const noted = ({ target }: FocusEvent) => {
      const tile = target instanceof Element ? target.closest<HTMLElement>("[data-id]") : null;
      focused.current = tile && grid.current?.contains(tile) ? tile.dataset.id! : null;
    };
    addEventListener("focusin", noted);
    return () => removeEventListener("focusin", noted);
  }, [grid]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever the pictures have moved
  useLayoutEffect(() => {
    if (!focused.current || document.activeElement !== document.body) return;
    grid.current?.querySelector<HTMLElement>(`[data-id="${CSS.escape(focused.current)}"] button`)?.focus();
  }, [images, grid]);
}

interface TileProps {
  image: Image;
  position: number;
  style: { width: number; height: number; transform: string };
  isOpen: boolean;
  /** Set while this picture is held. */
  held: Held | null;
  press: (event: PointerEvent<HTMLElement>) => void;
  /** What a press of the tile does; nothing without one. */
  action: "click" | "edit" | undefined;
  open: () => void;
  pressed: (event: KeyboardEvent) => void;
}
function Tile({ image, position, style, isOpen, held, press, action, open, pressed }: TileProps) {
  const inside = (
    <>
      <Picture
        url={image.url}
        renditions={image.renditions}
        sizes={`${style.width}px`}
        alt={image.alt ?? ""}
        loading="lazy"
        draggable={false}
      />
      <span className="place">
        {image.pinned_position ? (
          <abbr title={t.gallery.isPinned}>📌 {format.count(position)}</abbr>
        ) : (
          format.count(position)
        )}
      </span>
      <span className="name">{image.name}</span>
      <span className="weight">
        {image.events && (
          <>
            {t.gallery.events(image.events.views, image.events.clicks)} · <b>{format.count(image.weight ?? 0)}</b>
          </>
        )}
      </span>
    </>
  );
  const { carried } = held ?? {};
  const at = carried ? { ...style, transform: `translate(${carried.left}px, ${carried.top}px)` } : style;
  return (
    <li
      data-id={image.id}
      style={at}
      className={carried ? "held carried" : held ? "held" : undefined}
      onPointerDown={press}
    >
      {action ? (
        <button
          type="button"
          className="tile"
          aria-expanded={action === "edit" ? isOpen : undefined}
          onClick={open}
          onKeyDown={pressed}
        >
          {inside}
        </button>
      ) : (
        <div className="tile">{inside}</div>
      )}
    </li>
  );
}
