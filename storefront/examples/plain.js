// A gallery in a plain page: your own markup, Vitrine's order and counting.
import { createVitrine } from "@vitrine/storefront";

const place = document.querySelector("#shop");
const gallery = createVitrine(place.dataset).gallery("summer");

try {
  const { items } = await gallery.images({ limit: 24 });
  for (const { id, url, alt, name, position, product_ids, width, height } of items) {
    const link = document.createElement("a");
    link.href = `product.html?id=${product_ids[0]}`;
    link.append(Object.assign(new Image(width, height), { src: url, alt: alt ?? name }));
    place.append(link);
    gallery.observe(link, id, { position });
  }
} catch {
  // The API is down: the page works without it.
}
