import { lazy, Suspense, useState } from "react";
import type { PageProps } from "../App";
import { useAddress } from "../address";
import { IDLE_MS, useApi } from "../data";
import { count, Empty, isSecret, Problem } from "../parts";
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
        <h1>Gallery</h1>
        {gallery && (
          <label className="inline">
            Show
            <select value={id} onChange={(event) => ask({ gallery: event.target.value, image: null })}>
              {data!.items.map((item) => (
                <option key={item.id} value={item.id}>
                  {item.title ?? item.id} ({item.images})
                </option>
              ))}
            </select>
          </label>
        )}
        {gallery?.views !== undefined && (
          <p className="aside">
            {count(gallery.views)} views, {count(gallery.clicks ?? 0)} clicks
          </p>
        )}
      </div>
      <p className="lead">
        {mayEdit
          ? "The pictures in the order that shoppers see. Drag one to pin it, or open it to edit it. Nothing you do here counts as a view or click."
          : "The pictures in the order that shoppers see."}
        {session.shopUrl && (
          <>
            {" "}
            See it as a shopper does, in the <a href={session.shopUrl}>demo shop</a>.
          </>
        )}
      </p>
      <Problem of={error} />
      {data && !gallery && (
        <Empty>
          There is no {asked.get("gallery") ? "such gallery" : "gallery yet"}.{" "}
          {mayEdit && <a href="#/imports">Import pictures</a>}
        </Empty>
      )}
      {gallery && (
        <>
          <div className="toolbar">
            <label className="inline">
              <input type="checkbox" checked={acts} onChange={(event) => setActs(event.target.checked)} />
              Act as a shopper: views and clicks count
            </label>
            <label className="inline">
              <input
                type="checkbox"
                checked={asked.get("width") === "phone"}
                onChange={(event) => ask({ width: event.target.checked ? "phone" : null })}
              />
              As wide as a phone
            </label>
            {mayEdit && (
              <button
                type="button"
                aria-expanded={asked.has("ranking")}
                onClick={() => ask({ ranking: asked.has("ranking") ? null : "shown" })}
              >
                Ranking: {gallery.ranking.policy.replace("_", " ")}
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
