// @vitest-environment node
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { mapping, preview, rejectedRows, spreadsheet, suggested, withCommas } from "./table_file";

const file = (text: string, name = "export.csv") => new File([text], name);

test("headings are recognised in any style, and by the names that shops use", () => {
  expect(suggested(["Image ID", "Title", "Image Src", "Weight"], "images")).toEqual(["id", "name", "url", ""]);
  expect(suggested(["SKU", "name", "vendor"], "products")).toEqual(["product_id", "name", "brand"]);
});

test("no column is taken twice, and its own name goes before others", () => {
  expect(suggested(["title", "name"], "images")).toEqual(["", "name"]);
});

test("a mapping is sent only where the headings do not say it themselves", () => {
  expect(mapping(["Name", "URL"], ["name", "url"], "images")).toBeNull();
  expect(mapping(["title", "URL", "x"], ["name", "url", ""], "images")).toEqual({ title: "name", URL: "url" });
  expect(mapping(["Name", "URL", "caption"], ["name", "url", ""], "images")).toEqual({ Name: "name", URL: "url" });
});

test("semicolons and tabs are recognised, and become commas", async () => {
  const semicolons = file('name;url\n"Tomato, red";https://a.example/1.jpg\n');
  expect(await preview(semicolons)).toEqual({
    headings: ["name", "url"],
    rows: [["Tomato, red", "https://a.example/1.jpg"]],
    delimiter: ";",
  });
  const rewritten = await withCommas(semicolons, ";");
  expect(await rewritten.text()).toBe('name,url\r\n"Tomato, red",https://a.example/1.jpg');
  expect((await preview(file("name\turl\nA\tb\n", "x.tsv")))?.delimiter).toBe("\t");
  expect((await withCommas(file("a\tb\n", "x.tsv"), "\t")).name).toBe("x.csv");
});

test("the first rows of a spreadsheet are shown, as long as it is small", async () => {
  const content = await readFile(new URL("./export.xlsx", import.meta.url));
  expect(await preview(new File([content], "export.xlsx"))).toEqual({
    headings: ["SKU", "Titel", "Preis", "Datum"],
    rows: [
      ["p-1", "Lampe", "12.5", "2024-05-31T12:00:00.000Z"],
      ["p-2", "Tisch", "", ""],
    ],
    delimiter: ",",
  });
  expect(await preview(new File([new Uint8Array(6 << 20)], "large.xlsx"))).toBeNull();
  expect(await preview(file("{}", "rows.jsonl"))).toBeNull();
  await expect(preview(file("no sheet", "export.xlsx"))).rejects.toThrow();
});

test("rejected rows come back with their values and what is wrong with them", async () => {
  const errors = [{ row: 2, column: "url", code: "invalid", detail: "is no address" }];
  const source = file("name,url\nA,https://a.example\nB,nowhere\n");
  expect(await rejectedRows(errors, source)).toEqual([
    { name: "B", url: "nowhere", row: 2, column: "url", "what is wrong": "is no address" },
  ]);
  expect(await rejectedRows(errors)).toEqual([{ row: 2, column: "url", "what is wrong": "is no address" }]);
});

test("a spreadsheet takes no value for a formula", async () => {
  expect(await spreadsheet([{ name: "=HYPERLINK(1)" }]).text()).toBe('name\r\n"\'=HYPERLINK(1)"');
});
