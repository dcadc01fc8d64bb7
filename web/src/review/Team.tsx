import type { Schema } from "../api";
import { IDLE_MS, useApi } from "../data";
import { format, t } from "../language";
import { Content, Empty, Problem, Table, Woven } from "../parts";
import { Disputes } from "./Disputes";
import { Plant } from "./Plant";

type Reviewer = Schema<"ReviewerResponse">;

/** Who reviews, how fast, and how well. */
export function Team() {
  const stats = useApi().useQuery("get", "/review/stats", {}, { refetchInterval: IDLE_MS });
  const { data } = stats;
  return (
    <section>
      <h1>{t.titles.team}</h1>
      <p className="lead">{t.team.lead}</p>
      <Problem of={stats.error} />
      <Content of={stats}>
        {data && (
          <>
            <dl className="figures" aria-label={t.team.queue}>
              {(["waiting", "uploading", "approved", "disapproved"] as const).map((status) => (
                <div key={status} className="figure">
                  <dt>{t.team[status]}</dt>
                  <dd>
                    <b>{format.count(data[status])}</b>
                  </dd>
                </div>
              ))}
            </dl>
            {data.reviewers.length ? (
              <Reviewers of={data.reviewers} />
            ) : (
              <Empty>
                <Woven text={t.team.none} a={(text) => <a href="#/review">{text}</a>} />
              </Empty>
            )}
          </>
        )}
      </Content>
      <Disputes />
      <Plant planted={() => stats.refetch()} />
    </section>
  );
}

const share = (value: number | null, of: number | null) =>
  value === null || of === null ? "–" : t.team.share(value, of);

function Reviewers({ of }: { of: Reviewer[] }) {
  return (
    <Table
      label={t.team.table}
      columns={[
        t.team.reviewer,
        { number: t.team.verdicts },
        { number: t.team.perMinute },
        { number: t.team.unsure },
        { number: t.team.agreement },
        { number: t.team.accuracy },
      ]}
    >
      <tbody>
        {of.map((reviewer) => (
          <tr key={reviewer.reviewer}>
            <th scope="row">{reviewer.reviewer}</th>
            <td className="number">{format.count(reviewer.verdicts)}</td>
            <td className="number">
              {reviewer.verdicts_per_minute === null ? "–" : format.count(Math.round(reviewer.verdicts_per_minute))}
            </td>
            <td className="number">{format.count(reviewer.unsure)}</td>
            <td className="number">{share(reviewer.agreement, reviewer.second_opinions)}</td>
            <td className="number">{share(reviewer.accuracy, reviewer.planted)}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
