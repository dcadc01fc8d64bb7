import { useAddress } from "../address";
import type { Schema } from "../api";
import { useApi } from "../data";
import { Content, Empty, More, moment, Problem, Table } from "../parts";

type Entry = Schema<"LoggedRequestResponse">;

/** What failed, and who changed what. */
export function Logs() {
  const { asked, ask } = useAddress();
  const log = asked.get("log") === "changes" ? "changes" : "errors";
  return (
    <section>
      <h1>Logs</h1>
      <p className="lead">
        {log === "errors"
          ? "Requests of the last seven days that failed, with the reason that was given."
          : "What was changed in the last ninety days, and with which key."}
      </p>
      <div className="toolbar">
        <label className="inline">
          Show
          <select value={log} onChange={(event) => ask({ log: event.target.value, request: null })}>
            <option value="errors">failed requests</option>
            <option value="changes">changes</option>
          </select>
        </label>
        {log === "errors" && (
          <label className="inline">
            Request id
            <input
              value={asked.get("request") ?? ""}
              maxLength={128}
              spellCheck={false}
              placeholder="request_id of a response"
              onChange={(event) => ask({ request: event.target.value.trim() }, { typing: true })}
            />
          </label>
        )}
      </div>
      {log === "errors" ? <Errors requestId={asked.get("request")} /> : <Changes />}
    </section>
  );
}

const PAGES = {
  initialPageParam: null,
  getNextPageParam: (page: { next_cursor: string | null }) => page.next_cursor,
};

function Errors({ requestId }: { requestId: string | null }) {
  const query = { limit: 50, ...(requestId && { request_id: requestId }) };
  const found = useApi().useInfiniteQuery("get", "/request-log", { params: { query } }, PAGES);
  return (
    <Entries
      of={found}
      label="Failed requests"
      nothing={requestId ? "No failed request of the last seven days has this id." : "Nothing failed in seven days."}
    />
  );
}

function Changes() {
  const found = useApi().useInfiniteQuery("get", "/change-log", { params: { query: { limit: 50 } } }, PAGES);
  return <Entries of={found} label="Changes" nothing="Nothing was changed in ninety days." />;
}

type Found = Parameters<typeof Content>[0]["of"] &
  Parameters<typeof More>[0]["of"] & { data?: { pages: { items: Entry[] }[] }; error: unknown };

function Entries({ of, label, nothing }: { of: Found; label: string; nothing: string }) {
  const entries = of.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <Problem of={of.error} />
      {!of.error && (
        <Content of={of}>
          {entries.length === 0 ? (
            <Empty>{nothing}</Empty>
          ) : (
            <Table label={label}>
              <thead>
                <tr>
                  <th>When</th>
                  <th>Key</th>
                  <th>What</th>
                  <th>Response</th>
                  <th>Request id</th>
                </tr>
              </thead>
              <tbody>
                {entries.map((entry) => (
                  <tr key={`${entry.at}${entry.request_id}`}>
                    <td>{moment(entry.at)}</td>
                    <td>
                      {entry.key_label || entry.key_id}
                      <br />
                      <small>{[entry.role, entry.reviewer].filter(Boolean).join(", ")}</small>
                    </td>
                    <td>
                      <code>{`${entry.method} ${named(entry)}`}</code>
                    </td>
                    <td>
                      {entry.status} {entry.code}
                      {entry.detail && (
                        <>
                          <br />
                          <small>{entry.detail}</small>
                        </>
                      )}
                    </td>
                    <td>
                      <code>{entry.request_id}</code>
                    </td>
                  </tr>
                ))}
              </tbody>
            </Table>
          )}
          <More of={of} />
        </Content>
      )}
    </>
  );
}

/** The route with the ids that are known; behind it those of what was made. */
function named({ route, ids }: Entry): string {
  const path = route.replace(/\{(\w+)\}/g, (placeholder, name: string) => ids[name] ?? placeholder);
  const made = Object.entries(ids).flatMap(([name, id]) => (route.includes(`{${name}}`) ? [] : [id]));
  return made.length ? `${path} → ${made.join(", ")}` : path;
}
