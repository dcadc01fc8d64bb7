import { type FormEvent, useState } from "react";
import { ApiError, type Schema, untilTaken } from "../api";
import { useChanges } from "../changes";
import { useApi } from "../data";
import { t } from "../language";
import { Problem } from "../parts";
import { put } from "../put";

type NewSnapshot = Schema<"NewSnapshot">;
const ANSWERS = ["approved", "disapproved"] as const;

/** The file's name in an address: `shelf 1.jpg` of `https://photos.example/a/shelf%201.jpg?w=9`. */
export function filenameOf(address: string): string {
  const path = URL.canParse(address) ? new URL(address).pathname : "";
  const last = path.split("/").pop() ?? "";
  try {
    return decodeURIComponent(last).replace(/\//g, "-");
  } catch {
    return last;
  }
}

/** A form that puts a picture with a known answer into the queue, to measure reviewers. */
export function Plant({ planted }: { planted: () => unknown }) {
  const { client } = useApi();
  const { tell } = useChanges();
  const [file, setFile] = useState<File | null>(null);
  const [address, setAddress] = useState("");
  const [named, setNamed] = useState("");
  const [problem, setProblem] = useState<unknown>(null);
  const [isBusy, setIsBusy] = useState(false);
  const filename = named || (file?.name ?? filenameOf(address));

  async function add(form: FormData): Promise<void> {
    const snapshot: NewSnapshot = {
      product_id: String(form.get("product_id")).trim(),
      filename,
      known_answer: form.get("answer") as NewSnapshot["known_answer"],
      ...(file ? { upload: true, size: file.size } : { url: address.trim() }),
    };
    const header = { "Idempotency-Key": crypto.randomUUID() };
    const body = { snapshots: [snapshot] };
    const { data } = await untilTaken(() => client.POST("/snapshots", { params: { header }, body }));
    const result = data!.results[0]!;
    const why = result.detail ?? result.errors?.map(({ detail, pointer }) => `${pointer}: ${detail}`).join("; ");
    if (result.status !== "created") throw new ApiError(result.code ?? 422, why ?? result.status, true);
    if (file) await untilTaken(() => put(result.upload!, file, () => {}));
  }

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    setIsBusy(true);
    setProblem(null);
    try {
      await add(new FormData(form));
      tell({ text: t.plant.planted(filename) });
      form.reset();
      setFile(null);
      setAddress("");
      setNamed("");
      planted();
    } catch (error) {
      setProblem(error);
    }
    setIsBusy(false);
  }

  return (
    <details className="card below">
      <summary>{t.plant.title}</summary>
      <form className="fields" aria-label={t.plant.title} onSubmit={(event) => void submit(event)}>
        <p>{t.plant.lead}</p>
        <p>
          <b>{t.plant.secret}</b>
        </p>
        <label>
          {t.plant.product}
          <input name="product_id" required maxLength={128} pattern="[A-Za-z0-9._~:\-]+" />
        </label>
        <label>
          {t.plant.address}
          <input
            type="url"
            value={address}
            required={!file}
            disabled={!!file}
            onChange={(event) => setAddress(event.target.value)}
          />
        </label>
        <label>
          {t.plant.file}
          <input type="file" accept="image/*" onChange={(event) => setFile(event.target.files?.[0] ?? null)} />
        </label>
        <label>
          {t.plant.filename}
          <input value={filename} required maxLength={255} onChange={(event) => setNamed(event.target.value)} />
          <small>{t.plant.filenameHint}</small>
        </label>
        <label>
          {t.plant.answer}
          <select name="answer">
            {ANSWERS.map((answer) => (
              <option key={answer} value={answer}>
                {t.plant.answers[answer]}
              </option>
            ))}
          </select>
        </label>
        <Problem of={problem} />
        <button type="submit" className="primary" disabled={isBusy}>
          {t.plant.add}
        </button>
      </form>
    </details>
  );
}
