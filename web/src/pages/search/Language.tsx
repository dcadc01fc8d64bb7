import { useApi } from "../../data";
import { called, t } from "../../language";
import { Content, Problem } from "../../parts";
import { useSetting } from "./setting";

const PATH = "/search/language";
type Code = keyof typeof t.textLanguage.names;
/** How often to ask whether the new index is in use. */
const ASK_EVERY_MS = 5_000;

const nameOf = (code: string | null | undefined) => (code ? called(t.textLanguage.names, code) : t.textLanguage.none);

/** The language of the merchant's texts, and whether searches know it yet. */
export function Language() {
  const { client, useQuery } = useApi();
  const read = useQuery(
    "get",
    PATH,
    {},
    { refetchInterval: ({ state: { data } }) => (data && data.language !== data.in_use ? ASK_EVERY_MS : false) },
  );
  const stored = (read.data?.language ?? null) as Code | null;
  const put = (wanted: Code | null) => client.PUT(PATH, { body: { language: wanted } });
  const { shown: language, set } = useSetting(PATH, stored, (_, wanted: Code | null) => wanted, put);
  const choose = (wanted: Code | null) => set(t.textLanguage.chosen(nameOf(wanted)), wanted, language);
  const isComing = read.data && read.data.in_use !== language;
  return (
    <>
      <p className="lead">{t.textLanguage.lead}</p>
      <Problem of={read.error} />
      <Content of={read}>
        <div className="card toolbar">
          <label className="inline">
            {t.textLanguage.choose}
            <select value={language ?? ""} onChange={(event) => choose((event.target.value || null) as Code | null)}>
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
