import { type FormEvent, useState } from "react";
import type { Schema } from "../../api";
import { useChanges } from "../../changes";
import { useApi } from "../../data";
import { Content, count, Dialog, moment, Problem, Table } from "../../parts";

type Report = Schema<"ExperimentResponse">;
type Settings = Schema<"RankingSettings">;
type Policy = NonNullable<Settings["policy"]>;

interface Props {
  gallery: Schema<"GalleryResponse">;
  policies: Policy[];
}

const PATH = "/galleries/{gallery_id}/experiments/{experiment_id}";
const ABOUT = ["/galleries", "/galleries/{gallery_id}/images", "/galleries/{gallery_id}/ranking-versions", PATH];
const ARMS = ["Today’s order", "The other order"];
const worded = (policy: string) => policy.replace("_", " ");
const percent = (share: number) => `${share >= 0 ? "+" : "−"}${Math.abs(100 * share).toFixed(0)} %`;

/** Today's order and another one, each for half of the visitors or both on one page: started, watched and ended. */
export function Experiment({ gallery, policies }: Props) {
  return (
    <section aria-label="Experiment">
      <h3>Experiment</h3>
      {gallery.experiment_id ? (
        <Running gallery={gallery} id={gallery.experiment_id} />
      ) : (
        <Start gallery={gallery} policies={policies.filter((policy) => policy !== gallery.ranking.policy)} />
      )}
    </section>
  );
}

function Start({ gallery, policies }: Props) {
  const { client } = useApi();
  const { change } = useChanges();
  const [policy, setPolicy] = useState(policies[0]!);
  if (gallery.ranking.lab_share) return <p>A gallery with a lab runs no experiment. Set the lab’s share to 0 first.</p>;
  if (gallery.next_ranking_version !== null) return <p>Another order is being built. Try again when it is complete.</p>;

  function start(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const sent = new FormData(event.currentTarget);
    const days = sent.get("experiment-days");
    const mode = sent.get("experiment-mode") as Report["mode"];
    const other: Settings = { policy, ...(days && { half_life_days: Number(days) }) };
    const path = { gallery_id: gallery.id, experiment_id: `${policy}-${Date.now().toString(36)}` };
    change({
      said: `The experiment with ${worded(policy)} has begun`,
      send: () => client.POST(PATH, { params: { path }, body: { mode, arms: [gallery.ranking as Settings, other] } }),
      undo: () => client.DELETE(PATH, { params: { path } }),
      about: ABOUT,
    });
  }
  return (
    <form className="toolbar" aria-label="New experiment" onSubmit={start}>
      <label className="inline">
        Compare {worded(gallery.ranking.policy)} with{" "}
        <select value={policy} onChange={(event) => setPolicy(event.target.value as Policy)}>
          {policies.map((name) => (
            <option key={name} value={name}>
              {worded(name)}
            </option>
          ))}
        </select>
      </label>
      {policy === "trending_rate" && (
        <label className="inline">
          whose events lose half of their weight in{" "}
          <input name="experiment-days" type="number" min={1} max={365} defaultValue={14} /> days
        </label>
      )}
      <label className="inline">
        shown{" "}
        <select name="experiment-mode">
          <option value="split">each to half of the visitors</option>
          <option value="interleave">both on one page</option>
        </select>
      </label>
      <button type="submit">Start the experiment</button>
      <small>Both on one page tells sooner which order visitors choose, and not how many clicks more it earns.</small>
    </form>
  );
}

function Running({ gallery, id }: { gallery: Schema<"GalleryResponse">; id: string }) {
  const { client, useQuery } = useApi();
  const { change } = useChanges();
  const [isEnding, setIsEnding] = useState(false);
  const path = { gallery_id: gallery.id, experiment_id: id };
  // It reads the counts of all images, so it is read again on request only.
  const found = useQuery("get", PATH, { params: { path } }, { staleTime: Number.POSITIVE_INFINITY });
  const report = found.data;
  return (
    <>
      <Problem of={found.error} />
      {!found.error && (
        <Content of={found}>
          {report && <Standing report={report} />}
          <div className="buttons">
            <button type="button" disabled={found.isFetching} onClick={() => void found.refetch()}>
              Read again
            </button>
            <button type="button" disabled={!report} onClick={() => setIsEnding(true)}>
              End the experiment
            </button>
          </div>
        </Content>
      )}
      {isEnding && report && (
        <Dialog label="End the experiment" close={() => setIsEnding(false)}>
          <h2>End the experiment?</h2>
          <p>
            {report.decision === "second"
              ? `The gallery takes the other order, ${worded(report.arms[1]!.ranking.policy)}, for all visitors.`
              : `The gallery keeps today’s order, ${worded(report.arms[0]!.ranking.policy)}, for all visitors.`}{" "}
            What was counted stays. The experiment cannot be continued.
          </p>
          <div className="buttons">
            <button
              type="button"
              className="primary"
              onClick={() => {
                setIsEnding(false);
                change({
                  said: "The experiment has ended",
                  send: () => client.DELETE(PATH, { params: { path } }),
                  about: ABOUT,
                });
              }}
            >
              End it
            </button>
            <button type="button" onClick={() => setIsEnding(false)}>
              Continue
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}

function Standing({ report }: { report: Report }) {
  const bounds = report.interval;
  const isShared = report.mode === "interleave";
  return (
    <div role="status">
      <p>
        <b>{decided(report)}</b>
      </p>
      {report.lift !== null && (
        <p>
          The other order has {percent(report.lift)} clicks a visitor so far
          {bounds && ` (with 95 % certainty ${percent(bounds.low)} to ${percent(bounds.high)})`}. Looking often changes
          nothing about that.
        </p>
      )}
      {report.preference !== null && (
        <p>
          Of the visitors who clicked, {(100 * report.preference).toFixed(0)} % chose an image of the other order first
          {bounds && ` (with 95 % certainty ${(100 * bounds.low).toFixed(0)} % to ${(100 * bounds.high).toFixed(0)} %)`}
          ; 50 % would mean that neither is better. Looking often changes nothing about that.
        </p>
      )}
      {report.events_without_visitor > 0 && (
        <p>
          {count(report.events_without_visitor)} events named no visitor{isShared && " or no arm"} and count for neither
          order. Send session_id with events and when reading the gallery
          {isShared && ", and with events the arm of the image"}.
        </p>
      )}
      <p>
        <small>Since {moment(report.started_at)}</small>
      </p>
      <Table
        label="Results of the experiment"
        columns={[
          "Order",
          { number: "Visitors" },
          { number: isShared ? "of whom clicked it first" : "of whom clicked" },
          { number: "Clicks" },
          { number: "Clicks a visitor" },
        ]}
      >
        <tbody>
          {report.arms.map((arm, at) => (
            <tr key={ARMS[at]}>
              <td>
                {ARMS[at]}: {worded(arm.ranking.policy)}
              </td>
              <td className="number">{count(arm.visitors)}</td>
              <td className="number">{count(arm.clickers)}</td>
              <td className="number">{count(arm.clicks)}</td>
              <td className="number">{arm.visitors ? (arm.clicks / arm.visitors).toFixed(2) : "–"}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </div>
  );
}

/** What the report says, in a sentence. */
export function decided({ ready, decision, arms, mode }: Report): string {
  if (!ready)
    return `The other order is being prepared. ${mode === "split" ? "Visitors are divided" : "Pages are made of both"} once it is complete.`;
  switch (decision) {
    case "first":
      return "Decided: today’s order earns more clicks.";
    case "second":
      return "Decided: the other order earns more clicks.";
    case "bad_split":
      return "No result: one order got more visitors than chance allows. Look for a cache, a redirect or a robot that does not keep visitors apart.";
    default:
      return arms.some((arm) => arm.visitors)
        ? "Not decided yet: the difference may be chance. Let it run."
        : "Nobody has seen it yet.";
  }
}
