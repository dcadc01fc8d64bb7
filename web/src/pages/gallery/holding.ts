// A picture that is held, by pointer or by keyboard, on its way to another place of its gallery.

import { type PointerEvent, type RefObject, useEffect, useRef, useState } from "react";

/** How far a mouse moves before it drags, and how long a finger rests before it does. */
const SLACK_PX = 6;
const TOUCH_SLACK_PX = 12;
const REST_MS = 350;
const EDGE_PX = 70;
const SCROLL_PX = 14;

export interface Held {
  id: string;
  /** Where it would go, from 0. */
  to: number;
  /** How far the pointer has carried it; none by keyboard. */
  carried: { left: number; top: number } | null;
}

interface Cells {
  columns: number;
  /** The width and height of a cell, with the gap beside it. */
  cell: { width: number; height: number };
}

/** The place at a point of the grid, among `count`. */
export function placeAt(x: number, y: number, { columns, cell }: Cells, count: number): number {
  const column = Math.max(0, Math.min(columns - 1, Math.floor(x / cell.width)));
  const row = Math.max(0, Math.floor(y / cell.height));
  return Math.max(0, Math.min(count - 1, row * columns + column));
}

/** The images with the held one where it would go. */
export function withHeld<Image extends { id: string }>(images: Image[], held: Held | null): Image[] {
  const from = held ? images.findIndex(({ id }) => id === held.id) : -1;
  return held && from >= 0 ? images.toSpliced(from, 1).toSpliced(held.to, 0, images[from]!) : images;
}

interface Pressed {
  id: string;
  pointerId: number;
  isTouch: boolean;
  x: number;
  y: number;
  /** From the tile's corner to the pointer. */
  grip: { x: number; y: number };
  rest: ReturnType<typeof setTimeout> | undefined;
}

interface Options {
  grid: RefObject<HTMLElement | null>;
  cells: Cells;
  ids: string[];
  enabled: boolean;
  drop: (id: string, to: number) => void;
}

/** Lets pictures be carried by mouse and finger, and held by keyboard (`hold`, `carry`, `release`). */
export function useHolding({ grid, cells, ids, enabled, drop }: Options) {
  const [held, setHeld] = useState<Held | null>(null);
  const pressed = useRef<Pressed | null>(null);
  const point = useRef({ x: 0, y: 0 });
  // What was shown last, which a render for another reason may not have in its state yet.
  const shown = useRef(held);
  const now = useRef({ cells, ids, drop });
  now.current = { cells, ids, drop };

  const show = (next: Held | null) => {
    shown.current = next;
    setHeld(next);
  };
  const follow = () => {
    const from = pressed.current;
    const box = grid.current?.getBoundingClientRect();
    if (!from || !box) return;
    const { x, y } = point.current;
    const { cells: at, ids: all } = now.current;
    const carried = { left: x - box.left - from.grip.x, top: y - box.top - from.grip.y };
    show({ id: from.id, to: placeAt(x - box.left, y - box.top, at, all.length), carried });
  };
  const end = (isDrop: boolean) => {
    clearTimeout(pressed.current?.rest);
    const done = shown.current;
    pressed.current = null;
    if (!done) return;
    show(null);
    if (isDrop && now.current.ids.indexOf(done.id) !== done.to) now.current.drop(done.id, done.to);
  };
  const acts = useRef({ follow, end });
  acts.current = { follow, end };

  useEffect(() => {
    if (!enabled) return;
    const isCarried = () => !!pressed.current && !!shown.current;
    const moved = (event: globalThis.PointerEvent) => {
      const from = pressed.current;
      if (!from || event.pointerId !== from.pointerId) return;
      point.current = { x: event.clientX, y: event.clientY };
      const far = Math.hypot(event.clientX - from.x, event.clientY - from.y);
      if (shown.current) acts.current.follow();
      else if (from.isTouch && far > TOUCH_SLACK_PX)
        acts.current.end(false); // the finger scrolls
      else if (!from.isTouch && far > SLACK_PX) acts.current.follow();
    };
    const up = (event: globalThis.PointerEvent) => {
      if (event.pointerId !== pressed.current?.pointerId) return;
      if (isCarried()) swallowClick();
      acts.current.end(event.type === "pointerup");
    };
    const key = (event: globalThis.KeyboardEvent) => {
      if (event.key === "Escape" && isCarried()) acts.current.end(false);
    };
    // While a picture is carried, a finger neither scrolls nor opens a menu.
    const still = (event: Event) => isCarried() && event.preventDefault();
    let frame = requestAnimationFrame(function scroll() {
      frame = requestAnimationFrame(scroll);
      if (!isCarried()) return;
      const { y } = point.current;
      const step = y < EDGE_PX ? -SCROLL_PX : y > innerHeight - EDGE_PX ? SCROLL_PX : 0;
      if (!step) return;
      scrollBy(0, step);
      acts.current.follow();
    });
    addEventListener("pointermove", moved);
    addEventListener("pointerup", up);
    addEventListener("pointercancel", up);
    addEventListener("keydown", key);
    addEventListener("touchmove", still, { passive: false });
    addEventListener("contextmenu", still);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("pointermove", moved);
      removeEventListener("pointerup", up);
      removeEventListener("pointercancel", up);
      removeEventListener("keydown", key);
      removeEventListener("touchmove", still);
      removeEventListener("contextmenu", still);
    };
  }, [enabled]);

  const press = (id: string) => (event: PointerEvent<HTMLElement>) => {
    if (!enabled || event.button !== 0 || pressed.current) return;
    const tile = event.currentTarget.getBoundingClientRect();
    const isTouch = event.pointerType === "touch";
    point.current = { x: event.clientX, y: event.clientY };
    pressed.current = {
      id,
      pointerId: event.pointerId,
      isTouch,
      x: event.clientX,
      y: event.clientY,
      grip: { x: event.clientX - tile.left, y: event.clientY - tile.top },
      rest: isTouch ? setTimeout(() => acts.current.follow(), REST_MS) : undefined,
    };
  };
  return {
    held,
    press,
    hold: (id: string) => show({ id, to: ids.indexOf(id), carried: null }),
    carry: (by: number) =>
      held && show({ ...held, to: Math.max(0, Math.min(ids.length - 1, held.to + by)), carried: null }),
    release: () => acts.current.end(true),
    cancel: () => acts.current.end(false),
  };
}

/** What is let go of was not clicked. */
function swallowClick(): void {
  const swallow = (event: Event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", swallow, { capture: true }), 50);
}
