/** `<vitrine-recommendations>`: products for this shopper, similar to one product, or going with a basket. */

import { List, vitrine, VitrineElement } from "./element";
import type { RecommendedItem } from "./types";
import { whenClicked } from "./viewed";

/** Attributes: `strategy`, `category`, `product-id`, `basket`, `exclude`, `limit` (8), `product-href`, `sizes`. Events as of `<vitrine-gallery>`. */
export class RecommendationsElement extends VitrineElement {
  override start_(): void {
    const shop = vitrine();
    const limit = this.number_("limit", 8);
    let recommendation_id: string | undefined;
    const list = new List<RecommendedItem>(
      {
        read: async () => {
          const page = await shop.recommendations({
            limit,
            ...(this.hasAttribute("strategy") && { strategy: this.attribute_("strategy") as "hybrid" }),
            category: this.attribute_("category"),
            productId: this.attribute_("product-id"),
            basket: this.ids_("basket"),
            exclude: this.ids_("exclude"),
          });
          recommendation_id = page.recommendation_id;
          return page;
        },
        id: (found) => found.product_id,
        tile: ({ product }) => ({
          name: product.name,
          alt: product.name,
          url: product.image_url ?? "",
          renditions: product.renditions,
          href: this.href_(product.product_id),
          note: price(product.price, product.currency),
        }),
        placed: (li, { product_id, product, reason }) => {
          whenClicked(li, () => shop.clickProduct(product_id, recommendation_id));
          li.addEventListener("click", (event) => {
            if (!this.tell_("click", { product, reason, recommendation_id })) event.preventDefault();
          });
        },
      },
      { ...this.look_(), eager: 0 },
    );
    list.reserve(limit, 2);
    this.append(list.ul);
    list.more().then(
      () => this.tell_("load", { recommendation_id }),
      (error: unknown) => this.fail_(error),
    );
  }

  private ids_(name: string): string[] {
    return this.attribute_(name).match(/[^\s,]+/g) ?? [];
  }
}

function price(amount: number | null, currency: string | null): string | null {
  if (amount == null) return null;
  const options: Intl.NumberFormatOptions = currency ? { style: "currency", currency } : { minimumFractionDigits: 2 };
  return new Intl.NumberFormat(document.documentElement.lang || undefined, options).format(amount);
}

customElements.get("vitrine-recommendations") ?? customElements.define("vitrine-recommendations", RecommendationsElement);
