import { expect, test, vi } from "vitest";
import { type Api, ApiError } from "../../api";
import { filesOf, nameOf, typeOf, Uploads } from "./uploads";

const JPEG = "\xff\xd8\xff\xe0";
/** A file of these bytes; jsdom cannot read files. */
function file(name: string, content: string): File {
  const bytes = Uint8Array.from(content, (letter) => letter.charCodeAt(0));
  return Object.assign(new File([bytes], name), { arrayBuffer: async () => bytes.buffer });
}

/** An API that has a picture `polls` questions after it was put, and the puts that it saw. */
function gallery(polls = 1) {
  const puts: string[] = [];
  const asked = new Map<string, number>();
  const refused = new Set<string>();
  const POST = vi.fn(async (_path: string, { body }: { body: { pictures: { sha256: string; name: string }[] } }) => ({
    data: {
      results: body.pictures.map(({ sha256, name }) => {
        if (refused.has(name)) return { image_id: sha256, status: "refused", error: { code: "c", detail: "Broken." } };
        const left = asked.get(sha256);
        if (left === undefined) return { image_id: sha256, status: "wanted", upload: { url: sha256 } };
        asked.set(sha256, left - 1);
        return left > 0
          ? { image_id: sha256, status: "waiting", upload: { url: sha256 } }
          : { image_id: sha256, status: "added" };
      }),
    },
  }));
  const put = vi.fn(async (upload: { url: string }, sent: File, tell: (bytes: number) => void) => {
    tell(sent.size);
    puts.push(sent.name);
    asked.set(upload.url, asked.has(upload.url) ? 0 : polls);
  });
  const uploads = new Uploads({ POST } as unknown as Api["client"], "g", put as never, 1);
  const settled = () => vi.waitFor(() => expect(uploads.read().left).toBe(0), 5_000);
  return { uploads, puts, put, POST, refused, settled };
}

test("a file is what its first bytes say, and is named after its file", () => {
  const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  expect(typeOf(bytes(JPEG))).toBe("image/jpeg");
  expect(typeOf(bytes("\x89PNG\r\n\x1a\n"))).toBe("image/png");
  expect(typeOf(bytes("GIF89a"))).toBe("image/gif");
  expect(typeOf(bytes("RIFF\0\0\0\0WEBPVP8 "))).toBe("image/webp");
  expect(typeOf(bytes("\0\0\0\x1cftypavif\0\0"))).toBe("image/avif");
  expect(typeOf(bytes("<svg/>"))).toBeNull();
  expect(nameOf("Autumn_window-2.JPG")).toBe("Autumn window 2");
  expect(nameOf(".jpg")).toBe(".jpg");
});

test("pictures are put and followed until the gallery has them", async () => {
  const { uploads, puts, settled } = gallery(3);
  uploads.add(["a", "b", "c", "d"].map((name) => file(`${name}.jpg`, JPEG + name)));
  await settled();
  expect(uploads.read()).toMatchObject({ added: 4, refused: 0, failed: 0 });
  expect(uploads.read().sent).toBe(uploads.read().bytes);
  expect(puts.sort()).toEqual(["a.jpg", "b.jpg", "c.jpg", "d.jpg"]);
});

test("a folder that is dropped again puts nothing twice", async () => {
  const { uploads, puts, settled } = gallery();
  const folder = ["a", "b"].map((name) => file(`${name}.jpg`, JPEG + name));
  uploads.add([folder[0]!]);
  await settled();
  uploads.add(folder);
  await settled();
  expect(puts).toEqual(["a.jpg", "b.jpg"]);
  expect(uploads.read().uploads.filter(({ wasThere }) => wasThere)).toHaveLength(1);
  uploads.clear();
  expect(uploads.read().uploads).toEqual([]);
});

test("what is no picture, too large, empty, twice or refused by the API is said so and not put", async () => {
  const { uploads, puts, refused, settled } = gallery();
  const large = file("large.jpg", JPEG);
  Object.defineProperty(large, "size", { value: 60 * 1024 * 1024 });
  refused.add("broken");
  uploads.add([
    file("page.jpg", "<html>"),
    large,
    file("empty.jpg", ""),
    file("a.jpg", `${JPEG}a`),
    file("copy.jpg", `${JPEG}a`),
    file("broken.jpg", `${JPEG}b`),
  ]);
  await settled();
  expect(puts).toEqual(["a.jpg"]);
  const why = Object.fromEntries(uploads.read().uploads.map((upload) => [upload.file.name, upload.why]));
  expect(why["page.jpg"]).toContain("Not a JPEG");
  expect(why["large.jpg"]).toContain("larger than 50 MB");
  expect(why["empty.jpg"]).toContain("empty");
  expect(why["copy.jpg"]).toContain("twice");
  expect(why["broken.jpg"]).toBe("Broken.");
});

test("a lost connection is tried again, and what stays lost can be tried by hand", async () => {
  const { uploads, put, POST, settled } = gallery();
  put.mockRejectedValueOnce(new ApiError(0, "lost"));
  POST.mockRejectedValueOnce(new ApiError(503, "busy"));
  uploads.add([file("a.jpg", `${JPEG}a`)]);
  await settled();
  expect(uploads.read().added).toBe(1);
  put.mockRejectedValueOnce(new ApiError(403, "No."));
  uploads.add([file("b.jpg", `${JPEG}b`)]);
  await settled();
  expect(uploads.read().failed).toBe(1);
  uploads.retry();
  await settled();
  expect(uploads.read()).toMatchObject({ added: 2, failed: 0 });
});

test("an upload without a result is put again", async () => {
  const { uploads, puts, settled } = gallery(30);
  uploads.add([file("a.jpg", `${JPEG}a`)]);
  await settled();
  expect(puts).toEqual(["a.jpg", "a.jpg"]);
  expect(uploads.read().added).toBe(1);
});

test("an upload that the gallery never takes has failed, and is not asked for any more", async () => {
  const { uploads, POST, put, settled } = gallery();
  put.mockImplementation(async () => {});
  uploads.add([file("a.jpg", `${JPEG}a`)]);
  await settled();
  expect(uploads.read()).toMatchObject({ added: 0, failed: 1 });
  const asked = POST.mock.calls.length;
  await new Promise((resume) => setTimeout(resume, 20));
  expect(POST.mock.calls.length).toBe(asked);
});

test("paused uploads begin when they go on", async () => {
  const { uploads, puts, settled } = gallery();
  uploads.pause(true);
  uploads.add([file("a.jpg", `${JPEG}a`)]);
  expect(uploads.read()).toMatchObject({ isPaused: true, left: 1 });
  uploads.pause(false);
  await settled();
  expect(puts).toEqual(["a.jpg"]);
});

test("a dropped folder gives its files, those of its folders too", async () => {
  const entry = (name: string) => ({ isFile: true, name, file: (done: (file: File) => void) => done(file(name, "x")) });
  const folder = (...entries: object[]) => ({
    isFile: false,
    createReader: () => ({ readEntries: (done: (some: object[]) => void) => done(entries.splice(0, 1)) }),
  });
  const root = folder(entry("a.jpg"), folder(entry("b.jpg"), entry(".hidden")), entry("c.jpg"));
  const items = [root].map((one) => ({ webkitGetAsEntry: () => one }));
  const found = await filesOf({ items, files: [] } as unknown as DataTransfer);
  expect(found.map(({ name }) => name)).toEqual(["a.jpg", "b.jpg", "c.jpg"]);
});
