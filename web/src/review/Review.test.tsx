import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Connecting } from "../data";
import { Review } from "./Review";

const SESSION = { apiUrl: "http://api.test/v1", key: "sk_1", reviewer: "ann", remember: false, shopUrl: "" };
const sizes = [320, 640].map((width) => {
  const [avif, webp, jpg] = ["avif", "webp", "jpg"].map((form) => `pictures/d/${width}.${form}`);
  return { width, avif, webp, jpg };
});
const RENDITIONS = { aspect_ratio: 1.5, placeholder: "", sizes };
const CLAIMED = {
  snapshot_id: "s",
  product: {
    product_id: "p",
    name: "Tea",
    pictures: ["http://shop.test/tea.jpg", "http://shop.test/box.jpg"],
    renditions: [RENDITIONS, null],
  },
  filename: "shelf.jpg",
  image_url: "http://photos.test/shelf.jpg",
  renditions: RENDITIONS,
  lease_expires_at: "2030-01-01T00:00:00Z",
};

const product = (product_id: string, waiting: number) => ({ product_id, waiting, approved: 9, disapproved: 0 });
const PRODUCTS = [product("done", 0), product("p", 3), product("q", 1200)];

let decisions: unknown[] = [];
let claims: Record<string, unknown>[] = [];
let asked: string[] = [];
let isRefusing = false;

beforeEach(async () => {
  decisions = [];
  claims = [];
  asked = [];
  isRefusing = false;
  let items = [CLAIMED];
  vi.stubGlobal("fetch", async (request: Request) => {
    if (request.url.endsWith("/decision")) {
      decisions.push(await request.json());
      if (isRefusing) return Response.json({ detail: "cyd decided it." }, { status: 409 });
    }
    if (request.url.endsWith("/review/claims")) claims.push(await request.json());
    if (request.url.endsWith("/review/stats")) return Response.json({ waiting: 1 });
    if (request.url.includes("/review/products")) {
      asked.push(request.url);
      const isLast = request.url.includes("prefix=zz");
      return Response.json({ items: isLast ? [product("zz-last", 1)] : PRODUCTS, next_cursor: null });
    }
    const answer = Response.json({ items, held_until: items.length ? null : "2030-01-01T15:04:00" });
    items = [];
    return answer;
  });
  // jsdom has no modal dialogs.
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function () {
    this.open = false;
  };
  render(
    <Connecting session={SESSION}>
      <Review session={SESSION} change={() => {}} />
    </Connecting>,
  );
  fireEvent.click(await screen.findByRole("button", { name: "Enter I had a look" }));
});
afterEach(() => {
  cleanup();
  sessionStorage.clear();
  history.replaceState(null, "", "#/");
  vi.unstubAllGlobals();
});

test("a snapshot is shown in the size that fits, or as its original where that size cannot be had", () => {
  const image = screen.getByRole<HTMLImageElement>("img", { name: /shelf.jpg/ });
  expect(image.srcset).toBe("http://api.test/v1/pictures/d/320.webp 320w, http://api.test/v1/pictures/d/640.webp 640w");
  fireEvent.error(image);
  expect(image.srcset).toBe("");
  expect(image.src).toBe(CLAIMED.image_url);
});

test("pictures of the product are shown in the size that fits where they have one", () => {
  const shown = screen.getAllByRole<HTMLImageElement>("img", { name: /^Tea/ });
  expect(shown.map((image) => !!image.srcset)).toEqual([true, false]);
  expect(shown.map((image) => image.src)).toEqual(CLAIMED.product.pictures);
});

test("the original is zoomed by keys, and never smaller than all of it", () => {
  Element.prototype.scrollTo = () => {};
  fireEvent.keyDown(document.body, { key: "z" });
  const zoom = () => screen.getByRole("region", { name: "Picture" }).style.getPropertyValue("--zoom");
  fireEvent.keyDown(document.body, { key: "+" });
  expect(zoom()).toBe("1.5");
  fireEvent.keyDown(document.body, { key: "0" });
  expect(zoom()).toBe("1");
  for (let at = 0; at < 9; at += 1) fireEvent.click(screen.getByRole("button", { name: /Larger/ }));
  expect(zoom()).toBe("8");
});

test("a key disapproves with its reason", async () => {
  fireEvent.keyDown(document.body, { key: "2" });
  await waitFor(() => expect(decisions).toEqual([expect.objectContaining({ reason: "Another product" })]));
  expect(decisions[0]).toMatchObject({ decision: "disapproved" });
});

test("a refusal is an alert, and a key dismisses it", async () => {
  isRefusing = true;
  fireEvent.keyDown(document.body, { key: "ArrowLeft" });
  expect((await screen.findByRole("alert")).textContent).toBe("shelf.jpg was not approved. cyd decided it.");
  fireEvent.keyDown(document.body, { key: "x" });
  expect(screen.queryByRole("alert")).toBeNull();
});

test("the latest verdicts are shown until they are taken back", async () => {
  const latest = () => screen.queryByRole("img", { name: "shelf.jpg: Approved" });
  fireEvent.keyDown(document.body, { key: "ArrowLeft" });
  expect(latest()).not.toBeNull();
  fireEvent.keyDown(document.body, { key: "u" });
  expect(latest()).toBeNull();
});

test("a key shows the original and hides it again, and a verdict hides it too", () => {
  const original = () => screen.queryByRole<HTMLImageElement>("img", { name: "Snapshot shelf.jpg in full size" });
  fireEvent.keyDown(document.body, { key: "z" });
  expect(original()!.src).toBe(CLAIMED.image_url);
  fireEvent.keyDown(document.body, { key: "z" });
  expect(original()).toBeNull();
  fireEvent.keyDown(document.body, { key: "z" });
  fireEvent.keyDown(document.body, { key: "ArrowLeft" });
  expect(original()).toBeNull();
});

test("the snapshot that the address names is claimed once, and leaves the address", async () => {
  location.hash = "#/review?snapshot=s7";
  dispatchEvent(new Event("hashchange"));
  await waitFor(() => expect(claims).toContainEqual({ snapshot_id: "s7" }));
  expect(location.hash).toBe("#/review");
  expect(claims.filter((claim) => claim.snapshot_id)).toHaveLength(1);
});

test("one product alone is reviewed, of those that wait, and any again", async () => {
  const choice = screen.getByRole<HTMLInputElement>("combobox", { name: "Product" });
  const offered = () => [...choice.list!.options].map(({ value, text }) => `${value}: ${text}`);
  await waitFor(() => expect(offered()).toEqual(["p: 3 wait", "q: 1,200 wait"]));
  choice.focus();
  fireEvent.change(choice, { target: { value: "q" } });
  expect(document.activeElement).toBe(document.body);
  await waitFor(() => expect(claims.at(-1)).toEqual({ limit: 20, product_id: "q" }));
  expect(screen.queryByRole("img", { name: /shelf.jpg/ })).toBeNull();
  expect(await screen.findByText("No snapshot of q is free for you.")).toBeTruthy();
  expect(screen.getByText(/^Held by another reviewer until 3:04\sPM/)).toBeTruthy();
  choice.focus();
  fireEvent.change(choice, { target: { value: "" } });
  await waitFor(() => expect(claims.at(-1)).toEqual({ limit: 20 }));
});

test("a product is found by the first letters of its id, whatever comes before it", async () => {
  const choice = screen.getByRole<HTMLInputElement>("combobox", { name: "Product" });
  choice.focus();
  fireEvent.input(choice, { target: { value: "zz" }, inputType: "insertText" });
  await waitFor(() => expect(asked.at(-1)).toContain("prefix=zz"));
  await waitFor(() => expect(choice.list!.options[0]!.value).toBe("zz-last"));
  expect(claims.some((claim) => claim.product_id)).toBe(false);
  fireEvent.input(choice, { target: { value: "not an id" }, inputType: "insertText" });
  fireEvent.input(choice, { target: { value: "zz-last" }, inputType: "insertText" });
  fireEvent.keyDown(choice, { key: "Enter" });
  await waitFor(() => expect(claims.at(-1)).toEqual({ limit: 20, product_id: "zz-last" }));
  expect(asked.filter((url) => url.includes("not"))).toEqual([]);
});

test("a product in the address is chosen, though nothing of it waits", async () => {
  location.hash = "#/review?product=gone";
  dispatchEvent(new Event("hashchange"));
  await waitFor(() => expect(screen.getByRole<HTMLInputElement>("combobox", { name: "Product" }).value).toBe("gone"));
  await waitFor(() => expect(claims.at(-1)).toEqual({ limit: 20, product_id: "gone" }));
});
