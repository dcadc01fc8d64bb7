import { type FormEvent, useId, useState } from "react";
import { useAddress } from "../address";
import { ApiError, type Schema } from "../api";
import { useChanges, usePending } from "../changes";
import { IDLE_MS, itemsOf, PAGES, useApi } from "../data";
import { format, t } from "../language";
import { Dialog, List, PictureCell, Problem, Woven } from "../parts";

type Product = Schema<"ProductResponse">;

/** A product as it is shown until the API has answered; without `product` it is gone. */
interface Edit {
  product_id: string;
  product: Product | null;
}
const isEdit = (shows: unknown): shows is Edit => typeof shows === "object" && shows !== null && "product" in shows;

function edited(products: Product[], edits: Edit[]): Product[] {
  let shown = products;
  for (const { product_id, product } of edits) {
    const others = shown.filter((other) => other.product_id !== product_id);
    const at = shown.findIndex((other) => other.product_id === product_id);
    if (!product) shown = others;
    else shown = at < 0 ? [product, ...others] : shown.with(at, product);
  }
  return shown;
}

export function Products() {
  const { client, useInfiniteQuery } = useApi();
  const { asked, ask } = useAddress();
  const { change } = useChanges();
  const products = useInfiniteQuery(
    "get",
    "/products",
    { params: { query: { limit: 50 } } },
    { ...PAGES, refetchInterval: (query) => (query.state.data?.pages.length ?? 0) <= 2 && IDLE_MS },
  );
  const shown = edited(itemsOf(products), usePending(isEdit));
  const opened = asked.get("product");

  const put = ({ product_id, renditions: _made, ...body }: Product) =>
    client.PUT("/products/{product_id}", { params: { path: { product_id } }, body });
  const remove = (product_id: string) => client.DELETE("/products/{product_id}", { params: { path: { product_id } } });
  const about = ["/products", "/products/{product_id}"];
  const save = (product: Product, before: Product | null) =>
    change({
      said: t.products.saved(product.name),
      send: () => put(product),
      undo: () => (before ? put(before) : remove(product.product_id)),
      about,
      shows: { product_id: product.product_id, product } satisfies Edit,
      showsUndone: { product_id: product.product_id, product: before } satisfies Edit,
    });
  const drop = (product: Product) =>
    change({
      said: t.products.deleted(product.name),
      send: () => remove(product.product_id),
      undo: () => put(product),
      about,
      shows: { product_id: product.product_id, product: null } satisfies Edit,
      showsUndone: { product_id: product.product_id, product } satisfies Edit,
    });

  return (
    <section>
      <div className="heading">
        <h1>{t.products.title}</h1>
        <button type="button" className="aside" onClick={() => ask({ product: "new" })}>
          {t.products.new}
        </button>
      </div>
      <p className="lead">{t.products.lead}</p>
      <List
        of={products}
        items={shown}
        none={<Woven text={t.products.none} a={(text) => <a href="#/imports?kind=products">{text}</a>} />}
        label={t.products.title}
        columns={[
          t.products.product,
          t.products.id,
          t.products.category,
          t.products.brand,
          { number: t.products.price },
          t.products.available,
          t.products.change,
        ]}
      >
        {(product) => (
          <tr key={product.product_id} data-product={product.product_id}>
            <PictureCell url={product.image_url} renditions={product.renditions} name={product.name} />
            <td>
              <code>{product.product_id}</code>
            </td>
            <td>{product.category}</td>
            <td>{product.brand}</td>
            <td className="number">{product.price !== null && format.money(product.price, product.currency)}</td>
            <td>{product.available ? t.products.yes : t.products.no}</td>
            <td className="buttons">
              <button
                type="button"
                aria-label={t.products.editIt(product.name)}
                onClick={() => ask({ product: product.product_id })}
              >
                {t.products.edit}
              </button>
              <button type="button" aria-label={t.products.deleteIt(product.name)} onClick={() => drop(product)}>
                {t.products.delete}
              </button>
            </td>
          </tr>
        )}
      </List>
      {opened && (
        <Editor
          key={opened}
          product_id={opened === "new" ? null : opened}
          close={() => ask({ product: null })}
          save={save}
        />
      )}
    </section>
  );
}

interface EditorProps {
  /** The product to edit; null makes one. */
  product_id: string | null;
  close: () => void;
  save: (product: Product, before: Product | null) => void;
}
function Editor({ product_id, close, save }: EditorProps) {
  const { client, useQuery } = useApi();
  const read = useQuery(
    "get",
    "/products/{product_id}",
    { params: { path: { product_id: product_id ?? "" } } },
    { enabled: product_id !== null, placeholderData: undefined, refetchOnWindowFocus: false },
  );
  const before = product_id === null ? null : (read.data ?? null);
  const [problem, setProblem] = useState<unknown>(null);
  async function submit(product: Product) {
    if (product_id === null) {
      const taken = await client
        .GET("/products/{product_id}", { params: { path: { product_id: product.product_id } } })
        .catch((error: unknown) => (error instanceof ApiError && error.status === 404 ? null : error));
      if (taken) {
        setProblem(taken instanceof Error ? taken : t.products.taken(product.product_id));
        return;
      }
    }
    save(product, before);
    close();
  }
  return (
    <Dialog label={product_id === null ? t.products.new : t.products.editTitle} close={close}>
      <h2>{product_id === null ? t.products.new : (before?.name ?? product_id)}</h2>
      <Problem of={problem ?? read.error} />
      {(product_id === null || before) && (
        <Fields before={before} close={close} save={(product) => void submit(product)} />
      )}
    </Dialog>
  );
}

function Fields({
  before,
  save,
  close,
}: {
  before: Product | null;
  save: (product: Product) => void;
  close: () => void;
}) {
  const hint = useId();
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim() || null;
    save({
      attributes: {},
      renditions: null,
      ...before,
      product_id: before?.product_id ?? text("product_id") ?? "",
      name: text("name") ?? "",
      category: text("category"),
      brand: text("brand"),
      price: text("price") === null ? null : Number(text("price")),
      currency: text("currency"),
      image_url: text("image_url"),
      tags: (text("tags") ?? "").split(",").flatMap((tag) => tag.trim() || []),
      available: form.has("available"),
    });
  }
  return (
    <form className="fields" onSubmit={submit}>
      {!before && (
        <label>
          {t.products.id}
          <input name="product_id" required maxLength={128} pattern="[A-Za-z0-9._~:\-]+" aria-describedby={hint} />
          <small id={hint}>{t.products.idHint}</small>
        </label>
      )}
      <label>
        {t.products.name}
        <input name="name" required maxLength={300} defaultValue={before?.name} />
      </label>
      <label>
        {t.products.category}
        <input name="category" defaultValue={before?.category ?? ""} />
      </label>
      <label>
        {t.products.brand}
        <input name="brand" defaultValue={before?.brand ?? ""} />
      </label>
      <div className="side-by-side">
        <label>
          {t.products.price}
          <input name="price" type="number" min={0} step="any" defaultValue={before?.price ?? ""} />
        </label>
        <label>
          {t.products.currency}
          <input
            name="currency"
            pattern="[A-Z]{3}"
            placeholder={t.products.currencyExample}
            defaultValue={before?.currency ?? ""}
          />
        </label>
      </div>
      <label>
        {t.products.image}
        <input name="image_url" type="url" defaultValue={before?.image_url ?? ""} />
      </label>
      <label>
        {t.products.tags}
        <input name="tags" defaultValue={before?.tags.join(", ")} />
      </label>
      <label className="inline">
        <input name="available" type="checkbox" defaultChecked={before?.available ?? true} /> {t.products.available}
      </label>
      <div className="buttons">
        <button type="submit" className="primary">
          {t.products.save}
        </button>
        <button type="button" onClick={close}>
          {t.products.cancel}
        </button>
      </div>
    </form>
  );
}
