import { type FormEvent, useState } from "react";
import type { Schema } from "../../api";
import { useChanges } from "../../changes";
import { IDLE_MS, useApi } from "../../data";
import { count, moment, Problem, Table } from "../../parts";
import { Experiment } from "./Experiment";
import { Rules } from "./Rules";

type Settings = Schema<"RankingSettings">;
type Policy = NonNullable<Settings["policy"]>;

const POLICIES: Record<Policy, string> = {
  interest: "Interest: views plus seven times the clicks. What is popular stays ahead.",
  newest: "Newest: by date, whatever shoppers do.",
  smoothed_rate: "Smoothed rate: clicks per view, careful with pictures that few have seen.",
  optimistic_rate: "Optimistic rate: clicks per view, and new pictures get a chance.",
  trending_rate: "Trending rate: clicks per view of late; old events fade.",
};
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
      said: `${gallery.title ?? gallery.id} is ordered by ${policy.replace("_", " ")}`,
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
    <section className="card ranking" aria-label="Ranking">
      <h2>Ranking</h2>
      {gallery.next_ranking_version !== null && !gallery.experiment_id && (
        <p className="notice" role="status">
          Version {gallery.next_ranking_version} is being built. Shoppers see version {gallery.ranking_version} until it
          is complete.
        </p>
      )}
      <form onSubmit={apply} aria-label="Order of the pictures">
        <fieldset>
          <legend>Order of the pictures</legend>
          {(Object.keys(POLICIES) as Policy[]).map((name) => (
            <label key={name} className="inline">
              <input
                type="radio"
                name="policy"
                value={name}
                checked={policy === name}
                onChange={() => setPolicy(name)}
              />
              {POLICIES[name]}
            </label>
          ))}
        </fieldset>
        {policy === "trending_rate" && (
          <label className="inline">
            Events lose half of their weight in
            <input name="days" type="number" min={1} max={365} defaultValue={gallery.ranking.half_life_days ?? 14} />{" "}
            days
          </label>
        )}
        <label className="inline">
          Share of visitors in the lab, who see a random order, in %
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
            Apply
          </button>
          <button type="button" disabled={isBusy} onClick={(event) => void estimateIt(event.currentTarget.form!)}>
            Estimate
          </button>
        </div>
      </form>
      <Problem of={problem} />
      {estimate && <Estimate estimate={estimate} />}
      <Experiment gallery={gallery} policies={Object.keys(POLICIES) as Policy[]} />
      <Rules gallery={gallery} />
      <Versions gallery={gallery} />
    </section>
  );
}

const percent = (share: number) => `${share >= 0 ? "+" : "−"}${Math.abs(100 * share).toFixed(0)} %`;

function Estimate({ estimate }: { estimate: Schema<"EstimateResponse"> }) {
  const { lift, lift_interval, clicks_per_page, interval } = estimate;
  return (
    <div role="status" className="estimate">
      {estimate.enough ? (
        <p>
          About <b>{clicks_per_page.toFixed(2)}</b> clicks a page ({interval.low.toFixed(2)} to{" "}
          {interval.high.toFixed(2)})
          {lift !== null && lift_interval && (
            <>
              , {percent(lift)} against today’s order ({percent(lift_interval.low)} to {percent(lift_interval.high)})
            </>
          )}
          .
        </p>
      ) : (
        <p>
          The lab has not seen enough to tell.{" "}
          {estimate.page_views_needed !== null
            ? `About ${count(estimate.page_views_needed)} page views more are needed.`
            : "Give it a share of the visitors above."}
        </p>
      )}
      <Table label="Estimated order" columns={["Picture", { number: "Then" }, { number: "Today" }]}>
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
      <h3>Versions</h3>
      <Problem of={error} />
      <Table
        label="Versions of the ranking"
        columns={[{ number: "Version" }, "Policy", "Created", "Reason", "Status", "Restore"]}
      >
        <tbody>
          {data?.items.map((version) => (
            <tr key={version.version}>
              <td className="number">{version.version}</td>
              <td>{version.ranking.policy.replace("_", " ")}</td>
              <td>{moment(version.created_at)}</td>
              <td>{version.reason}</td>
              <td>{version.status}</td>
              <td>
                {version.version !== gallery.ranking_version && (
                  <button
                    type="button"
                    aria-label={`Restore version ${version.version}`}
                    onClick={() =>
                      change({
                        said: `Version ${version.version} is restored`,
                        send: restore(version.version),
                        undo: restore(gallery.ranking_version),
                        about: ABOUT,
                      })
                    }
                  >
                    Restore
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
