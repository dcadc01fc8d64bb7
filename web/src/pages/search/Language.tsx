import { useChanges, usePending } from "../../changes";
import { useApi } from "../../data";
import { called, t } from "../../language";
import { Content, Problem } from "../../parts";

const PATH = "/search/language";
type Code = keyof typeof t.textLanguage.names;
/** How often to ask whether the new index is in use. */
const ASK_EVERY_MS = 5_000;

const nameOf = (code: string | null | undefined) => (code ? called(t.textLanguage.names, code) : t.textLanguage.none);

interface Shown {
  language: Code | null;
}
const isShown = (shows: unknown): shows is Shown => typeof shows === "object" && shows !== null && "language" in shows;

/** The language of the merchant's texts, and whether searches know it yet. */
export function Language() {
  const { client, useQuery } = useApi();
  const { change } = useChanges();
  const read = useQuery(
    "get",
    PATH,
    {},
    { refetchInterval: ({ state: { data } }) => (data && data.language !== data.in_use ? ASK_EVERY_MS : false) },
  );
  const stored = (read.data?.language ?? null) as Code | null;
  const language = usePending(isShown).reduce<Code | null>((_, shown) => shown.language, stored);
  const send = (wanted: Shown) => async () => {
    await client.PUT(PATH, { body: wanted });
  };
  const set = (wanted: Code | null) => {
    const shows: Shown = { language: wanted };
    const showsUndone: Shown = { language };
    const said = t.textLanguage.chosen(nameOf(wanted));
    change({ said, send: send(shows), undo: send(showsUndone), about: [PATH, "/search/images"], shows, showsUndone });
  };
  const isComing = read.data && read.data.in_use !== language;
  return (
    <>
      <p className="lead">{t.textLanguage.lead}</p>
      <Problem of={read.error} />
      <Content of={read}>
        <div className="card toolbar">
          <label className="inline">
            {t.textLanguage.choose}
            <select value={language ?? ""} onChange={(event) => set((event.target.value || null) as Code | null)}>
              <option value="">{t.textLanguage.none}</option>
              {(Object.keys(t.textLanguage.names) as Code[]).map((code) => (
                <option key={code} value={code}>
                  {nameOf(code)}
                </option>
              ))}
            </select>
          </label>
          <span role="status">{isComing ? t.textLanguage.coming(nameOf(read.data.in_use)) : t.textLanguage.inUse}</span>
        </div>
      </Content>
    </>
  );
}
