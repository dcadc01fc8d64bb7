import { type FormEvent, useState } from "react";
import type { PageProps } from "../App";
import { useAddress } from "../address";
import { type Schema, untilTaken } from "../api";
import { BUSY_MS, IDLE_MS, itemsOf, PAGES, useApi } from "../data";
import { called, format, t } from "../language";
import { Bar, Content, Empty, isSecret, List, Picture, Problem } from "../parts";

const STRATEGIES = ["hybrid", "collaborative", "content", "popular"] as const;

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
        <h1>{t.recommendations.title}</h1>
        {earned && <p className="aside">{t.recommendations.earned(earned.clicks, earned.purchases, earned.value)}</p>}
      </div>
      {secret && <Model />}
      <form className="searchbar" onSubmit={show}>
        <input
          name="shopper"
          defaultValue={user_id ?? ""}
          placeholder={t.recommendations.shopper}
          aria-label={t.recommendations.shopper}
        />
        <label className="inline">
          {t.recommendations.strategy}
          <select value={strategy} onChange={(event) => ask({ strategy: event.target.value })}>
            {STRATEGIES.map((name) => (
              <option key={name} value={name}>
                {t.recommendations.strategies[name]}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" className="primary">
          {t.recommendations.show}
        </button>
      </form>
      <Problem of={user_id && found.error} />
      {!user_id && <Empty>{t.recommendations.enter}</Empty>}
      {user_id && (
        <div className={secret ? "side-list" : undefined}>
          {secret && <History key={user_id} user_id={user_id} />}
          <Content of={found}>
            {found.data && (
              <>
                <p className="lead" role="status">
                  {(found.data.cached ? t.recommendations.kept : t.recommendations.made)(
                    found.data.items.length,
                    found.data.generated_at,
                  )}
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
  const why = called(t.recommendations.why, reason.strategy);
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
          {reason.because.length > 0 ? t.recommendations.because(why) : why}
          {reason.because.map((product_id, number) => (
            <span key={product_id}>
              {number > 0 && ", "}
              <ProductName product_id={product_id} named={named} />
            </span>
          ))}
        </small>
      </div>
      <span className="aside">{product.price != null && format.money(product.price, product.currency ?? null)}</span>
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
    PAGES,
  );
  return (
    <section aria-label={t.recommendations.history}>
      <h2>{t.recommendations.history}</h2>
      <List
        of={history}
        items={itemsOf(history)}
        none={t.recommendations.noHistory}
        label={t.recommendations.interactions}
        columns={[t.recommendations.type, t.recommendations.product, t.recommendations.when]}
      >
        {(interaction) => (
          <tr key={interaction.interaction_id}>
            <td>{called(t.recommendations.types, interaction.type)}</td>
            <td>
              <ProductName product_id={interaction.product_id} named />
            </td>
            <td>{format.moment(interaction.occurred_at)}</td>
          </tr>
        )}
      </List>
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
    <section className="card model" aria-label={t.recommendations.model}>
      <p>
        {model
          ? t.recommendations.learned(model.published_at, model.interactions, model.products)
          : models.data && t.recommendations.noModel}
      </p>
      <button type="button" disabled={isBusy || isRunning} onClick={() => void build()}>
        {isRunning ? t.recommendations.building : t.recommendations.build}
      </button>
      <Problem of={problem ?? models.error} />
      {isRunning &&
        steps.map(({ step, done, parts }) => (
          <div key={step} className="step">
            <span>{called(t.recommendations.steps, step)}</span>
            <Bar done={done} of={parts} label={t.recommendations.step(called(t.recommendations.steps, step))} />
          </div>
        ))}
    </section>
  );
}
