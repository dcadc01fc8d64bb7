// The shop's own code: a product page, a basket, and a panel. Pictures, search, recommendations and counting are Vitrine's.
import { vitrine } from "./dist/vitrine.js";

const shop = vitrine();
const gallery = shop.gallery("default");
const $ = (id) => document.getElementById(id);
const money = (amount) => new Intl.NumberFormat("en", { style: "currency", currency: "USD" }).format(amount);

const basket = {
  read: () => JSON.parse(sessionStorage.getItem("basket") ?? "[]"),
  write(products) {
    sessionStorage.setItem("basket", JSON.stringify(products));
    $("basket-count").textContent = products.length ? `(${products.length})` : "";
  },
};
basket.write(basket.read());

const makeElement = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

function recommend(place, attributes) {
  const list = document.createElement("vitrine-recommendations");
  const all = { ...attributes, "product-href": "product.html?id={product_id}", limit: 6 };
  for (const [name, value] of Object.entries(all)) list.setAttribute(name, value);
  place.replaceChildren(list);
}

async function showProduct(product_id) {
  shop.viewProduct(product_id);
  const ids = basket.read().map((product) => product.product_id);
  recommend($("similar"), { "product-id": product_id, exclude: ids.join(" ") });
  const products = await (await fetch("products.json")).json(); // the shop's own catalogue
  const product = products.find((it) => it.product_id === product_id);
  if (!product) return void ($("product-name").textContent = "This product is not in the shop");
  const { name, price } = product;
  document.title = `${name} · The demo shop`;
  $("product-name").textContent = name;
  $("product-image").src = product.image_url;
  $("product-text").textContent = product.attributes.description;
  $("product-price").textContent = money(price);
  $("add").hidden = false;
  $("add").onclick = () => {
    basket.write([...basket.read(), { product_id, name, price }]);
    $("added").textContent = `${name} is in the basket.`;
  };
}

function showBasket() {
  const products = basket.read();
  const rows = products.map((product, at) => {
    const remove = makeElement("button", { type: "button", textContent: "Remove", ariaLabel: `Remove ${product.name}` });
    remove.onclick = () => (basket.write(products.toSpliced(at, 1)), showBasket());
    const link = makeElement("a", { href: `product.html?id=${product.product_id}`, textContent: product.name });
    return makeElement("tr", {}, makeElement("td", {}, link), makeElement("td", { textContent: money(product.price) }), makeElement("td", {}, remove));
  });
  $("basket").replaceChildren(...rows);
  $("goes-with").hidden = !products.length;
  if (products.length) recommend($("companions"), { basket: products.map((product) => product.product_id).join(" ") });
  $("buy").hidden = !products.length;
  $("buy").onclick = () => {
    for (const { product_id, price } of products) shop.purchase(product_id, price);
    basket.write([]);
    showBasket();
    $("bought").textContent = "Bought. Thank you.";
  };
  $("opt-out").onclick = () => {
    shop.optOut();
    $("opted-out").textContent = "Nothing is counted from now on, and what was stored is removed.";
  };
}

addEventListener("vitrine-counted", ({ detail: { sent, results } }) => {
  const events = sent.events ?? sent.interactions;
  const rows = events.map((event, at) => {
    const what = `${event.type} ${event.image_id ?? event.product_id}: ${results?.[at]?.status ?? "refused"}`;
    return makeElement("li", { textContent: what, title: what });
  });
  const old = [...$("events").children].filter((row) => row.dataset.counted);
  for (const row of rows) row.dataset.counted = "yes";
  $("events").replaceChildren(...[...rows.reverse(), ...old].slice(0, 12));
});

let order = [];
async function showOrder() {
  if (!document.hidden) {
    const { items } = await gallery.images({ limit: 12 }).catch(() => ({ items: null }));
    if (items) {
      const rows = items.map(({ id, name }, at) => makeElement("li", { textContent: name, className: order[at] === id || !order.length ? "" : "moved" }));
      $("order").replaceChildren(...rows);
      order = items.map(({ id }) => id);
    }
  }
  setTimeout(showOrder, 3000);
}
void showOrder();

if ($("product")) void showProduct(new URLSearchParams(location.search).get("id") ?? "").catch(() => ($("product-name").textContent = "The shop does not answer. Try again soon."));
if ($("basket")) showBasket();
