import { useAddress } from "../address";
import type { Schema } from "../api";
import { itemsOf, PAGES, useApi } from "../data";
import { called, format, t } from "../language";
import { API_LANGUAGE, List } from "../parts";

type Entry = Schema<"LoggedRequestResponse">;

/** What failed, and who changed what. */
export function Logs() {
  const { asked, ask } = useAddress();
  const log = asked.get("log") === "changes" ? "changes" : "errors";
  return (
    <section>
      <h1>{t.logs.title}</h1>
      <p className="lead">{log === "errors" ? t.logs.leadErrors : t.logs.leadChanges}</p>
      <div className="toolbar">
        <label className="inline">
          {t.logs.show}
          <select value={log} onChange={(event) => ask({ log: event.target.value, request: null })}>
            <option value="errors">{t.logs.errors}</option>
            <option value="changes">{t.logs.changes}</option>
          </select>
        </label>
        {log === "errors" && (
          <label className="inline">
            {t.logs.requestId}
            <input
              value={asked.get("request") ?? ""}
              maxLength={128}
              spellCheck={false}
              placeholder={t.logs.requestIdHint}
              onChange={(event) => ask({ request: event.target.value.trim() }, { typing: true })}
            />
          </label>
        )}
      </div>
      {log === "errors" ? <Errors requestId={asked.get("request")} /> : <Changes />}
    </section>
  );
}

function Errors({ requestId }: { requestId: string | null }) {
  const query = { limit: 50, ...(requestId && { request_id: requestId }) };
  const found = useApi().useInfiniteQuery("get", "/request-log", { params: { query } }, PAGES);
  return <Entries of={found} label={t.logs.errorsTable} nothing={requestId ? t.logs.noSuchError : t.logs.noErrors} />;
}

function Changes() {
  const found = useApi().useInfiniteQuery("get", "/change-log", { params: { query: { limit: 50 } } }, PAGES);
  return <Entries of={found} label={t.logs.changesTable} nothing={t.logs.noChanges} />;
}

type Found = Parameters<typeof List>[0]["of"] & Parameters<typeof itemsOf<Entry>>[0];

function Entries({ of, label, nothing }: { of: Found; label: string; nothing: string }) {
  return (
    <List
      of={of}
      items={itemsOf(of)}
      none={nothing}
      label={label}
      columns={[t.logs.when, t.logs.key, t.logs.what, t.logs.response, t.logs.requestId]}
    >
      {(entry) => (
        <tr key={`${entry.at}${entry.request_id}`}>
          <td>{format.moment(entry.at)}</td>
          <td>
            {entry.key_label || entry.key_id}
            <br />
            <small>{[entry.role && called(t.roles, entry.role), entry.reviewer].filter(Boolean).join(", ")}</small>
          </td>
          <td>
            <code>{`${entry.method} ${routeOf(entry)}`}</code>
          </td>
          <td>
            {entry.status} {entry.code}
            {entry.detail && (
              <>
                <br />
                <small lang={API_LANGUAGE}>{entry.detail}</small>
              </>
            )}
          </td>
          <td>
            <code>{entry.request_id}</code>
          </td>
        </tr>
      )}
    </List>
  );
}

/** The route with the ids that are known; behind it those of what was made. */
function routeOf({ route, ids }: Entry): string {
  const path = route.replace(/\{(\w+)\}/g, (placeholder, name: string) => ids[name] ?? placeholder);
  const made = Object.entries(ids).flatMap(([name, id]) => (route.includes(`{${name}}`) ? [] : [id]));
  return made.length ? `${path} → ${made.join(", ")}` : path;
}
