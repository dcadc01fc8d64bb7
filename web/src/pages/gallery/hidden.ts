// Images that were hidden in this browser: galleries list only what shoppers see.

import type { Image } from "./edits";

export interface HiddenImage {
  id: string;
  name: string;
}

const MOST = 50;
const place = (gallery_id: string) => `vitrine.hidden.${gallery_id}`;

/** Those hidden last, newest first. */
export function hiddenImages(gallery_id: string): HiddenImage[] {
  return JSON.parse(localStorage.getItem(place(gallery_id)) ?? "[]");
}

export function noteHidden(gallery_id: string, { id, name }: Image): void {
  const others = hiddenImages(gallery_id).filter((image) => image.id !== id);
  localStorage.setItem(place(gallery_id), JSON.stringify([{ id, name }, ...others].slice(0, MOST)));
}

export function forgetHidden(gallery_id: string, id: string): void {
  const others = hiddenImages(gallery_id).filter((image) => image.id !== id);
  localStorage.setItem(place(gallery_id), JSON.stringify(others));
}
