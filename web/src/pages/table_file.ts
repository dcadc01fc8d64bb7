// Files of rows as a shop has them: what is in them, what their headings mean, and how the API reads them.

import Papa from "papaparse";
import type { Schema } from "../api";
import { t } from "../language";

export const COLUMNS = {
  images: [
    "id",
    "name",
    "url",
    "caption",
    "alt",
    "tags",
    "credit",
    "product_ids",
    "created_at",
    "width",
    "height",
    "attributes",
  ] satisfies (keyof Schema<"NewImage">)[],
  products: [
    "product_id",
    "name",
    "category",
    "brand",
    "price",
    "currency",
    "tags",
    "image_url",
    "attributes",
    "available",
  ] satisfies (keyof Schema<"ProductResponse">)[],
  interactions: [
    "interaction_id",
    "user_id",
    "product_id",
    "type",
    "occurred_at",
    "value",
  ] satisfies (keyof Schema<"PostedInteraction">)[],
  snapshots: ["snapshot_id", "product_id", "filename", "url", "gallery_id"] satisfies (keyof Schema<"NewSnapshot">)[],
  stores: ["store_id", "store_name", "area_code"],
} as const;
export type Kind = keyof typeof COLUMNS;
export const KINDS = Object.keys(COLUMNS) as Kind[];

/** Headings that shops use for our columns. */
const OTHER_NAMES: Record<string, string[]> = {
  name: ["title", "label", "productname"],
  url: ["imageurl", "imagesrc", "link", "src", "thumbnailurl", "picture", "image"],
  image_url: ["url", "imagesrc", "picture", "image", "thumbnailurl"],
  caption: ["description", "text", "body"],
  alt: ["alttext", "imagealttext"],
  tags: ["keywords", "labels"],
  credit: ["photographer", "author", "copyright"],
  product_id: ["sku", "handle", "id", "article", "itemid"],
  product_ids: ["sku", "products"],
  category: ["producttype", "type", "department"],
  brand: ["vendor", "manufacturer"],
  price: ["amount", "variantprice"],
  user_id: ["customer", "customerid", "user", "shopper"],
  created_at: ["date", "createdat", "uploaded"],
  occurred_at: ["date", "time", "timestamp"],
  store_name: ["name", "store"],
  area_code: ["area", "region"],
};
const PREVIEWED_ROWS = 10;
const PREVIEWED_BYTES = 1 << 18;
const LARGEST_PREVIEWED_SHEET_BYTES = 5 << 20;
const LARGEST_REWRITTEN_BYTES = 50 << 20;

const plain = (heading: string) => heading.toLowerCase().replace(/[^a-z0-9]/g, "");

export interface Preview {
  headings: string[];
  rows: string[][];
  delimiter: string;
}

export const isTable = (file: File) => /\.(csv|tsv|txt)$/i.test(file.name);
const isSheet = (file: File) => /\.xlsx$/i.test(file.name);

/** The headings and the first ten rows of a table; null for other files, and for spreadsheets that are large. */
export async function preview(file: File): Promise<Preview | null> {
  if (isSheet(file)) return file.size > LARGEST_PREVIEWED_SHEET_BYTES ? null : previewSheet(file);
  if (!isTable(file)) return null;
  const text = await file.slice(0, PREVIEWED_BYTES).text();
  const { data, meta } = Papa.parse<string[]>(text, { preview: PREVIEWED_ROWS + 1, skipEmptyLines: true });
  const [headings = [], ...rows] = data;
  return { headings, rows, delimiter: meta.delimiter };
}

/** The first sheet as the API reads it: without empty rows, and headings as text. */
async function previewSheet(file: File): Promise<Preview> {
  const { readSheet } = await import("read-excel-file/browser");
  const rows = (await readSheet(file)).filter((row) => row.some((cell) => cell !== null));
  const texts = rows.slice(0, PREVIEWED_ROWS + 1).map((row) => row.map(cellText));
  const [headings = [], ...others] = texts;
  return { headings, rows: others, delimiter: "," };
}

const cellText = (cell: unknown) => (cell instanceof Date ? cell.toISOString() : String(cell ?? ""));

/** Which column each heading probably means; "" where none is likely. No column is taken twice. */
export function suggested(headings: string[], kind: Kind): string[] {
  const columns: readonly string[] = COLUMNS[kind];
  const ownId = `${kind.replace(/s$/, "")}id`;
  const free = new Set(columns);
  const take = (column: string | undefined) => {
    if (!column || !free.delete(column)) return "";
    return column;
  };
  const exact = headings.map((heading) =>
    take(columns.find((column) => plain(column) === plain(heading) || (column === "id" && plain(heading) === ownId))),
  );
  return headings.map(
    (heading, at) =>
      exact[at] || take(columns.find((column) => free.has(column) && OTHER_NAMES[column]?.includes(plain(heading)))),
  );
}

/** The mapping to send: null where the headings say all of it themselves. */
export function mapping(headings: string[], chosen: string[], kind: Kind): Record<string, string> | null {
  const byName = suggested(headings, kind).map((column, at) => (plain(column) === plain(headings[at]!) ? column : ""));
  if (chosen.every((column, at) => column === byName[at])) return null;
  return Object.fromEntries(headings.flatMap((heading, at) => (chosen[at] ? [[heading, chosen[at]]] : [])));
}

/** The file as the API reads it: values between commas. */
export async function withCommas(file: File, delimiter: string): Promise<File> {
  if (delimiter === ",") return file;
  if (file.size > LARGEST_REWRITTEN_BYTES) throw new Error(t.imports.needsCommas);
  const { data } = Papa.parse<string[]>(await file.text(), { delimiter, skipEmptyLines: true });
  return new File([Papa.unparse(data)], file.name.replace(/\.[^.]*$/, ".csv"));
}

/** A file to open in a spreadsheet, in which no value is taken for a formula. */
export function spreadsheet(rows: Record<string, unknown>[]): Blob {
  return new Blob([Papa.unparse(rows, { escapeFormulae: true })], { type: "text/csv" });
}

/** The rejected rows with what is wrong with each; with the rows' values where the file is at hand. */
export async function rejectedRows(
  errors: Schema<"RejectionResponse">[],
  file?: File,
): Promise<Record<string, unknown>[]> {
  const reasons = errors.map(({ row, column = "", detail }) => ({ row, column, [t.imports.wrongHeading]: detail }));
  if (!file || !isTable(file)) return reasons;
  const { data } = Papa.parse<Record<string, string>>(await file.text(), { header: true, skipEmptyLines: true });
  return reasons.map((reason) => ({ ...data[reason.row - 1], ...reason }));
}

export function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
