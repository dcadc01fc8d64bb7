import type { Schema } from "../api";
import { IDLE_MS, itemsOf, PAGES, useConnection } from "../data";
import { t } from "../language";
import { Content, Empty, More, PictureCell, Problem, Table } from "../parts";
import { REASON_KEYS, REASONS } from "./desk";

type Opinion = Schema<"OpinionResponse">;

/** What waits because two reviewers disagreed, for a third to decide. */
export function Disputes() {
  const { api, session } = useConnection();
  const disputes = api.useInfiniteQuery(
    "get",
    "/snapshots",
    { params: { query: { status: "disputed", limit: 20 } } },
    { ...PAGES, refetchInterval: (query) => (query.state.data?.pages.length ?? 0) <= 2 && IDLE_MS },
  );
  const items = itemsOf(disputes);
  return (
    <section className="below">
      <h2>{t.disputes.title}</h2>
      <Problem of={disputes.error} />
      {!disputes.error && (
        <Content of={disputes}>
          {items.length === 0 && <Empty>{t.disputes.none}</Empty>}
          {items.length > 0 && (
            <>
              <p className="lead">{t.disputes.lead}</p>
              <Table
                label={t.disputes.title}
                columns={[t.disputes.snapshot, t.disputes.product, t.disputes.opinions, t.disputes.settle]}
              >
                <tbody>
                  {items.map((item) => (
                    <tr key={item.snapshot_id}>
                      <PictureCell url={item.image_url} renditions={item.renditions} name={item.filename} />
                      <td>
                        <code>{item.product_id}</code>
                      </td>
                      <td>
                        <ul className="plain">
                          {item.opinions.map((opinion) => (
                            <li key={opinion.reviewer}>{saidBy(opinion)}</li>
                          ))}
                        </ul>
                      </td>
                      <td>
                        {item.opinions.some(({ reviewer }) => reviewer === session.reviewer) ? (
                          t.disputes.yours
                        ) : (
                          <a
                            href={`#/review?snapshot=${encodeURIComponent(item.snapshot_id)}`}
                            aria-label={t.disputes.settleIt(item.filename)}
                          >
                            {t.disputes.settle}
                          </a>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </Table>
            </>
          )}
          <More of={disputes} />
        </Content>
      )}
    </section>
  );
}

/** A reason in the language shown, where it is one of those that have a key. */
function reasonSaid(reason: string): string {
  const key = REASON_KEYS.find((each) => REASONS[each] === reason);
  return key ? t.review.reasons[key] : reason;
}

function saidBy({ reviewer, decision, reason }: Opinion): string {
  const opinion = t.disputes.said[decision as keyof typeof t.disputes.said](reviewer);
  return reason ? t.disputes.because(opinion, reasonSaid(reason)) : opinion;
}
