import { type DragEvent, type FormEvent, useRef, useState } from "react";
import { useAddress } from "../address";
import { type Schema, untilTaken } from "../api";
import { BUSY_MS, IDLE_MS, itemsOf, PAGES, useApi } from "../data";
import { called, format, t } from "../language";
import { API_LANGUAGE, Bar, List, Problem, Table } from "../parts";
import { put } from "../put";
import {
  COLUMNS,
  KINDS,
  type Kind,
  mapping,
  type Preview,
  preview,
  rejectedRows,
  save,
  spreadsheet,
  suggested,
  withCommas,
} from "./table_file";

type Import = Schema<"ImportResponse">;
const isUnderWay = ({ status }: Import) => status === "waiting" || status === "running";
const isKind = (text: string | null): text is Kind => KINDS.includes(text as Kind);

/** Files sent from this tab, by import, so that their rejected rows can be given back with their values. */
const sentFiles = new Map<string, File>();

export function Imports() {
  const { asked, ask } = useAddress();
  const imports = useApi().useInfiniteQuery(
    "get",
    "/imports",
    { params: { query: { limit: 20 } } },
    {
      ...PAGES,
      refetchInterval: (query) =>
        query.state.data?.pages.some((page) => page.items.some(isUnderWay)) ? BUSY_MS : IDLE_MS,
    },
  );
  const opened = asked.get("import");
  return (
    <section>
      <h1>{t.imports.title}</h1>
      <p className="lead">{t.imports.lead}</p>
      <NewImport read={() => imports.refetch()} />
      <List
        of={imports}
        items={itemsOf(imports)}
        none={t.imports.none}
        label={t.imports.table}
        columns={[
          t.imports.begun,
          t.imports.file,
          t.imports.rows,
          t.imports.state,
          { number: t.imports.read },
          { number: t.imports.imported },
          { number: t.imports.rejected },
        ]}
      >
        {(item) => (
          <tr key={item.import_id}>
            <td>{format.moment(item.created_at)}</td>
            <td className="url">{item.object.split("/").pop()}</td>
            <td>{called(t.kinds, item.kind)}</td>
            <td>
              <span className={`state ${item.status}`}>{called(t.states, item.status)}</span>
              {item.error && (
                <small className="wrong" lang={API_LANGUAGE}>
                  {" "}
                  {item.error.detail}
                </small>
              )}
            </td>
            <td className="number">{format.count(item.rows_read)}</td>
            <td className="number">{format.count(item.rows_imported)}</td>
            <td className="number">
              {item.rows_rejected > 0 ? (
                <button
                  type="button"
                  className="link"
                  aria-expanded={opened === item.import_id}
                  onClick={() => ask({ import: opened === item.import_id ? null : item.import_id })}
                >
                  {t.imports.showWhy(item.rows_rejected)}
                </button>
              ) : (
                0
              )}
            </td>
          </tr>
        )}
      </List>
      {opened && <Rejected key={opened} import_id={opened} />}
    </section>
  );
}

function NewImport({ read }: { read: () => unknown }) {
  const { client } = useApi();
  const { asked, ask } = useAddress();
  const wanted = asked.get("kind");
  const kind: Kind = isKind(wanted) ? wanted : "images";
  const [gallery, setGallery] = useState(asked.get("gallery") ?? "default");
  const [file, setFile] = useState<File | null>(null);
  const [seen, setSeen] = useState<Preview | null>(null);
  const [chosen, setChosen] = useState<string[]>([]);
  const [problem, setProblem] = useState<unknown>(null);
  const [sent, setSent] = useState<number | null>(null);
  const [isOver, setIsOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  async function choose(picked: File | undefined, as: Kind) {
    setProblem(null);
    setFile(picked ?? null);
    const found = picked ? await preview(picked).catch(() => null) : null; // what cannot be read is refused by the API
    setSeen(found);
    setChosen(found ? suggested(found.headings, as) : []);
  }
  async function start(event: FormEvent) {
    event.preventDefault();
    if (!file) return;
    setProblem(null);
    setSent(0);
    try {
      const content = seen ? await withCommas(file, seen.delimiter) : file;
      const columns = seen && mapping(seen.headings, chosen, kind);
      const body = {
        kind,
        filename: content.name,
        size: content.size,
        ...(kind === "images" && { gallery_id: gallery }),
        ...(columns && { columns }),
      };
      const header = { "Idempotency-Key": crypto.randomUUID() };
      const { data } = await untilTaken(() => client.POST("/imports", { params: { header }, body }));
      sentFiles.set(data!.import_id, file);
      await put(data!.upload, content, setSent);
      await choose(undefined, kind);
      if (input.current) input.current.value = "";
      read();
    } catch (error) {
      setProblem(error);
    }
    setSent(null);
  }
  const dropped = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    void choose(event.dataTransfer.files[0], kind);
  };
  return (
    <form
      className={isOver ? "card drop over" : "card drop"}
      aria-label={t.imports.new}
      onSubmit={(event) => void start(event)}
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={dropped}
    >
      <div className="toolbar">
        <label className="inline">
          {t.imports.rowsAre}
          <select
            value={kind}
            onChange={(event) => {
              const changed = event.target.value as Kind;
              ask({ kind: changed });
              if (seen) setChosen(suggested(seen.headings, changed));
            }}
          >
            {KINDS.map((name) => (
              <option key={name} value={name}>
                {called(t.kinds, name)}
              </option>
            ))}
          </select>
        </label>
        {kind === "images" && (
          <label className="inline">
            {t.imports.ofGallery}
            <input value={gallery} onChange={(event) => setGallery(event.target.value)} required />
          </label>
        )}
        <input
          ref={input}
          type="file"
          accept=".xlsx,.csv,.tsv,.txt,.json,.jsonl,.gz"
          aria-label={t.imports.chooseFile}
          onChange={(event) => void choose(event.target.files?.[0], kind)}
        />
        <button type="submit" className="primary" disabled={!file || sent !== null}>
          {t.imports.import}
        </button>
      </div>
      <p className="lead">{file ? t.imports.size(file.name, Math.ceil(file.size / 1024)) : t.imports.drop}</p>
      {sent !== null && file && <Bar done={sent} of={file.size} label={t.imports.sending(file.name)} />}
      <Problem of={problem} />
      {seen && <Mapping seen={seen} kind={kind} chosen={chosen} choose={setChosen} />}
    </form>
  );
}

interface MappingProps {
  seen: Preview;
  kind: Kind;
  chosen: string[];
  choose: (columns: string[]) => void;
}
/** The first rows, and above each column what it is taken for. */
function Mapping({ seen, kind, chosen, choose }: MappingProps) {
  return (
    <Table label={t.imports.firstRows}>
      <thead>
        <tr>
          {seen.headings.map((heading, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a column is its place in the file
            <th key={at} scope="col">
              <label>
                {heading}
                <select
                  value={chosen[at] ?? ""}
                  onChange={(event) => choose(chosen.with(at, event.target.value))}
                  aria-label={t.imports.headingIs(heading)}
                >
                  <option value="">{t.imports.leftOut}</option>
                  {COLUMNS[kind].map((column) => (
                    <option
                      key={column}
                      value={column}
                      lang={API_LANGUAGE}
                      disabled={chosen.includes(column) && chosen[at] !== column}
                    >
                      {column}
                    </option>
                  ))}
                </select>
              </label>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {seen.rows.map((row, number) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows of a file have no other name
          <tr key={number}>
            {seen.headings.map((heading, at) => (
              <td key={heading} className={chosen[at] ? "url" : "url left-out"}>
                {row[at]}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function Rejected({ import_id }: { import_id: string }) {
  const { client, useInfiniteQuery } = useApi();
  const [problem, setProblem] = useState<unknown>(null);
  const errors = useInfiniteQuery(
    "get",
    "/imports/{import_id}/errors",
    { params: { path: { import_id }, query: { limit: 100 } } },
    PAGES,
  );
  async function download() {
    try {
      const all: Schema<"RejectionResponse">[] = [];
      let cursor: string | null = null;
      do {
        const query: { limit: number; cursor?: string } = { limit: 100, ...(cursor && { cursor }) };
        const { data } = await untilTaken(() =>
          client.GET("/imports/{import_id}/errors", { params: { path: { import_id }, query } }),
        );
        all.push(...data!.items);
        cursor = data!.next_cursor;
      } while (cursor);
      save(spreadsheet(await rejectedRows(all, sentFiles.get(import_id))), t.imports.downloaded(import_id));
    } catch (error) {
      setProblem(error);
    }
  }
  return (
    <section aria-label={t.imports.rejectedRows}>
      <div className="heading">
        <h2>{t.imports.rejectedRows}</h2>
        <button type="button" onClick={() => void download()}>
          {t.imports.download}
        </button>
      </div>
      <Problem of={problem} />
      <List
        of={errors}
        items={itemsOf(errors)}
        label={t.imports.rejectedTable}
        columns={[{ number: t.imports.row }, t.imports.column, t.imports.wrong]}
      >
        {(error) => (
          <tr key={`${error.row} ${error.column} ${error.code}`}>
            <td className="number">{format.count(error.row)}</td>
            <td lang={API_LANGUAGE}>{error.column ?? ""}</td>
            <td lang={API_LANGUAGE}>{error.detail}</td>
          </tr>
        )}
      </List>
    </section>
  );
}
