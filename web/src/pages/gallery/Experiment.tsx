import { type FormEvent, useState } from "react";
import type { Schema } from "../../api";
import { useChanges } from "../../changes";
import { useApi } from "../../data";
import { called, format, t } from "../../language";
import { Content, Dialog, Problem, Table } from "../../parts";

type Report = Schema<"ExperimentResponse">;
type Settings = Schema<"RankingSettings">;
type Policy = NonNullable<Settings["policy"]>;

interface Props {
  gallery: Schema<"GalleryResponse">;
  policies: Policy[];
}

const PATH = "/galleries/{gallery_id}/experiments/{experiment_id}";
const ABOUT = ["/galleries", "/galleries/{gallery_id}/images", "/galleries/{gallery_id}/ranking-versions", PATH];
const worded = (policy: string) => called(t.policies, policy);

/** Today's order and another one, each for half of the visitors or both on one page: started, watched and ended. */
export function Experiment({ gallery, policies }: Props) {
  return (
    <section aria-label={t.experiment.title}>
      <h3>{t.experiment.title}</h3>
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
  if (gallery.ranking.lab_share) return <p>{t.experiment.hasLab}</p>;
  if (gallery.next_ranking_version !== null) return <p>{t.experiment.isBuilding}</p>;

  function start(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const sent = new FormData(event.currentTarget);
    const days = sent.get("experiment-days");
    const mode = sent.get("experiment-mode") as Report["mode"];
    const other: Settings = { policy, ...(days && { half_life_days: Number(days) }) };
    const path = { gallery_id: gallery.id, experiment_id: `${policy}-${Date.now().toString(36)}` };
    change({
      said: t.experiment.begun(worded(policy)),
      send: () => client.POST(PATH, { params: { path }, body: { mode, arms: [gallery.ranking as Settings, other] } }),
      undo: () => client.DELETE(PATH, { params: { path } }),
      about: ABOUT,
    });
  }
  return (
    <form className="toolbar" aria-label={t.experiment.new} onSubmit={start}>
      <label className="inline">
        {t.experiment.compare(worded(gallery.ranking.policy))}{" "}
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
          {t.experiment.halfLife} <input name="experiment-days" type="number" min={1} max={365} defaultValue={14} />{" "}
          {t.ranking.days(14)}
        </label>
      )}
      <label className="inline">
        {t.experiment.shown}{" "}
        <select name="experiment-mode">
          <option value="split">{t.experiment.split}</option>
          <option value="interleave">{t.experiment.interleave}</option>
        </select>
      </label>
      <button type="submit">{t.experiment.start}</button>
      <small>{t.experiment.hint}</small>
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
              {t.experiment.readAgain}
            </button>
            <button type="button" disabled={!report} onClick={() => setIsEnding(true)}>
              {t.experiment.end}
            </button>
          </div>
        </Content>
      )}
      {isEnding && report && (
        <Dialog label={t.experiment.end} close={() => setIsEnding(false)}>
          <h2>{t.experiment.endQuestion}</h2>
          <p>
            {report.decision === "second"
              ? t.experiment.takesOther(worded(report.arms[1]!.ranking.policy))
              : t.experiment.keepsToday(worded(report.arms[0]!.ranking.policy))}{" "}
            {t.experiment.endWarning}
          </p>
          <div className="buttons">
            <button
              type="button"
              className="primary"
              onClick={() => {
                setIsEnding(false);
                change({
                  said: t.experiment.ended,
                  send: () => client.DELETE(PATH, { params: { path } }),
                  about: ABOUT,
                });
              }}
            >
              {t.experiment.endIt}
            </button>
            <button type="button" onClick={() => setIsEnding(false)}>
              {t.experiment.continue}
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
          {bounds ? t.experiment.liftWithin(report.lift, bounds.low, bounds.high) : t.experiment.lift(report.lift)}{" "}
          {t.experiment.lookOften}
        </p>
      )}
      {report.preference !== null && (
        <p>
          {bounds
            ? t.experiment.preferenceWithin(report.preference, bounds.low, bounds.high)
            : t.experiment.preference(report.preference)}{" "}
          {t.experiment.lookOften}
        </p>
      )}
      {report.events_without_visitor > 0 && (
        <p>{(isShared ? t.experiment.namelessShared : t.experiment.nameless)(report.events_without_visitor)}</p>
      )}
      <p>
        <small>{t.experiment.since(report.started_at)}</small>
      </p>
      <Table
        label={t.experiment.results}
        columns={[
          t.experiment.order,
          { number: t.experiment.visitors },
          { number: isShared ? t.experiment.clickedFirst : t.experiment.clicked },
          { number: t.experiment.clicks },
          { number: t.experiment.clicksEach },
        ]}
      >
        <tbody>
          {report.arms.map((arm, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: an arm is its place
            <tr key={at}>
              <td>
                {t.experiment.arm(at ? t.experiment.arms.second : t.experiment.arms.first, worded(arm.ranking.policy))}
              </td>
              <td className="number">{format.count(arm.visitors)}</td>
              <td className="number">{format.count(arm.clickers)}</td>
              <td className="number">{format.count(arm.clicks)}</td>
              <td className="number">{arm.visitors ? format.decimal(arm.clicks / arm.visitors) : "–"}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </div>
  );
}

/** What the report says, in a sentence. */
export function decided({ ready, decision, arms, mode }: Report): string {
  if (!ready) return t.experiment.preparing[mode];
  const { decisions, undecided, unseen } = t.experiment;
  if (Object.hasOwn(decisions, decision)) return decisions[decision as keyof typeof decisions];
  return arms.some((arm) => arm.visitors) ? undecided : unseen;
}
