import { type FormEvent, useState } from "react";
import type { PageProps } from "../App";
import { useAddress } from "../address";
import { type Schema, untilTaken } from "../api";
import { BUSY_MS, IDLE_MS, useApi } from "../data";
import { Bar, Content, count, Empty, isSecret, More, moment, Picture, Problem, Table } from "../parts";

const STRATEGIES = ["hybrid", "collaborative", "content", "popular"] as const;

const WHY: Record<string, string> = {
  collaborative: "Shoppers like them took it",
  content: "Like what they chose",
  hybrid: "Like what they and similar shoppers chose",
  popular: "Many shoppers take it",
};

export function Recommendations({ session }: PageProps) {
  const api = useApi();
  const { asked, ask } = useAddress();
  const user_id = asked.get("shopper");
  const strategy = STRATEGIES.find((name) => name === asked.get("strategy")) ?? "hybrid";
  const secret = isSecret(session.key);
  const found = api.useQuery(
    "get",
    "/users/{user_id}/recommendations",
    { params: { path: { user_id: user_id ?? "" }, query: { strategy, limit: 20 } } },
    { enabled: !!user_id },
  );
  const { data: earned } = api.useQuery("get", "/recommendations/earnings", {}, { enabled: secret });
  function show(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    ask({ shopper: String(new FormData(event.currentTarget).get("shopper") ?? "").trim() });
  }
  return (
    <section>
      <div className="heading">
        <h1>Recommendations</h1>
        {earned && (
          <p className="aside">
            Earned in 30 days: {earned.clicks} clicks, {earned.purchases} purchases worth {earned.value.toFixed(2)}
          </p>
        )}
      </div>
      {secret && <Model />}
      <form className="searchbar" onSubmit={show}>
        <input name="shopper" defaultValue={user_id ?? ""} placeholder="A shopper's id" aria-label="A shopper's id" />
        <label className="inline">
          Strategy
          <select value={strategy} onChange={(event) => ask({ strategy: event.target.value })}>
            {STRATEGIES.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <button type="submit" className="primary">
          Show
        </button>
      </form>
      <Problem of={user_id && found.error} />
      {!user_id && <Empty>Enter the id of a shopper; somebody unknown gets what is popular.</Empty>}
      {user_id && (
        <div className={secret ? "side-list" : undefined}>
          {secret && <History key={user_id} user_id={user_id} />}
          <Content of={found}>
            {found.data && (
              <>
                <p className="lead" role="status">
                  {found.data.items.length} products, {found.data.cached ? "kept since" : "made at"}{" "}
                  {moment(found.data.generated_at)}
                </p>
                <ol className="rows">
                  {found.data.items.map((item, at) => (
                    <Recommended key={item.product_id} item={item} place={at + 1} named={secret} />
                  ))}
                </ol>
              </>
            )}
          </Content>
        </div>
      )}
    </section>
  );
}

function Recommended({ item, place, named }: { item: Schema<"RecommendedResponse">; place: number; named: boolean }) {
  const { product, reason } = item;
  return (
    <li className="card row">
      <span className="place">{place}</span>
      {product.image_url ? (
        <Picture url={product.image_url} renditions={product.renditions} sizes="5rem" alt="" />
      ) : (
        <span className="blank" aria-hidden="true" />
      )}
      <div>
        <b>{product.name}</b>
        <small>{[product.brand, product.category].filter(Boolean).join(" · ")}</small>
        <small className="why">
          {WHY[reason.strategy] ?? reason.strategy}
          {reason.because.length > 0 && ": because of "}
          {reason.because.map((product_id, number) => (
            <span key={product_id}>
              {number > 0 && ", "}
              <ProductName product_id={product_id} named={named} />
            </span>
          ))}
        </small>
      </div>
      <span className="aside">{product.price != null && `${product.price} ${product.currency ?? ""}`}</span>
    </li>
  );
}

/** A product by its name, once that is known; a key that may not read products shows its id. */
function ProductName({ product_id, named }: { product_id: string; named: boolean }) {
  const { data } = useApi().useQuery(
    "get",
    "/products/{product_id}",
    { params: { path: { product_id } } },
    { enabled: named, staleTime: 60_000, placeholderData: undefined, retry: false },
  );
  return data ? <abbr title={product_id}>{data.name}</abbr> : product_id;
}

function History({ user_id }: { user_id: string }) {
  const history = useApi().useInfiniteQuery(
    "get",
    "/users/{user_id}/interactions",
    { params: { path: { user_id }, query: { limit: 20 } } },
    { initialPageParam: null, getNextPageParam: (page) => page.next_cursor },
  );
  const items = history.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section aria-label="History">
      <h2>History</h2>
      <Problem of={history.error} />
      <Content of={history}>
        {items.length === 0 ? (
          <Empty>This shopper has no interactions.</Empty>
        ) : (
          <Table label="Interactions, newest first" columns={["Type", "Product", "When"]}>
            <tbody>
              {items.map((interaction) => (
                <tr key={interaction.interaction_id}>
                  <td>{interaction.type}</td>
                  <td>
                    <ProductName product_id={interaction.product_id} named />
                  </td>
                  <td>{moment(interaction.occurred_at)}</td>
                </tr>
              ))}
            </tbody>
          </Table>
        )}
        <More of={history} />
      </Content>
    </section>
  );
}

/** The model that recommends, what it learned from, and a button to build one now. */
function Model() {
  const { client, useQuery } = useApi();
  const models = useQuery(
    "get",
    "/recommendations/models",
    {},
    { refetchInterval: (query) => (query.state.data?.run?.status === "running" ? BUSY_MS : IDLE_MS) },
  );
  const [problem, setProblem] = useState<unknown>(null);
  const [isBusy, setIsBusy] = useState(false);
  async function build() {
    setIsBusy(true);
    try {
      await untilTaken(() => client.POST("/recommendations/models"));
      setProblem(null);
      await models.refetch();
    } catch (error) {
      setProblem(error);
    }
    setIsBusy(false);
  }
  const { model, run } = models.data ?? {};
  const isRunning = run?.status === "running";
  const steps = run?.steps ?? [];
  return (
    <section className="card model" aria-label="Model">
      <p>
        {model
          ? `The model of ${moment(model.published_at)} learned from ${count(model.interactions)} interactions with ${count(model.products)} products.`
          : models.data && "There is no model yet: everybody gets popular products."}
      </p>
      <button type="button" disabled={isBusy || isRunning} onClick={() => void build()}>
        {isRunning ? "Building a model…" : "Build a model now"}
      </button>
      <Problem of={problem ?? models.error} />
      {isRunning &&
        steps.map(({ step, done, parts }) => (
          <div key={step} className="step">
            <span>{step}</span>
            <Bar done={done} of={parts} label={`Step ${step}`} />
          </div>
        ))}
    </section>
  );
}
