/** `<vitrine-gallery gallery="summer">`: an ordered gallery that counts its views and clicks. */

import { List, vitrine, VitrineElement } from "./element";
import { el } from "./tile";
import type { ImageItem } from "./types";

export * from "./index";
export { configure, vitrine } from "./element";

const MOST_PAGES = 20;

/**
 * Attributes: `gallery`, `limit` (images a page, 24), `more` (`button`, `scroll` or `none`), `more-label`,
 * `product-href` (`/p/{product_id}`), `sizes`, `eager` (how many pictures load at once, 4).
 * A `<template>` inside is the markup of one item. Existing markup with `data-image-id` is kept as it is.
 * Events: `vitrine-click` (cancelable), `vitrine-load`, `vitrine-error`.
 */
export class GalleryElement extends VitrineElement {
  override start_(): void {
    const gallery = vitrine().gallery(this.attribute_("gallery", "default"));
    const place = (element: Element, image: Pick<ImageItem, "id" | "position" | "arm" | "product_ids">): void => {
      const { id, position, arm } = image;
      gallery.observe(element, id, { position, arm });
      element.addEventListener("click", (event) => this.tell_("click", { image }) || event.preventDefault());
    };
    const rendered = this.querySelectorAll<HTMLElement>("[data-image-id]");
    rendered.forEach((element, at) => place(element, { id: element.dataset.imageId!, position: at + 1, product_ids: [] }));
    if (rendered.length) return;

    const limit = this.number_("limit", 24);
    const list = new List<ImageItem>(
      {
        read: (cursor) => gallery.images({ limit, cursor }),
        id: (image) => image.id,
        tile: (image) => ({ ...image, alt: image.alt ?? image.name, href: this.href_(image.product_ids[0]) }),
        placed: place,
      },
      this.look_(),
    );
    const wanted = Math.min(Number(new URLSearchParams(location.search).get(this.parameter_())) || 1, MOST_PAGES);
    list.reserve(limit * wanted, 1);
    this.setAttribute("aria-busy", "true");
    this.append(list.ul);
    this.fill_(list, wanted).catch((error: unknown) => this.fail_(error));
  }

  /** The query parameter that stores how many pages are shown. */
  private parameter_(): string {
    return `${this.attribute_("gallery", "default")}-pages`;
  }

  /** Show as many pages as the address says, and offer the next one. */
  private async fill_(list: List<ImageItem>, wanted: number): Promise<void> {
    const how = this.attribute_("more", "button");
    const button = el("button", { type: "button", class: "vitrine-more" }, this.attribute_("more-label", "Show more"));
    const offer = (): void => void (button.style.visibility = isMore ? "" : "hidden"); // its space is reserved, nothing moves
    let pages = 0;
    let isMore = false;
    offer();
    if (how !== "none") this.append(button);
    const next = async (): Promise<void> => {
      isMore = await list.more();
      pages += 1;
      offer();
      this.tell_("load", { pages, isMore });
    };
    do await next();
    while (isMore && pages < wanted);
    list.release();
    this.removeAttribute("aria-busy");
    if (!isMore || how === "none") return;

    const advance = async (): Promise<boolean> => {
      if (button.disabled) return false;
      button.disabled = true;
      const first = list.ul.children.length;
      try {
        await next();
        const address = new URL(location.href);
        address.searchParams.set(this.parameter_(), `${pages}`);
        history.replaceState(history.state, "", address);
        if (document.activeElement === button || how === "button") focusable(list.ul.children[first])?.focus({ preventScroll: true });
        return true;
      } catch (error) {
        this.fail_(error);
        return false;
      } finally {
        button.disabled = false;
      }
    };
    button.addEventListener("click", () => void advance());
    if (how === "scroll") {
      const near = new IntersectionObserver(
        (entries) => {
          if (!entries.at(-1)!.isIntersecting) return;
          near.disconnect();
          // Observing it again fires again if the next page did not push the button off the screen.
          void advance().then((isShown) => isShown && isMore && near.observe(button));
        },
        { rootMargin: "600px" },
      );
      near.observe(button);
    }
  }
}

function focusable(li: Element | undefined): HTMLElement | null {
  return li?.querySelector("a, button") ?? null;
}

customElements.get("vitrine-gallery") ?? customElements.define("vitrine-gallery", GalleryElement);
