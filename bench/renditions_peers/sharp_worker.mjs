// Encodes photos by sharp, with the settings that correspond to our codec's. Reads a job, writes a report.
import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import sharp from "sharp";

sharp.cache(false);
sharp.concurrency(1);

const { photos, folder, format, width, quality } = JSON.parse(await text(process.stdin));
const encoders = {
  avif: (image) => image.avif({ quality, effort: 1, chromaSubsampling: "4:2:0" }),
  webp: (image) => image.webp({ quality, effort: 4 }),
  jpg: (image) => image.jpeg({ quality, progressive: true }),
  png: (image) => image.png(),
};
const before = process.cpuUsage();
for (const photo of photos) {
  const image = sharp(await readFile(photo)).rotate().resize({ width });
  await writeFile(join(folder, `${basename(photo, ".jpg")}.${format}`), await encoders[format](image).toBuffer());
}
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ seconds: (user + system) / 1e6 }));
console.log(await readFile("/proc/self/status", "utf8"));
