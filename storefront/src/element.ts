/** Shared by the elements: attributes, the page's client, and a list that loads page by page. */

import { createVitrine, type Vitrine } from "./index";
import { el, item, style, type Look, type Tile } from "./tile";
import type { Page } from "./types";

let client: Vitrine | undefined;
let address = "";

/** The page's client, created from the `data-` attributes of its script; `configure` replaces it. */
export function vitrine(): Vitrine {
  if (!client) {
    const script = document.querySelector<HTMLScriptElement>("script[data-key]");
    const data = script?.dataset ?? {};
    address = data.api ?? new URL("/v1", script?.src || location.href).href;
    client = createVitrine({ key: data.key ?? "", api: address, needsConsent: data.consent != null });
  }
  return client;
}

/** Make all elements use this client and address. */
export function configure(made: Vitrine, api: string): void {
  client = made;
  address = api;
}

/** An element that never throws into the page: after a failure its content stays as it is. */
export abstract class VitrineElement extends HTMLElement {
  private isConnectedOnce_ = false;

  connectedCallback(): void {
    if (this.isConnectedOnce_) return;
    this.isConnectedOnce_ = true;
    style();
    // The parser may not have reached the children yet.
    if (document.readyState === "loading") addEventListener("DOMContentLoaded", () => this.start_(), { once: true });
    else this.start_();
  }

  abstract start_(): void;

  attribute_(name: string, otherwise = ""): string {
    return this.getAttribute(name) ?? otherwise;
  }

  number_(name: string, otherwise: number): number {
    return Number(this.getAttribute(name) ?? otherwise) || otherwise;
  }

  look_(): Look {
    vitrine();
    return {
      template: this.querySelector("template"),
      sizes: this.attribute_("sizes", "(max-width: 600px) 45vw, 260px"),
      eager: this.number_("eager", 4),
      api: address,
    };
  }

  /** The address of a product's page, by the shop's pattern: `/p/{product_id}`. */
  href_(product_id: string | undefined): string | null {
    const pattern = this.getAttribute("product-href");
    return pattern && product_id ? pattern.replace("{product_id}", encodeURIComponent(product_id)) : null;
  }

  /** Dispatch an event to the page, which may cancel the default action. */
  tell_(name: string, detail: object): boolean {
    return this.dispatchEvent(new CustomEvent(`vitrine-${name}`, { detail, bubbles: true, cancelable: true }));
  }

  fail_(error: unknown): void {
    this.removeAttribute("aria-busy");
    this.querySelectorAll("li[aria-hidden]").forEach((box) => box.remove());
    this.tell_("error", { error });
  }
}

/** Boxes of the pictures' final size, so that nothing moves when they load. */
export function boxes(count: number, lines: number): HTMLLIElement[] {
  return Array.from({ length: count }, () =>
    el("li", { "aria-hidden": "true" }, el("div", { class: "vitrine-box" }), ...Array.from({ length: lines }, () => el("span", { class: "vitrine-name" }))),
  );
}

export interface Source<Item> {
  read(cursor: string | null): Promise<Page<Item>>;
  id(found: Item): string;
  tile(found: Item): Tile;
  /** Called when the item is in the page; `position` is its 1-based place in the whole list. */
  placed(li: HTMLLIElement, found: Item, position: number): void;
}

/** A list of tiles. Pages are appended; tiles that are shown never move. */
export class List<Item> {
  readonly ul = el("ul", { class: "vitrine-grid", role: "list" });
  cursor: string | null = null;
  private readonly ids_ = new Set<string>();
  private count_ = 0;

  constructor(
    private readonly source_: Source<Item>,
    private readonly look_: Look,
  ) {}

  reserve(count: number, lines: number): void {
    this.ul.append(...boxes(count, lines));
  }

  /** Append the next page; returns false after the last. */
  async more(): Promise<boolean> {
    const page = await this.source_.read(this.cursor);
    const reserved = this.reserved_();
    for (const found of page.items) {
      const id = this.source_.id(found);
      if (this.ids_.has(id)) continue; // it moved in the order between two pages
      this.ids_.add(id);
      const li = item(this.source_.tile(found), this.count_++, this.look_);
      const box = reserved.shift();
      if (box) box.replaceWith(li);
      else this.ul.append(li);
      this.source_.placed(li, found, this.count_);
    }
    this.cursor = page.next_cursor;
    if (this.cursor === null) this.release();
    return this.cursor !== null;
  }

  /** Remove the boxes without an item. */
  release(): void {
    for (const box of this.reserved_()) box.remove();
  }

  private reserved_(): Element[] {
    return [...this.ul.querySelectorAll(":scope > [aria-hidden]")];
  }
}
