// Pictures on their way into a gallery: checked here, put where the API says, and followed until the gallery has them.

import { type Api, ApiError, type Schema, said } from "../../api";
import { t } from "../../language";

export const LARGEST_BYTES = 50 * 1024 * 1024;
const BATCH = 50;
const AT_ONCE = 3;
const TRIES = 6;
/** After so long without a result the picture is put again: what is put twice is one image. */
const POLLS_BEFORE_AGAIN = 20;
const MOST_POLLS = 200;

type State = "waiting" | "sending" | "checked" | "added" | "refused" | "failed";
type MediaType = Schema<"PicturePart">["media_type"];

export interface Upload {
  id: number;
  file: File;
  name: string;
  state: State;
  sent: number;
  /** Why it was refused or has failed. */
  why: string;
  /** Whether the gallery had it before. */
  wasThere: boolean;
}

interface Ready {
  upload: Upload;
  part: Schema<"PicturePart">;
}

/** What the first bytes of a file say it is; null for what the API does not take. */
export function typeOf(head: Uint8Array): MediaType | null {
  const text = String.fromCharCode(...head);
  if (text.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  if (text.startsWith("GIF87a") || text.startsWith("GIF89a")) return "image/gif";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "image/webp";
  if (text.slice(4, 8) === "ftyp" && /avi[fs]/.test(text.slice(8))) return "image/avif";
  return null;
}

/** `Autumn_window-2.JPG` as a shop would write it: Autumn window 2. */
export function nameOf(filename: string): string {
  const name = filename
    .replace(/\.[^.]+$/, "")
    .replace(/[_-]+/g, " ")
    .trim();
  return (name || filename).slice(0, 300);
}

type Put = (upload: Schema<"UploadResponse">, file: File, sent: (bytes: number) => void) => Promise<void>;

/** The uploads into one gallery. They go on while other pages are shown. */
export class Uploads {
  private uploads: Upload[] = [];
  private listeners = new Set<() => void>();
  private isWorking = false;
  private isPaused = false;
  private next = 1;
  private shown = this.snapshot();

  constructor(
    private readonly api: Api["client"],
    private readonly gallery_id: string,
    private readonly put: Put,
    private readonly pauseMs = 1_500,
  ) {}

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  read = () => this.shown;

  add(files: Iterable<File>): void {
    for (const file of files)
      this.uploads.push({
        id: this.next++,
        file,
        name: nameOf(file.name),
        state: "waiting",
        sent: 0,
        why: "",
        wasThere: false,
      });
    this.changed();
    void this.work();
  }

  pause(isPaused: boolean): void {
    this.isPaused = isPaused;
    this.changed();
    void this.work();
  }

  /** Try those again that failed. */
  retry(): void {
    for (const upload of this.uploads) if (upload.state === "failed") this.set(upload, { state: "waiting", sent: 0 });
    void this.work();
  }

  /** Take those out that are done, and those that have not begun. */
  clear(): void {
    this.uploads = this.uploads.filter(({ state }) => state === "sending" || state === "checked");
    this.changed();
  }

  private snapshot() {
    const count = (...states: State[]) => this.uploads.filter(({ state }) => states.includes(state)).length;
    return {
      uploads: [...this.uploads],
      isPaused: this.isPaused,
      added: count("added"),
      refused: count("refused"),
      failed: count("failed"),
      left: count("waiting", "sending", "checked"),
      bytes: this.uploads.reduce((sum, { file }) => sum + file.size, 0),
      sent: this.uploads.reduce(
        (sum, { state, sent, file }) => sum + (state === "waiting" || state === "sending" ? sent : file.size),
        0,
      ),
    };
  }

  private changed(): void {
    this.shown = this.snapshot();
    for (const listener of this.listeners) listener();
  }

  private set(upload: Upload, fields: Partial<Upload>): void {
    const at = this.uploads.indexOf(upload);
    Object.assign(upload, fields);
    if (at >= 0) this.uploads[at] = upload;
    this.changed();
  }

  private async work(): Promise<void> {
    if (this.isWorking) return;
    this.isWorking = true;
    try {
      while (!this.isPaused) {
        const some = this.uploads.filter(({ state }) => state === "waiting").slice(0, BATCH);
        if (!some.length) break;
        await this.begin(some);
      }
    } finally {
      this.isWorking = false;
    }
  }

  private async begin(some: Upload[]): Promise<void> {
    const ready: Ready[] = [];
    for (const upload of some) {
      const part = await this.check(upload);
      if (!part) continue;
      if (ready.some((other) => other.part.sha256 === part.sha256))
        this.set(upload, { state: "refused", why: t.upload.twice });
      else ready.push({ upload, part });
    }
    const results = await this.ask(ready);
    const waiting = ready.filter((_, at) => results[at]);
    const lanes = Array.from({ length: AT_ONCE }, async () => {
      for (let one = waiting.shift(); one; one = waiting.shift())
        await this.send(one, results[ready.indexOf(one)]!).catch((error: unknown) =>
          this.set(one.upload, { state: "failed", why: said(error) }),
        );
    });
    await Promise.all(lanes);
    await this.follow(ready.filter(({ upload }) => upload.state === "checked"));
  }

  /** What the API is told of a file; null if it would refuse it. */
  private async check(upload: Upload): Promise<Schema<"PicturePart"> | null> {
    const { file } = upload;
    const refuse = (why: string) => {
      this.set(upload, { state: "refused", why });
      return null;
    };
    if (!file.size) return refuse(t.upload.empty);
    if (file.size > LARGEST_BYTES) return refuse(t.upload.tooLarge);
    try {
      const content = await file.arrayBuffer();
      const media_type = typeOf(new Uint8Array(content.slice(0, 32)));
      if (!media_type) return refuse(t.upload.noPicture);
      return { sha256: await digest(content), size: file.size, media_type, name: upload.name };
    } catch (error) {
      this.set(upload, { state: "failed", why: t.upload.unreadable(said(error)) });
      return null;
    }
  }

  /** Ask how far pictures are; those that are settled are noted and have no result here. */
  private async ask(ready: Ready[]): Promise<(Schema<"UploadedPictureResponse"> | null)[]> {
    if (!ready.length) return [];
    const send = () =>
      this.api.POST("/galleries/{gallery_id}/pictures", {
        params: { path: { gallery_id: this.gallery_id } },
        body: { pictures: ready.map(({ part }) => part) },
      });
    try {
      const { data } = await this.again(send);
      return ready.map(({ upload }, at) => {
        const result = data!.results[at]!;
        if (result.status === "added") {
          this.set(upload, { state: "added", sent: upload.file.size, wasThere: upload.state === "waiting" });
          return null;
        }
        if (result.status === "refused") {
          this.set(upload, { state: "refused", why: result.error?.detail ?? "" });
          return null;
        }
        return result;
      });
    } catch (error) {
      for (const { upload } of ready) this.set(upload, { state: "failed", why: said(error) });
      return ready.map(() => null);
    }
  }

  private async send({ upload }: Ready, result: Schema<"UploadedPictureResponse">): Promise<void> {
    if (result.status === "wanted" || upload.state === "checked") {
      this.set(upload, { state: "sending", sent: 0 });
      await this.again(() => this.put(result.upload!, upload.file, (sent) => this.set(upload, { sent })));
    }
    this.set(upload, { state: "checked", sent: upload.file.size });
  }

  /** Ask until each picture is in the gallery or refused. */
  private async follow(ready: Ready[]): Promise<void> {
    let left = ready;
    for (let poll = 1; left.length; poll++) {
      await this.pauseFor(this.pauseMs);
      const results = await this.ask(left);
      if (poll % POLLS_BEFORE_AGAIN === 0)
        for (const [at, result] of results.entries())
          if (result)
            await this.send(left[at]!, result).catch((error: unknown) =>
              this.set(left[at]!.upload, { state: "failed", why: said(error) }),
            );
      left = left.filter(({ upload }) => upload.state === "checked");
      if (poll === MOST_POLLS)
        for (const { upload } of left.splice(0)) this.set(upload, { state: "failed", why: t.upload.late });
    }
  }

  /** Try again after growing pauses, and when the connection is back. */
  private async again<Result>(act: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await act();
      } catch (error) {
        const isPassing = !(error instanceof ApiError) || error.isPassing;
        if (!isPassing || attempt === TRIES) throw error;
        await this.pauseFor(Math.min(this.pauseMs * 2 ** (attempt - 1), 15_000));
      }
    }
  }

  private pauseFor(ms: number): Promise<void> {
    return new Promise((resume) => {
      const done = () => {
        clearTimeout(timer);
        removeEventListener("online", done);
        resume();
      };
      const timer = setTimeout(done, ms);
      addEventListener("online", done);
    });
  }
}

async function digest(content: ArrayBuffer): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(content)));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The files of a drop, those in its folders too. */
export async function filesOf(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => !!entry);
  const found = await Promise.all(entries.map(filesIn));
  return entries.length ? found.flat() : [...transfer.files];
}

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile)
    return [await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed))];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    // A reader gives a hundred entries at a time.
    const some = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return found.filter(({ name }) => !name.startsWith("."));
    found.push(...(await Promise.all(some.map(filesIn))).flat());
  }
}
