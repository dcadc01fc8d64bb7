import { cleanup, fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { ChangesProvider } from "../changes";
import { Connecting } from "../data";
import { Gallery } from "./Gallery";
import { decided } from "./gallery/Experiment";
import { Imports } from "./Imports";
import { Jobs } from "./Jobs";
import { Logs } from "./Logs";
import { Overview } from "./Overview";
import { Products } from "./Products";
import { type Body, list, props, SESSION, serve, show, startFresh } from "./testing";

startFresh();

const GALLERY = {
  id: "g",
  title: null,
  ranking: { policy: "interest" },
  ranking_version: 1,
  next_ranking_version: null,
  rules: [],
  images: 3,
  views: 0,
  clicks: 0,
};
/** A gallery of three images that can be pinned and hidden. */
function gallery() {
  const images = ["Apple", "Beet", "Corn"].map((name) => ({
    id: name.toLowerCase(),
    name,
    url: "data:,",
    alt: null,
    caption: null,
    tags: [],
    pinned_position: null as number | null,
    hidden: false,
    events: { views: 0, clicks: 0 },
    weight: 0,
  }));
  const shown = () => {
    const order = images.filter((image) => !image.hidden && !image.pinned_position);
    for (const image of images)
      if (!image.hidden && image.pinned_position) order.splice(image.pinned_position - 1, 0, image);
    return order;
  };
  const find = (id: string) => images.find((image) => image.id === id)!;
  const writes = serve({
    "GET /galleries": () => list([GALLERY]),
    "GET /galleries/g/images": () => list(shown()),
    "GET /galleries/g/hidden-images": () => list(images.filter((image) => image.hidden)),
    "GET /galleries/g/images/{id}": ({ id }) => ({ ...find(id), explanation: { sentence: "Because." } }),
    "PATCH /galleries/g/images/{id}": ({ id, body }) => Object.assign(find(id), body),
    "GET /galleries/g/ranking-versions": () => list([]),
    "PUT /galleries/{id}": ({ body }) => ({ ...GALLERY, ...body }),
  });
  return { writes, images };
}
const tiles = () => [...document.querySelectorAll(".grid li")].map((tile) => tile.getAttribute("data-id"));
const tile = (id: string) => document.querySelector<HTMLElement>(`[data-id="${id}"] button`)!;

test("images are pinned and hidden by keyboard, and each is undone", async () => {
  const { writes, images } = gallery();
  show(<Gallery {...props} />);
  await waitFor(() => expect(tiles()).toEqual(["apple", "beet", "corn"]));
  fireEvent.keyDown(tile("apple"), { key: "ArrowRight", shiftKey: true });
  await waitFor(() => expect(tiles()).toEqual(["beet", "apple", "corn"]));
  await waitFor(() => expect(images[0]!.pinned_position).toBe(2));
  fireEvent.keyDown(document.body, { key: "z", ctrlKey: true });
  await waitFor(() => expect(tiles()).toEqual(["apple", "beet", "corn"]));
  fireEvent.keyDown(tile("beet"), { key: "h" });
  await waitFor(() => expect(tiles()).toEqual(["apple", "corn"]));
  fireEvent.click(screen.getByRole("button", { name: "Undo" }));
  await waitFor(() => expect(tiles()).toEqual(["apple", "beet", "corn"]));
  await waitFor(() => expect(writes).toHaveLength(4));
  expect(images.every((image) => !image.hidden && image.pinned_position === null)).toBe(true);
});

test("a picture is picked up by keyboard, carried, pinned where it is put and brought back", async () => {
  const { writes, images } = gallery();
  show(<Gallery {...props} />);
  await waitFor(() => expect(tiles()).toEqual(["apple", "beet", "corn"]));
  fireEvent.keyDown(tile("apple"), { key: "m" });
  fireEvent.keyDown(tile("apple"), { key: "ArrowRight" });
  fireEvent.keyDown(tile("apple"), { key: "ArrowRight" });
  await waitFor(() => expect(tiles()).toEqual(["beet", "corn", "apple"]));
  expect(screen.getByText("Apple is held at position 3 of 3.")).toBeTruthy();
  fireEvent.keyDown(tile("apple"), { key: "Escape" });
  await waitFor(() => expect(tiles()).toEqual(["apple", "beet", "corn"]));
  expect(writes).toEqual([]);
  for (const key of ["m", "ArrowRight", "Enter"]) fireEvent.keyDown(tile("apple"), { key });
  await waitFor(() => expect(images[0]!.pinned_position).toBe(2));
  expect(tiles()).toEqual(["beet", "apple", "corn"]);
  fireEvent.keyDown(document.body, { key: "z", ctrlKey: true });
  await waitFor(() => expect(images[0]!.pinned_position).toBeNull());
});

// jsdom lays nothing out: the grid has one column, and a row every 80 pixels.
const finger = (type: "mouse" | "touch") => ({ pointerId: 1, pointerType: type, button: 0 });

test("a picture is dragged by mouse, and a press that goes nowhere opens it", async () => {
  const { writes, images } = gallery();
  show(<Gallery {...props} />);
  await waitFor(() => expect(tiles()).toEqual(["apple", "beet", "corn"]));
  fireEvent.pointerDown(tile("apple"), { ...finger("mouse"), clientX: 5, clientY: 10 });
  fireEvent.pointerMove(window, { ...finger("mouse"), clientX: 5, clientY: 12 });
  fireEvent.pointerMove(window, { ...finger("mouse"), clientX: 5, clientY: 170 });
  await waitFor(() => expect(tiles()).toEqual(["beet", "corn", "apple"]));
  fireEvent.keyDown(window, { key: "Escape" });
  await waitFor(() => expect(tiles()).toEqual(["apple", "beet", "corn"]));
  fireEvent.pointerUp(window, finger("mouse"));
  fireEvent.pointerDown(tile("apple"), { ...finger("mouse"), clientX: 5, clientY: 10 });
  fireEvent.pointerMove(window, { ...finger("mouse"), clientX: 5, clientY: 90 });
  fireEvent.pointerUp(window, { ...finger("mouse"), clientX: 5, clientY: 90 });
  fireEvent.click(tile("apple"));
  expect(screen.queryByRole("complementary", { name: "Picture" })).toBeNull();
  await waitFor(() => expect(images[0]!.pinned_position).toBe(2));
  expect(writes).toHaveLength(1);
  await new Promise((resume) => setTimeout(resume, 60));
  fireEvent.pointerDown(tile("beet"), { ...finger("mouse"), clientX: 5, clientY: 10 });
  fireEvent.pointerUp(window, finger("mouse"));
  fireEvent.click(tile("beet"));
  expect(await screen.findByRole("complementary", { name: "Picture" })).toBeTruthy();
});

test("a finger that rests carries a picture, and one that moves at once scrolls", async () => {
  const { images } = gallery();
  show(<Gallery {...props} />);
  await waitFor(() => expect(tiles()).toEqual(["apple", "beet", "corn"]));
  fireEvent.pointerDown(tile("apple"), { ...finger("touch"), clientX: 5, clientY: 10 });
  fireEvent.pointerMove(window, { ...finger("touch"), clientX: 5, clientY: 170 });
  fireEvent.pointerUp(window, finger("touch"));
  expect(tiles()).toEqual(["apple", "beet", "corn"]);
  fireEvent.pointerDown(tile("apple"), { ...finger("touch"), clientX: 5, clientY: 10 });
  await waitFor(() => expect(tile("apple").closest("li")!.className).toContain("carried"));
  fireEvent.pointerMove(window, { ...finger("touch"), clientX: 5, clientY: 170 });
  const scrolled = fireEvent.touchMove(tile("apple"), { cancelable: true });
  expect(scrolled).toBe(false);
  fireEvent.pointerUp(window, { ...finger("touch"), clientX: 5, clientY: 170 });
  await waitFor(() => expect(images[0]!.pinned_position).toBe(3));
});

test("a hidden image is brought back from the list of hidden ones", async () => {
  const { images } = gallery();
  show(<Gallery {...props} />);
  await waitFor(() => expect(tiles()).toHaveLength(3));
  fireEvent.keyDown(tile("beet"), { key: "h" });
  await waitFor(() => expect(images[1]!.hidden).toBe(true));
  const details = screen.getByText("Hidden pictures").closest("details")!;
  details.open = true;
  fireEvent(details, new Event("toggle"));
  fireEvent.click(await screen.findByRole("button", { name: "Beet" }));
  fireEvent.click(await screen.findByRole("button", { name: "Show" }));
  await waitFor(() => expect(tiles()).toEqual(["apple", "beet", "corn"]));
});

test("the console counts nothing unless it acts as a shopper", async () => {
  const { writes } = gallery();
  vi.stubGlobal(
    "IntersectionObserver",
    class {
      observe() {}
      disconnect() {}
    },
  );
  show(<Gallery {...props} />);
  await waitFor(() => expect(tiles()).toHaveLength(3));
  fireEvent.click(tile("apple"));
  expect(await screen.findByText("Because.")).toBeTruthy();
  expect(writes).toEqual([]);
  fireEvent.click(screen.getByLabelText(/Act as a shopper/));
  fireEvent.click(tile("apple"));
  await waitFor(() => expect(writes.join()).toContain('"type":"click","image_id":"apple"'));
});

test("a rule is added and taken back", async () => {
  const { writes } = gallery();
  history.replaceState(null, "", "#/gallery?ranking=shown");
  show(<Gallery {...props} />);
  fireEvent.change(await screen.findByLabelText("Tag or product"), { target: { value: "autumn" } });
  fireEvent.submit(screen.getByRole("form", { name: "New rule" }));
  await waitFor(() => expect(writes[0]).toContain('"rules":[{"action":"boost","tag":"autumn"'));
  fireEvent.click(screen.getByRole("button", { name: "Undo" }));
  await waitFor(() => expect(writes[1]).toBe('PUT /galleries/g {"rules":[]}'));
});

test("a product is made, deleted and brought back", async () => {
  const products = new Map<string, Body>();
  serve({
    "GET /products": () => list([...products.values()]),
    "GET /products/{id}": ({ id }) => products.get(id) ?? Response.json({ detail: "No product." }, { status: 404 }),
    "PUT /products/{id}": ({ id, body }) => {
      products.set(id, { ...body, product_id: id });
      return body;
    },
    "DELETE /products/{id}": ({ id }) => {
      products.delete(id);
      return new Response(null, { status: 204 });
    },
  });
  show(<Products />);
  fireEvent.click(await screen.findByRole("button", { name: "New product" }));
  const form = await screen.findByRole("dialog", { name: "New product" });
  fireEvent.change(within(form).getByLabelText(/^Id/), { target: { value: "quince" } });
  fireEvent.change(within(form).getByLabelText("Name"), { target: { value: "Quince" } });
  fireEvent.change(within(form).getByLabelText(/^Tags/), { target: { value: "fruit, , yellow" } });
  fireEvent.submit(form.querySelector("form")!);
  await waitFor(() => expect(products.get("quince")).toMatchObject({ name: "Quince", tags: ["fruit", "yellow"] }));
  fireEvent.click(await screen.findByRole("button", { name: "Delete Quince" }));
  await waitFor(() => expect(products.size).toBe(0));
  fireEvent.click(screen.getByRole("button", { name: "Undo" }));
  await waitFor(() => expect(products.get("quince")).toMatchObject({ name: "Quince" }));
});

test("a new product does not replace one that has its id", async () => {
  const writes = serve({
    "GET /products": () => list([]),
    "GET /products/{id}": () => ({ product_id: "quince", name: "Quince" }),
  });
  history.replaceState(null, "", "#/products?product=new");
  show(<Products />);
  const form = await screen.findByRole("dialog");
  fireEvent.change(within(form).getByLabelText(/^Id/), { target: { value: "quince" } });
  fireEvent.submit(form.querySelector("form")!);
  expect((await within(form).findByRole("alert")).textContent).toContain("There is a product quince already");
  expect(writes).toEqual([]);
});

test("a partly failed job is called so, and is retried", async () => {
  const job = {
    job_id: "7",
    status: "failed",
    created_at: "2026-01-01T00:00:00Z",
    attempt: 1,
    visits: 1,
    images: 2,
    done: 1,
    failed: 1,
    left: 0,
  };
  const writes = serve({ "GET /jobs": () => list([job]), "POST /jobs/7/retry": () => job });
  show(<Jobs />);
  await screen.findByText("partly failed");
  fireEvent.click(screen.getByRole("button", { name: /Retry failed photos/ }));
  await waitFor(() => expect(writes).toEqual(["POST /jobs/7/retry"]));
});

test("an overview compares a period with the one before it", async () => {
  const counts = (views: number, clicks: number) => ({ granularity: "hour", views, clicks, items: [] });
  serve({
    "GET /galleries": () => list([GALLERY]),
    "GET /stats": ({ query }) => (Date.parse(query.get("to")!) > Date.now() ? counts(150, 15) : counts(100, 20)),
  });
  show(<Overview {...props} />);
  const views = (await screen.findByText("150")).closest("div")!;
  expect(views.textContent).toContain("▲ 50%");
  expect(screen.getByText("10.0%").closest("div")!.textContent).toContain("▼ 50%");
  expect(screen.getAllByText("could not be read").length).toBeGreaterThan(0);
});

test("a shop without images is shown its first steps, and a reviewer the review", async () => {
  serve({ "GET /galleries": () => list([]) });
  show(<Overview {...props} />);
  expect(await screen.findByRole("link", { name: "Import products" })).toBeTruthy();
  cleanup();
  serve({ "GET /galleries": () => Response.json({ detail: "Not with this key." }, { status: 403 }) });
  show(<Overview {...props} />);
  expect(await screen.findByRole("link", { name: "Start reviewing" })).toBeTruthy();
});

test("a list that the overview has read opens on its own page", async () => {
  const entry = { import_id: "i", kind: "images", object: "imports/m/images/i.csv", status: "completed" };
  const item = { ...entry, rows_read: 1, rows_imported: 1, rows_rejected: 0, created_at: "2026-01-01T00:00:00Z" };
  serve({ "GET /galleries": () => list([GALLERY]), "GET /imports": () => list([item]) });
  const { rerender } = show(<Overview {...props} />);
  await screen.findByText(/of the latest 1/);
  rerender(
    <Connecting session={SESSION}>
      <ChangesProvider>
        <Imports />
      </ChangesProvider>
    </Connecting>,
  );
  expect(await screen.findByText("i.csv")).toBeTruthy();
});

test("a failed request is found by its id, and changes say whose key made them", async () => {
  const entry = { at: "2026-01-01T00:00:00Z", key_id: "key_1", key_label: "Tools", role: "editor", reviewer: null };
  const failed = {
    ...entry,
    request_id: "r-1",
    method: "GET",
    route: "/galleries/{gallery_id}",
    ids: { gallery_id: "summer" },
    status: 404,
    code: "not-found",
    detail: "There is no gallery summer.",
  };
  const change = { ...failed, method: "POST", route: "/keys", ids: { key_id: "key_2" }, status: 201, detail: null };
  serve({
    "GET /request-log": ({ query }) => list([null, "r-1"].includes(query.get("request_id")) ? [failed] : []),
    "GET /change-log": () => list([change]),
  });
  history.replaceState(null, "", "#/logs");
  show(<Logs />);
  expect(await screen.findByText("GET /galleries/summer")).toBeTruthy();
  expect(screen.getByText("There is no gallery summer.")).toBeTruthy();
  fireEvent.change(screen.getByLabelText("Request id"), { target: { value: "r-2" } });
  expect(await screen.findByText(/has this id/)).toBeTruthy();
  fireEvent.change(screen.getByLabelText("Show"), { target: { value: "changes" } });
  expect((await screen.findByText("POST /keys → key_2")).closest("tr")!.textContent).toContain("Tools");
});

const REPORT = {
  mode: "split" as const,
  started_at: "2026-01-01T00:00:00Z",
  ready: true,
  lift: 2,
  preference: null,
  interval: { low: 0.4, high: 5 },
  e_value: 99,
  srm: { e_value: 0.1, flagged: false },
  decision: "second",
  events_without_visitor: 3,
};

/** A gallery whose experiment answers this. */
function serveExperiment(report: object) {
  let running: string | null = null;
  const path = "/galleries/g/experiments/{id}";
  history.replaceState(null, "", "#/gallery?ranking=shown");
  return serve({
    "GET /galleries": () => list([{ ...GALLERY, experiment_id: running, next_ranking_version: running ? 2 : null }]),
    "GET /galleries/g/images": () => list([]),
    "GET /galleries/g/ranking-versions": () => list([]),
    [`POST ${path}`]: ({ id }) => {
      running = id;
      return { id, ...report };
    },
    [`GET ${path}`]: ({ id }) => ({ id, ...report }),
    [`DELETE ${path}`]: ({ id }) => {
      running = null;
      return { id, ...report };
    },
  });
}

test("an experiment is started, watched and ended", async () => {
  const arm = (policy: string, visitors: number, clicks: number) => ({
    ranking: { policy },
    visitors,
    clickers: clicks,
    clicks,
  });
  const report = { ...REPORT, arms: [arm("interest", 200, 20), arm("newest", 210, 63)] };
  const writes = serveExperiment(report);
  show(<Gallery {...props} />);
  fireEvent.submit(await screen.findByRole("form", { name: "New experiment" }));
  expect(await screen.findByText("Decided: the other order earns more clicks.")).toBeTruthy();
  expect(writes[0]).toContain('{"mode":"split","arms":[{"policy":"interest"},{"policy":"newest"}]}');
  expect(screen.getByText(/\+200% clicks a visitor/).textContent).toContain("+40% to +500%");
  expect(screen.getByText(/3 events named no visitor/)).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: "End the experiment" }));
  const dialog = screen.getByRole("dialog", { name: "End the experiment" });
  expect(dialog.textContent).toContain("takes the other order, newest");
  fireEvent.click(within(dialog).getByRole("button", { name: "End it" }));
  expect(await screen.findByRole("form", { name: "New experiment" })).toBeTruthy();
  expect(writes[1]).toContain("DELETE /galleries/g/experiments/newest-");
  const told = (decision: string, ready = true, visitors = 5) =>
    decided({ ...report, id: "e", decision, ready, arms: [arm("interest", visitors, 0), arm("newest", visitors, 0)] });
  expect(told("undecided")).toContain("may be chance");
  expect(told("undecided", true, 0)).toContain("Nobody has seen it");
  expect(told("undecided", false)).toContain("being prepared");
  expect(told("first")).toContain("today’s order earns more");
  expect(told("bad_split")).toContain("than chance allows");
});

test("an experiment on interleaved pages says which order visitors choose", async () => {
  const arms = ["interest", "newest"].map((policy, at) => ({
    ranking: { policy },
    visitors: 400,
    clickers: at ? 60 : 20,
    clicks: at ? 70 : 22,
  }));
  const found = {
    mode: "interleave",
    arms,
    lift: null,
    preference: 0.75,
    interval: { low: 0.58, high: 0.86 },
    srm: null,
  };
  const writes = serveExperiment({ ...REPORT, ...found });
  show(<Gallery {...props} />);
  const form = await screen.findByRole("form", { name: "New experiment" });
  fireEvent.change(within(form).getByLabelText(/^shown/), { target: { value: "interleave" } });
  fireEvent.submit(form);
  expect((await screen.findByText(/75% chose an image of the other order first/)).textContent).toContain("58% to 86%");
  expect(writes[0]).toContain('"mode":"interleave"');
  expect(screen.getByText("of whom clicked it first")).toBeTruthy();
  expect(screen.getByText(/named no visitor or no arm/)).toBeTruthy();
  expect(screen.queryByText(/clicks a visitor so far/)).toBeNull();
});
