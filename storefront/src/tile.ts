/** One picture in a list: its box is reserved before it loads, and the browser chooses size and format. */

import type { Renditions } from "./types";

export interface Tile {
  name: string;
  alt: string;
  url: string;
  href: string | null;
  renditions?: Renditions | null | undefined;
  width?: number | null;
  height?: number | null;
  note?: string | null;
}

/** How a list shows its pictures. */
export interface Look {
  /** The shop's markup for an item, or null for ours. */
  template: HTMLTemplateElement | null;
  /** The `sizes` of each image. */
  sizes: string;
  /** How many pictures load at once and with priority: those of the first row. */
  eager: number;
  /** The address of the API, to which rendition addresses are relative. */
  api: string;
}

const FORMATS = ["avif", "webp", "jpg"] as const;

export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Record<string, string | number | null | undefined> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value != null) made.setAttribute(key, `${value}`);
  made.append(...children);
  return made;
}

/** The list item of a tile; `data-vitrine="image"`, `"name"`, `"note"` and `"link"` are filled in a shop's own template. */
export function item(tile: Tile, at: number, look: Look): HTMLLIElement {
  const li = el("li");
  if (look.template) {
    li.append(look.template.content.cloneNode(true));
    for (const slot of li.querySelectorAll<HTMLElement>("[data-vitrine]")) {
      const what = slot.dataset.vitrine;
      if (what === "image") slot.replaceWith(picture(tile, at, look));
      else if (what === "link") tile.href ? slot.setAttribute("href", tile.href) : slot.removeAttribute("href");
      else slot.textContent = what === "note" ? (tile.note ?? "") : tile.name;
    }
    return li;
  }
  const caption = el("span", { class: "vitrine-name" }, tile.name);
  const content: Node[] = [picture(tile, at, look), caption];
  if (tile.note) content.push(el("span", { class: "vitrine-note" }, tile.note));
  li.append(tile.href ? el("a", { href: tile.href }, ...content) : el("button", { type: "button" }, ...content));
  return li;
}

function picture(tile: Tile, at: number, look: Look): HTMLElement {
  const isEager = at < look.eager;
  const { renditions } = tile;
  const largest = renditions?.sizes.at(-1);
  if (!largest && !tile.url) return el("span", { class: "vitrine-box" });
  const set = (format: (typeof FORMATS)[number]) =>
    renditions!.sizes.map((size) => `${absolute(size[format], look.api)} ${size.width}w`).join();
  const sizes = isEager ? look.sizes : `auto, ${look.sizes}`;
  const img = el("img", {
    alt: tile.alt === tile.name ? "" : tile.alt, // the name is shown beside it
    loading: isEager ? "eager" : "lazy",
    fetchpriority: isEager ? "high" : null,
    decoding: "async",
    width: tile.width ?? (renditions ? 1000 : null),
    height: tile.height ?? (renditions ? Math.round(1000 / renditions.aspect_ratio) : null),
  });
  const ground = renditions?.placeholder && averageColour(renditions.placeholder);
  if (ground) img.style.background = ground;
  if (!largest) {
    img.src = tile.url;
    return img;
  }
  img.sizes = sizes;
  img.srcset = set("jpg");
  img.src = absolute(largest.jpg, look.api);
  const sources = FORMATS.slice(0, 2).map((format) => el("source", { type: `image/${format}`, sizes, srcset: set(format) }));
  return el("picture", {}, ...sources, img);
}

function absolute(address: string, api: string): string {
  return new URL(address, `${new URL(api, location.href)}/`).href;
}

/** The average colour of a ThumbHash: its first three bytes hold lightness and two colour differences. */
export function averageColour(placeholder: string): string | null {
  try {
    const [a, b, c] = Array.from(atob(placeholder), (letter) => letter.charCodeAt(0)) as [number, number, number];
    const header = a | (b << 8) | (c << 16);
    const l = (header & 63) / 63;
    const p = ((header >> 6) & 63) / 31.5 - 1;
    const q = ((header >> 12) & 63) / 31.5 - 1;
    const blue = l - (2 / 3) * p;
    const red = (3 * l - blue + q) / 2;
    return `rgb(${[red, red - q, blue].map((part) => Math.round(Math.min(1, Math.max(0, part)) * 255)).join()})`;
  } catch {
    return null;
  }
}

/** The styles that the layout needs. Everything else is the shop's, by CSS variables. */
const STYLE = `
:where(vitrine-gallery,vitrine-recommendations,vitrine-search){display:block}
:where(.vitrine-grid){display:grid;grid-template-columns:repeat(auto-fill,minmax(min(var(--vitrine-width,200px),45%),1fr));gap:var(--vitrine-gap,12px);list-style:none;margin:0;padding:0}
:where(.vitrine-grid>li){min-width:0}
:where(.vitrine-grid img,.vitrine-box){display:block;width:100%;height:auto;aspect-ratio:var(--vitrine-ratio,1);object-fit:cover;border-radius:var(--vitrine-radius,6px);background:var(--vitrine-ground,#8882)}
:where(.vitrine-grid a,.vitrine-grid button){display:block;width:100%;padding:0;border:0;background:none;font:inherit;color:inherit;text-align:start;text-decoration:none;cursor:pointer}
:where(.vitrine-name,.vitrine-note){display:block;line-height:1.4;height:1.4em;margin-top:.3em;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
:where(.vitrine-note){margin:0;opacity:.7}`;
let isStyled = false;

/** Add the layout's style once. A constructed sheet works under a strict Content-Security-Policy. */
export function style(): void {
  if (isStyled) return;
  isStyled = true;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  document.adoptedStyleSheets.push(sheet);
}
