import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { Search } from "../Search";
import { type Body, list, serve, show, startFresh } from "../testing";
import { arranged, moved, type Placed, placedFor, withPlaced, wordsOf } from "./placing";
import { refusal } from "./Words";

startFresh();

const image = (image_id: string) => ({ gallery_id: "g", image_id });
const hit = (id: string) => ({ id, gallery_id: "g", name: id.toUpperCase(), url: "data:,", highlight: {}, score: 1 });

/** A shop whose searches find a, b and c for any words. */
function shop() {
  const settings: Record<string, Body> = {
    placed: { queries: [] },
    synonyms: { synonyms: [] },
    attributes: { attributes: {} },
    language: { language: null, in_use: null },
  };
  const found = { total: { value: 3, relation: "eq" }, facets: {}, took_ms: 1, next_cursor: null };
  const writes = serve({
    "GET /galleries": () => list([]),
    "GET /search/images": () => ({ ...found, items: ["a", "b", "c"].map(hit) }),
    "GET /search/suggest": () => list([]),
    "GET /search/reports": () => ({
      nothing_found: [{ query: "rouge", searches: 7, found_nothing: 6, clicks: 0 }],
      never_clicked: [],
      falling: [],
      synonyms: [{ words: ["rouge", "red"], clicks: 4, queries: ["rouge hat"] }],
    }),
    "GET /galleries/g/images/{id}": ({ id }) => ({ ...hit(id), hidden: false }),
    "GET /search/{id}": ({ id }) => settings[id]!,
    "PUT /search/{id}": ({ id, body }) => {
      settings[id] = body;
      return body;
    },
  });
  return { settings, writes };
}
const shown = () => [...document.querySelectorAll(".grid .name")].map((name) => name.textContent);

test("a query is recognised by its words, as the API recognises it", () => {
  expect(wordsOf("  Crème  BRÛLÉES ")).toBe("creme brulee");
  expect(wordsOf("tomato’s & co")).toBe("tomato  co");
  const queries = [{ query: "Tomatoes", pinned: [image("a")], buried: [] }];
  expect(placedFor(queries, "tomatoe").pinned).toEqual([image("a")]);
  expect(placedFor(queries, " kiwi ")).toEqual({ query: "kiwi", pinned: [], buried: [] });
});

test("an image has one place of a query, and a query without images is left out", () => {
  const none: Placed = { query: "kiwi", pinned: [], buried: [] };
  const one = moved(moved(none, image("a"), "pinned"), image("b"), "pinned");
  expect(moved(one, image("b"), "pinned", 0).pinned).toEqual([image("b"), image("a")]);
  const buried = moved(one, image("a"), "buried");
  expect(buried).toMatchObject({ pinned: [image("b")], buried: [image("a")] });
  expect(withPlaced([none, buried], none)).toEqual([]);
  expect(arranged(["a", "b", "c"].map(hit), buried).map(({ id }) => id)).toEqual(["b", "c", "a"]);
});

test("hits are pinned, moved, buried and released for the query, and that is undone", async () => {
  const { settings } = shop();
  history.replaceState(null, "", "#/search?q=kiwi");
  show(<Search />);
  fireEvent.click(await screen.findByRole("button", { name: "Pin C" }));
  await waitFor(() => expect(shown()).toEqual(["C", "A", "B"]));
  fireEvent.click(screen.getByRole("button", { name: "Pin B" }));
  await waitFor(() => expect(shown()).toEqual(["C", "B", "A"]));
  const placed = screen.getByRole("region", { name: "Placed for kiwi" });
  fireEvent.click(await within(placed).findByRole("button", { name: "Earlier: B" }));
  await waitFor(() => expect(shown()).toEqual(["B", "C", "A"]));
  fireEvent.click(screen.getByRole("button", { name: "Bury A" }));
  const queries = () => settings.placed!.queries as Placed[];
  await waitFor(() =>
    expect(queries()).toEqual([{ query: "kiwi", pinned: [image("b"), image("c")], buried: [image("a")] }]),
  );
  fireEvent.keyDown(document.body, { key: "z", ctrlKey: true });
  await waitFor(() => expect(queries()[0]!.buried).toEqual([]));
  fireEvent.click(await within(placed).findByRole("button", { name: "Release: B" }));
  fireEvent.click(await screen.findByRole("button", { name: "Pinned 1 C" }));
  await waitFor(() => expect(queries()).toEqual([]));
});

test("pins pressed before the first one shows are all kept, and each is undone by itself", async () => {
  const { settings } = shop();
  history.replaceState(null, "", "#/search?q=kiwi");
  show(<Search />);
  const buttons = await Promise.all(["Pin C", "Pin B", "Bury A"].map((name) => screen.findByRole("button", { name })));
  for (const button of buttons) fireEvent.click(button);
  const kiwi = { query: "kiwi", pinned: [image("c"), image("b")] };
  await waitFor(() => expect(settings.placed!.queries).toEqual([{ ...kiwi, buried: [image("a")] }]));
  fireEvent.keyDown(document.body, { key: "z", ctrlKey: true });
  await waitFor(() => expect(settings.placed!.queries).toEqual([{ ...kiwi, buried: [] }]));
});

test("what another person placed meanwhile stays", async () => {
  const { settings } = shop();
  history.replaceState(null, "", "#/search?q=kiwi");
  show(<Search />);
  const pin = await screen.findByRole("button", { name: "Pin A" });
  settings.placed = { queries: [{ query: "plum", pinned: [image("b")], buried: [] }] };
  fireEvent.click(pin);
  await waitFor(() =>
    expect(settings.placed!.queries).toEqual([
      { query: "plum", pinned: [image("b")], buried: [] },
      { query: "kiwi", pinned: [image("a")], buried: [] },
    ]),
  );
});

test("synonyms are added, refused, removed and brought back", async () => {
  const { settings } = shop();
  history.replaceState(null, "", "#/search?view=synonyms");
  show(<Search />);
  const form = await screen.findByRole("form", { name: "New synonym" });
  const words = within(form).getByLabelText(/^Words/);
  fireEvent.change(words, { target: { value: "sofa" } });
  fireEvent.submit(form);
  expect((await within(form).findByRole("alert")).textContent).toContain("two words");
  fireEvent.change(words, { target: { value: "sofa, couch, sofa," } });
  fireEvent.submit(form);
  await waitFor(() => expect(settings.synonyms).toEqual({ synonyms: [{ words: ["sofa", "couch"] }] }));
  fireEvent.change(words, { target: { value: "sneakers" } });
  fireEvent.change(within(form).getByLabelText("only from"), { target: { value: "trainers" } });
  fireEvent.submit(form);
  fireEvent.click(await screen.findByRole("button", { name: "Remove sofa ↔ couch" }));
  await waitFor(() => expect(settings.synonyms).toEqual({ synonyms: [{ words: ["sneakers"], from: "trainers" }] }));
  fireEvent.click(screen.getByRole("button", { name: "Undo" }));
  await waitFor(() => expect(settings.synonyms!.synonyms).toHaveLength(2));
  expect(refusal({ words: ["sofa", "couch"] }, [{ words: ["sofa", "couch"] }])).toContain("already");
  expect(refusal({ words: ["a b c d e f", "g"] }, [])).toContain("too long");
  expect(refusal({ words: [..."abcdefghijk"] }, [])).toContain("ten");
});

test("attributes are declared and removed", async () => {
  const { settings } = shop();
  history.replaceState(null, "", "#/search?view=attributes");
  show(<Search />);
  const form = await screen.findByRole("form", { name: "New attribute" });
  fireEvent.change(within(form).getByLabelText("Name"), { target: { value: "price" } });
  fireEvent.change(within(form).getByLabelText("Kind"), { target: { value: "number" } });
  fireEvent.submit(form);
  await waitFor(() => expect(settings.attributes).toEqual({ attributes: { price: "number" } }));
  fireEvent.click(await screen.findByRole("button", { name: "Remove price" }));
  await waitFor(() => expect(settings.attributes).toEqual({ attributes: {} }));
});

test("queries without hits are reported, and a proposed synonym is added", async () => {
  const { settings } = shop();
  history.replaceState(null, "", "#/search?view=reports");
  show(<Search />);
  const rows = await screen.findByRole("table", { name: "Queries that find nothing" });
  expect(within(rows).getByRole("link", { name: "rouge" }).getAttribute("href")).toBe("#/search?q=rouge");
  expect(screen.queryByRole("table", { name: "Queries without a click" })).toBeNull();
  fireEvent.click(screen.getByRole("button", { name: "Add rouge ↔ red" }));
  await waitFor(() => expect(settings.synonyms).toEqual({ synonyms: [{ words: ["rouge", "red"] }] }));
  await waitFor(() => expect(screen.queryByRole("table", { name: "Proposed synonyms" })).toBeNull());
});

test("the language of texts is set, and its index takes a while", async () => {
  const { writes } = shop();
  history.replaceState(null, "", "#/search?view=language");
  show(<Search />);
  const choice = await screen.findByLabelText("Your texts are in");
  screen.getByText("Searches know it.");
  fireEvent.change(choice, { target: { value: "de" } });
  await waitFor(() => expect(writes).toEqual(['PUT /search/language {"language":"de"}']));
  await screen.findByText(/A new index is being built; until then searches know: none in particular/);
  expect(choice).toHaveProperty("value", "de");
});
