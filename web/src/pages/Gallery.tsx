import { lazy, Suspense, useState } from "react";
import type { PageProps } from "../App";
import { useAddress } from "../address";
import { IDLE_MS, useApi } from "../data";
import { called, t } from "../language";
import { Empty, isSecret, Problem, Woven } from "../parts";
import { Images } from "./gallery/Images";

const Ranking = lazy(async () => ({ default: (await import("./gallery/Ranking")).Ranking }));

export function Gallery({ session }: PageProps) {
  const { asked, ask } = useAddress();
  const [acts, setActs] = useState(false);
  const { data, error } = useApi().useQuery(
    "get",
    "/galleries",
    { params: { query: { limit: 100 } } },
    { refetchInterval: acts ? 2_000 : IDLE_MS },
  );
  const fullest = [...(data?.items ?? [])].sort((a, b) => b.images - a.images)[0];
  const id = asked.get("gallery") ?? fullest?.id;
  const gallery = data?.items.find((item) => item.id === id);
  const mayEdit = isSecret(session.key);
  return (
    <section>
      <div className="heading">
        <h1>{t.gallery.title}</h1>
        {gallery && (
          <label className="inline">
            {t.gallery.choose}
            <select value={id} onChange={(event) => ask({ gallery: event.target.value, image: null })}>
              {data!.items.map((item) => (
                <option key={item.id} value={item.id}>
                  {t.gallery.of(item.title ?? item.id, item.images)}
                </option>
              ))}
            </select>
          </label>
        )}
        {gallery?.views !== undefined && (
          <p className="aside">{t.gallery.counts(gallery.views, gallery.clicks ?? 0)}</p>
        )}
      </div>
      <p className="lead">
        {mayEdit ? t.gallery.leadEditing : t.gallery.lead}
        {session.shopUrl && (
          <>
            {" "}
            <Woven text={t.gallery.shop} a={(text) => <a href={session.shopUrl}>{text}</a>} />
          </>
        )}
      </p>
      <Problem of={error} />
      {data && !gallery && (
        <Empty>
          {asked.get("gallery") ? t.gallery.noSuch : t.gallery.none}{" "}
          {mayEdit && <a href="#/imports">{t.gallery.importPictures}</a>}
        </Empty>
      )}
      {gallery && (
        <>
          <div className="toolbar">
            <label className="inline">
              <input type="checkbox" checked={acts} onChange={(event) => setActs(event.target.checked)} />
              {t.gallery.act}
            </label>
            <label className="inline">
              <input
                type="checkbox"
                checked={asked.get("width") === "phone"}
                onChange={(event) => ask({ width: event.target.checked ? "phone" : null })}
              />
              {t.gallery.phone}
            </label>
            {mayEdit && (
              <button
                type="button"
                aria-expanded={asked.has("ranking")}
                onClick={() => ask({ ranking: asked.has("ranking") ? null : "shown" })}
              >
                {t.gallery.ranking(called(t.policies, gallery.ranking.policy))}
              </button>
            )}
          </div>
          {mayEdit && asked.has("ranking") && (
            <Suspense>
              <Ranking key={gallery.id} gallery={gallery} />
            </Suspense>
          )}
          <Images key={gallery.id} gallery={gallery} acts={acts} mayEdit={mayEdit} />
        </>
      )}
    </section>
  );
}
