import { expect, test } from "vitest";
import { edited, type Image } from "./edits";

const image = (id: string): Image => ({
  id,
  name: id,
  url: "data:,",
  created_at: "2026-01-01T00:00:00Z",
  caption: null,
  alt: null,
  tags: [],
  credit: null,
  product_ids: [],
  width: null,
  height: null,
  attributes: {},
  pinned_position: null,
  renditions: null,
});
const IMAGES = ["a", "b", "c", "d"].map(image);
const edit = (image_id: string, fields: object) => ({ gallery_id: "g", image_id, fields });
const order = (images: Image[]) => images.map((image) => image.id).join("");

test("a pinned image is at its position at once", () => {
  const shown = edited(IMAGES, [edit("d", { pinned_position: 2 })]);
  expect(order(shown)).toBe("adbc");
  expect(shown[1]?.pinned_position).toBe(2);
});

test("a hidden image is gone, and others are as they were", () => {
  expect(order(edited(IMAGES, [edit("b", { hidden: true })]))).toBe("acd");
});

test("words change in place, and edits of images that are not read change nothing", () => {
  const shown = edited(IMAGES, [edit("b", { name: "Beet" }), edit("z", { hidden: true })]);
  expect(order(shown)).toBe("abcd");
  expect(shown[1]?.name).toBe("Beet");
});

test("edits follow one another", () => {
  expect(order(edited(IMAGES, [edit("d", { pinned_position: 1 }), edit("d", { pinned_position: 3 })]))).toBe("abdc");
});
