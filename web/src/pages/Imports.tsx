import { useRef, useState } from "react";
import { call, said, type Page, type Session } from "../api";
import { useAnswer } from "../hooks";
import { Empty, Problem } from "../parts";

interface Import {
  import_id: string;
  kind: string;
  object: string;
  created_at: string;
  status: "waiting" | "running" | "completed" | "failed";
  rows_read: number;
  rows_imported: number;
  rows_rejected: number;
  error: { code: string; detail: string } | null;
}
interface RowError {
  row: number;
  column?: string | null;
  code: string;
  detail: string;
}
interface Started {
  import_id: string;
  upload: { url: string; method: string; headers: Record<string, string> };
}

const KINDS = ["images", "products", "interactions", "snapshots", "stores"];

export function Imports({ session }: { session: Session }) {
  const { answer, problem, read } = useAnswer<Page<Import>>(session, "/imports?limit=20", 2000);
  const [kind, setKind] = useState("images");
  const [gallery, setGallery] = useState("default");
  const [failed, setFailed] = useState<string | null>(null);
  const [opened, setOpened] = useState<string | null>(null);
  const file = useRef<HTMLInputElement>(null);

  async function start() {
    const chosen = file.current?.files?.[0];
    if (!chosen) return;
    setFailed(null);
    try {
      const body = { kind, filename: chosen.name, ...(kind === "images" && { gallery_id: gallery }) };
      const { upload } = await call<Started>(session, "POST", "/imports", body);
      const sent = await fetch(upload.url, { method: upload.method, headers: upload.headers, body: chosen });
      if (!sent.ok) throw new Error(`The file was not taken: ${sent.status}.`);
      file.current!.value = "";
      await read();
    } catch (error) {
      setFailed(said(error));
    }
  }

  return (
    <section>
      <h1>Imports</h1>
      <form
        className="searchbar"
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <label className="inline">
          Rows are
          <select value={kind} onChange={(event) => setKind(event.target.value)}>
            {KINDS.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        {kind === "images" && (
          <label className="inline">
            of gallery
            <input value={gallery} onChange={(event) => setGallery(event.target.value)} required />
          </label>
        )}
        <input ref={file} type="file" required accept=".csv,.json,.jsonl,.gz" aria-label="File: csv, jsonl or json, may be gzipped" />
        <button className="primary">Import</button>
      </form>
      <Problem text={failed ?? problem} />
      {answer?.items.length === 0 && <Empty>No imports yet. Choose a CSV, JSON or JSON-lines file.</Empty>}
      {!!answer?.items.length && (
        <div className="scroll">
        <table aria-label="Imports, newest first">
          <thead>
            <tr>
              <th>Begun</th>
              <th>File</th>
              <th>Rows</th>
              <th>State</th>
              <th className="number">Read</th>
              <th className="number">Imported</th>
              <th className="number">Rejected</th>
            </tr>
          </thead>
          <tbody>
            {answer.items.map((it) => (
              <tr key={it.import_id}>
                <td>{new Date(it.created_at).toLocaleTimeString()}</td>
                <td className="url">{it.object.split("/").pop()}</td>
                <td>{it.kind}</td>
                <td>
                  <span className={`state ${it.status}`}>{it.status}</span>
                  {it.error && <small className="wrong"> {it.error.detail}</small>}
                </td>
                <td className="number">{it.rows_read}</td>
                <td className="number">{it.rows_imported}</td>
                <td className="number">
                  {it.rows_rejected > 0 ? (
                    <button className="link" onClick={() => setOpened(opened === it.import_id ? null : it.import_id)}>
                      {it.rows_rejected}: show why
                    </button>
                  ) : (
                    0
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        </div>
      )}
      {opened && <Errors session={session} importId={opened} />}
    </section>
  );
}

function Errors({ session, importId }: { session: Session; importId: string }) {
  const { answer, problem } = useAnswer<Page<RowError>>(session, `/imports/${importId}/errors?limit=100`);
  return (
    <>
      <h2>Rejected rows</h2>
      <Problem text={problem} />
      <div className="scroll">
      <table>
        <thead>
          <tr>
            <th className="number">Row</th>
            <th>Column</th>
            <th>What is wrong</th>
          </tr>
        </thead>
        <tbody>
          {answer?.items.map((error, at) => (
            <tr key={at}>
              <td className="number">{error.row}</td>
              <td>{error.column ?? ""}</td>
              <td>{error.detail}</td>
            </tr>
          ))}
        </tbody>
      </table>
      </div>
    </>
  );
}
