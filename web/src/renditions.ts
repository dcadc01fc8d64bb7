import type { Schema } from "./api";

export type Renditions = Schema<"RenditionsResponse"> | null;

/** The `srcset` of a picture: WebP, which every browser shows and which is made faster than AVIF. */
export function srcSet(renditions: Renditions, apiUrl: string): string | undefined {
  const base = new URL(`${apiUrl}/`, location.href);
  return renditions?.sizes.map(({ width, webp }) => `${new URL(webp, base).href} ${width}w`).join(", ");
}
