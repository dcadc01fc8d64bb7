// Builds dist/: ESM for pages and bundlers, one classic script, and the digests a page may pin (Subresource Integrity).
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const options = { bundle: true, minify: true, target: "es2022", mangleProps: /_$/, legalComments: "none" };
const outputs = [
  { entry: "src/index.ts", file: "core.js", format: "esm" },
  { entry: "src/gallery.ts", file: "gallery.js", format: "esm" },
  { entry: "src/vitrine.ts", file: "vitrine.js", format: "esm" },
  { entry: "src/vitrine.ts", file: "vitrine.classic.js", format: "iife" },
];
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const files = {};
for (const { entry, file, format } of outputs) {
  const outfile = `dist/${file}`;
  await build({ ...options, entryPoints: [entry], outfile, format, globalName: "Vitrine", banner: { js: `/*! Vitrine ${version}, Apache-2.0 */` } });
  const bytes = readFileSync(outfile);
  const integrity = `sha384-${createHash("sha384").update(bytes).digest("base64")}`;
  files[file] = { bytes: bytes.length, gzip_bytes: gzipSync(bytes, { level: 9 }).length, integrity };
}
writeFileSync("dist/manifest.json", `${JSON.stringify({ version, files }, null, 2)}\n`);
for (const [file, { bytes, gzip_bytes }] of Object.entries(files)) console.log(`${file}: ${bytes} bytes, ${gzip_bytes} gzip`);
