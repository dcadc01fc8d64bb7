import { type FormEvent, useState } from "react";
import type { Schema } from "../../api";
import { useChanges } from "../../changes";
import { IDLE_MS, useApi } from "../../data";
import { called, format, t } from "../../language";
import { API_LANGUAGE, Problem, Table, Woven } from "../../parts";
import { Experiment } from "./Experiment";
import { Rules } from "./Rules";

type Settings = Schema<"RankingSettings">;
type Policy = NonNullable<Settings["policy"]>;

const POLICIES: Policy[] = ["interest", "newest", "smoothed_rate", "optimistic_rate", "trending_rate"];
const ABOUT = ["/galleries", "/galleries/{gallery_id}/images", "/galleries/{gallery_id}/ranking-versions"];
const LARGEST_SHARE = 20;

/** How a gallery is ordered: the policy, what another one would earn, and the versions to go back to. */
export function Ranking({ gallery }: { gallery: Schema<"GalleryResponse"> }) {
  const { client } = useApi();
  const { change } = useChanges();
  const [policy, setPolicy] = useState(gallery.ranking.policy as Policy);
  const [estimate, setEstimate] = useState<Schema<"EstimateResponse"> | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [isBusy, setIsBusy] = useState(false);
  const path = { gallery_id: gallery.id };

  const entered = (form: HTMLFormElement): Settings => {
    const data = new FormData(form);
    return {
      policy,
      lab_share: Number(data.get("lab")) / 100,
      ...(policy === "trending_rate" && { half_life_days: Number(data.get("days")) }),
    };
  };
  const put = (ranking: Settings) => () =>
    client.PUT("/galleries/{gallery_id}", { params: { path }, body: { ranking } });
  function apply(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    change({
      said: t.ranking.ordered(gallery.title ?? gallery.id, t.policies[policy]),
      send: put(entered(event.currentTarget)),
      undo: put(gallery.ranking as Settings),
      about: ABOUT,
    });
  }
  async function estimateIt(form: HTMLFormElement) {
    setIsBusy(true);
    try {
      const { data } = await client.POST("/galleries/{gallery_id}/ranking-estimates", {
        params: { path },
        body: entered(form),
      });
      setEstimate(data!);
      setProblem(null);
    } catch (error) {
      setEstimate(null);
      setProblem(error);
    }
    setIsBusy(false);
  }
  return (
    <section className="card ranking" aria-label={t.ranking.title}>
      <h2>{t.ranking.title}</h2>
      {gallery.next_ranking_version !== null && !gallery.experiment_id && (
        <p className="notice" role="status">
          {t.ranking.versionsBuilt(gallery.next_ranking_version, gallery.ranking_version)}
        </p>
      )}
      <form onSubmit={apply} aria-label={t.ranking.order}>
        <fieldset>
          <legend>{t.ranking.order}</legend>
          {POLICIES.map((name) => (
            <label key={name} className="inline">
              <input
                type="radio"
                name="policy"
                value={name}
                checked={policy === name}
                onChange={() => setPolicy(name)}
              />
              {t.ranking.policies[name]}
            </label>
          ))}
        </fieldset>
        {policy === "trending_rate" && (
          <label className="inline">
            {t.ranking.halfLife}
            <input name="days" type="number" min={1} max={365} defaultValue={gallery.ranking.half_life_days ?? 14} />{" "}
            {t.ranking.days(gallery.ranking.half_life_days ?? 14)}
          </label>
        )}
        <label className="inline">
          {t.ranking.lab}
          <input
            name="lab"
            type="number"
            min={0}
            max={LARGEST_SHARE}
            step="any"
            defaultValue={100 * (gallery.ranking.lab_share ?? 0)}
          />
        </label>
        <div className="buttons">
          <button type="submit" className="primary">
            {t.ranking.apply}
          </button>
          <button type="button" disabled={isBusy} onClick={(event) => void estimateIt(event.currentTarget.form!)}>
            {t.ranking.estimate}
          </button>
        </div>
      </form>
      <Problem of={problem} />
      {estimate && <Estimate estimate={estimate} />}
      <Experiment gallery={gallery} policies={POLICIES} />
      <Rules gallery={gallery} />
      <Versions gallery={gallery} />
    </section>
  );
}

function Estimate({ estimate }: { estimate: Schema<"EstimateResponse"> }) {
  const { lift, lift_interval, clicks_per_page, interval } = estimate;
  return (
    <div role="status" className="estimate">
      {estimate.enough ? (
        <p>
          <Woven
            text={
              lift !== null && lift_interval
                ? t.ranking.clicksCompared(
                    clicks_per_page,
                    interval.low,
                    interval.high,
                    lift,
                    lift_interval.low,
                    lift_interval.high,
                  )
                : t.ranking.clicks(clicks_per_page, interval.low, interval.high)
            }
            b={(text) => <b>{text}</b>}
          />
        </p>
      ) : (
        <p>
          {t.ranking.notEnough}{" "}
          {estimate.page_views_needed !== null ? t.ranking.needed(estimate.page_views_needed) : t.ranking.giveShare}
        </p>
      )}
      <Table
        label={t.ranking.estimated}
        columns={[t.ranking.picture, { number: t.ranking.planned }, { number: t.ranking.today }]}
      >
        <tbody>
          {estimate.order.slice(0, 10).map((planned) => (
            <tr key={planned.id}>
              <td>{planned.id}</td>
              <td className="number">{planned.position}</td>
              <td className="number">{planned.today ?? "–"}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </div>
  );
}

function Versions({ gallery }: { gallery: Schema<"GalleryResponse"> }) {
  const { client, useQuery } = useApi();
  const { change } = useChanges();
  const path = { gallery_id: gallery.id };
  const { data, error } = useQuery(
    "get",
    "/galleries/{gallery_id}/ranking-versions",
    { params: { path, query: { limit: 20 } } },
    { refetchInterval: IDLE_MS },
  );
  const restore = (version: number) => () =>
    client.POST("/galleries/{gallery_id}/ranking-versions/{version}/restore", {
      params: { path: { ...path, version: String(version) } },
    });
  return (
    <>
      <h3>{t.ranking.versions}</h3>
      <Problem of={error} />
      <Table
        label={t.ranking.versionsOf}
        columns={[
          { number: t.ranking.version },
          t.ranking.policy,
          t.ranking.created,
          t.ranking.reason,
          t.ranking.status,
          t.ranking.restore,
        ]}
      >
        <tbody>
          {data?.items.map((version) => (
            <tr key={version.version}>
              <td className="number">{version.version}</td>
              <td>{called(t.policies, version.ranking.policy)}</td>
              <td>{format.moment(version.created_at)}</td>
              <td lang={API_LANGUAGE}>{version.reason}</td>
              <td>{called(t.states, version.status)}</td>
              <td>
                {version.version !== gallery.ranking_version && (
                  <button
                    type="button"
                    aria-label={t.ranking.restoreIt(version.version)}
                    onClick={() =>
                      change({
                        said: t.ranking.restored(version.version),
                        send: restore(version.version),
                        undo: restore(gallery.ranking_version),
                        about: ABOUT,
                      })
                    }
                  >
                    {t.ranking.restore}
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}
