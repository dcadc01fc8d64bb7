// What people read is in the catalogues. This looks for text that is written anywhere else.

import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";

const SOURCE = join(__dirname, "..");
/** Attributes that nobody reads. */
const UNREAD = new Set(
  "accept action aria-controls aria-current aria-haspopup autoComplete className href id key list loading method name pattern preserveAspectRatio rel role scope sizes src step to tone type value viewBox width height".split(
    " ",
  ),
);
/** Text that is the same in every language, or that nobody reads. */
const SAME = new Set([
  "Vitrine", // the name of the product
  "true",
  ...["Enter", "Escape", "Home", "End", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"], // keys
]);
/** For programmers, or told to the API in English whatever the language. */
const EXEMPT: Record<string, string[]> = {
  "changes.tsx": ["No changes around this component.", "input:not([type=checkbox]), textarea, select"],
  "data.tsx": ["No connection around this component."],
  "pages/gallery/Upload.tsx": ["Files"], // a type of what is dragged
  "review/desk.ts": [
    "Blurred or too dark",
    "Another product",
    "Cut off or covered",
    "Text or watermark",
    "People in it",
  ],
};

const LETTERS = /\p{L}{2}/u;
/** Words with a space between them, or a word with a capital as sentences and labels begin. */
const PROSE = /\p{L}{2,}[.,:;!?…]? \p{L}|^\p{Lu}\p{Ll}+[.:!?…]?$/u;

/** Whether an expression's value is drawn as it is: `{open ? "yes" : "no"}`, `{name || "any"}`. */
function isDrawn(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isJsxExpression(parent)) return true;
  const isPart =
    ts.isParenthesizedExpression(parent) ||
    (ts.isConditionalExpression(parent) && parent.condition !== node) ||
    (ts.isBinaryExpression(parent) && ["||", "??", "&&", "+"].includes(parent.operatorToken.getText()));
  return isPart && isDrawn(parent);
}

/** The texts of a source file that a person would read, each with its line. */
function textsIn(file: string, source: string): string[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
  const found: string[] = [];
  const note = (node: ts.Node, text: string) => {
    const trimmed = text.trim();
    if (!LETTERS.test(trimmed) || SAME.has(trimmed) || EXEMPT[file]?.includes(trimmed)) return;
    const { line } = tree.getLineAndCharacterOfPosition(node.getStart());
    found.push(`${file}:${line + 1}: ${trimmed}`);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node) || ts.isExportDeclaration(node)) return;
    if (ts.isJsxAttribute(node)) {
      const name = node.name.getText();
      if (UNREAD.has(name) || name.startsWith("data-")) return;
      if (node.initializer && ts.isStringLiteral(node.initializer)) note(node, node.initializer.text);
    }
    if (ts.isJsxText(node)) note(node, node.text);
    if (ts.isStringLiteralLike(node) && !ts.isJsxAttribute(node.parent)) {
      if (isDrawn(node) || PROSE.test(node.text.trim())) note(node, node.text);
    }
    if (ts.isTemplateExpression(node)) {
      const text = [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join("#");
      if (PROSE.test(text) && !text.includes("</")) note(node, text);
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "language" ? [] : sources(path);
    return /\.tsx?$/.test(entry.name) && !/(\.test\.|testing\.)/.test(entry.name) ? [path] : [];
  });
}

test("every text that a person reads is in the catalogues", () => {
  const files = sources(SOURCE);
  expect(files.length).toBeGreaterThan(20);
  const texts = files.flatMap((file) => textsIn(relative(SOURCE, file), readFileSync(file, "utf8")));
  expect(texts).toEqual([]);
});

test.each([
  ["between tags", "<p>Hello there</p>"],
  ["one word between tags", "<button>go</button>"],
  ["in an attribute", '<input aria-label="name" />'],
  ["in an attribute that has it as an expression", '<Dialog label={"Close it"} />'],
  ["in a choice", '<p>{open ? "Hide" : "Show"}</p>'],
  ["in a choice of small words", '<p>{name || (open && "any")}</p>'],
  ["in a template", `change({ said: \`Row \${row} is deleted\` })`],
  ["in a call", 'tell({ text: "Saved." })'],
  ["in a list of columns", '<Table columns={["Name", { number: "Price" }]} />'],
])("text is found %s", (_, source) => {
  expect(textsIn("page.tsx", source)).not.toEqual([]);
});

test("what nobody reads is no text", () => {
  const source =
    'import a from "Some Thing"; <a className="two words" href="#/Keys" data-id="My id">{t.keys.yours} · 3</a>';
  expect(textsIn("page.tsx", source)).toEqual([]);
});
