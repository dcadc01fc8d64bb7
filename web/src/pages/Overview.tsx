import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { PageProps } from "../App";
import { useAddress } from "../address";
import { ApiError } from "../api";
import { IDLE_MS, useApi } from "../data";
import { format, t } from "../language";
import { Content, Empty, Problem, Woven } from "../parts";
import { Plot } from "./Plot";
import { filled, growth, PERIODS, type Period, spanOf } from "./periods";

const MINUTE = 60_000;

export function Overview({ session }: PageProps) {
  const { asked, ask } = useAddress();
  const chosen = asked.get("period");
  const period: Period = chosen && chosen in PERIODS ? (chosen as Period) : "24h";
  const gallery = asked.get("gallery") ?? "";
  const galleries = useApi().useQuery("get", "/galleries", { params: { query: { limit: 100 } } });
  const isNew = galleries.data?.items.every((item) => item.images === 0);
  if (galleries.error instanceof ApiError && galleries.error.status === 403) {
    return (
      <section>
        <h1>{t.titles.overview}</h1>
        <Empty>
          <Woven text={t.overview.forReviewing} a={(text) => <a href="#/review">{text}</a>} />
        </Empty>
      </section>
    );
  }
  return (
    <section>
      <div className="heading">
        <h1>{t.titles.overview}</h1>
        <div className="toolbar aside">
          <label className="inline">
            {t.overview.gallery}
            <select value={gallery} onChange={(event) => ask({ gallery: event.target.value })}>
              <option value="">{t.parts.all}</option>
              {galleries.data?.items.map((item) => (
                <option key={item.id} value={item.id}>
                  {item.title ?? item.id}
                </option>
              ))}
            </select>
          </label>
          <label className="inline">
            {t.overview.period}
            <select value={period} onChange={(event) => ask({ period: event.target.value })}>
              {(Object.keys(PERIODS) as Period[]).map((key) => (
                <option key={key} value={key}>
                  {lengthOf(key)}
                </option>
              ))}
            </select>
          </label>
        </div>
      </div>
      <Problem of={galleries.error} />
      {isNew && <FirstSteps session={session} />}
      <Counts period={period} gallery={gallery} />
      <State />
    </section>
  );
}

const lengthOf = (period: Period) => format.length(PERIODS[period].steps, PERIODS[period].granularity);

function useCounts(gallery: string, period: Period) {
  const { client } = useApi();
  // The span is that of the moment of reading, so it is no part of the key.
  return useQuery({
    queryKey: ["get", "/stats", gallery, period],
    refetchInterval: MINUTE,
    queryFn: async ({ signal }) => {
      const { from, to, before } = spanOf(period, Date.now());
      const read = async (first: Date, end: Date) => {
        const granularity = PERIODS[period].granularity;
        const query = { from: first.toISOString(), to: end.toISOString(), granularity };
        const { data } = gallery
          ? await client.GET("/galleries/{gallery_id}/stats", {
              params: { path: { gallery_id: gallery }, query },
              signal,
            })
          : await client.GET("/stats", { params: { query }, signal });
        return data!;
      };
      const [now, earlier] = await Promise.all([read(from, to), read(before, from)]);
      return { from, now, earlier };
    },
  });
}

function Counts({ period, gallery }: { period: Period; gallery: string }) {
  const counts = useCounts(gallery, period);
  const earned = useApi().useQuery("get", "/recommendations/earnings");
  const steps = counts.data ? filled(period, counts.data.from, counts.data.now.items) : [];
  const label = PERIODS[period].granularity === "hour" ? format.hourOfWeek : format.dayOfYear;
  const points = (of: "views" | "clicks") =>
    steps.map((step) => ({ start: step.at, label: label(step.at), value: step[of] }));
  const rate = ({ views, clicks }: { views: number; clicks: number }) => (views ? clicks / views : 0);
  return (
    <>
      <Problem of={counts.error} />
      <Content of={counts}>
        {counts.data && (
          <>
            <dl className="figures" aria-label={t.overview.compared(lengthOf(period))}>
              <Figure name={t.overview.views} now={counts.data.now.views} before={counts.data.earlier.views} />
              <Figure name={t.overview.clicks} now={counts.data.now.clicks} before={counts.data.earlier.clicks} />
              <Figure
                name={t.overview.clickRate}
                now={rate(counts.data.now)}
                before={rate(counts.data.earlier)}
                show={format.rate}
              />
              {earned.data && (
                <>
                  <Figure name={t.overview.orders} now={earned.data.purchases} />
                  <Figure name={t.overview.worth} now={earned.data.value} show={format.decimal} />
                </>
              )}
            </dl>
            <div className="plots">
              <Plot name={t.overview.views} points={points("views")} />
              <Plot name={t.overview.clicks} points={points("clicks")} />
            </div>
          </>
        )}
      </Content>
    </>
  );
}

interface FigureProps {
  name: string;
  now: number;
  before?: number;
  show?: (value: number) => string;
}
function Figure({ name, now, before, show = format.count }: FigureProps) {
  const grown = before === undefined ? null : growth(now, before);
  return (
    <div className="figure">
      <dt>{name}</dt>
      <dd>
        <b>{show(now)}</b>
        {before !== undefined && (
          <small className={grown !== null && grown < 0 ? "fell" : "rose"}>
            {grown === null
              ? t.overview.was(show(before))
              : `${grown < 0 ? "▼" : "▲"} ${format.percent(Math.abs(grown))}`}
          </small>
        )}
      </dd>
    </div>
  );
}

/** The state of everything that runs in the background. */
function State() {
  const api = useApi();
  const often = { refetchInterval: IDLE_MS };
  const imports = api.useQuery("get", "/imports", { params: { query: { limit: 20 } } }, often);
  const jobs = api.useQuery("get", "/jobs", { params: { query: { limit: 20 } } }, often);
  const review = api.useQuery("get", "/review/stats", {}, often);
  const models = api.useQuery("get", "/recommendations/models", {}, often);
  const health = api.useQuery("get", "/health/ready", {}, { refetchInterval: MINUTE });
  const of = <Item extends { status: string }>(items: Item[] | undefined, status: string) =>
    items?.filter((item) => item.status === status).length ?? 0;
  const rejected = imports.data?.items.reduce((sum, item) => sum + item.rows_rejected, 0) ?? 0;
  const down = health.data?.dependencies.filter((dependency) => dependency.status !== "ok") ?? [];
  const { model, run } = models.data ?? {};
  return (
    <section aria-label={t.overview.status}>
      <h2>{t.overview.status}</h2>
      <ul className="states">
        <Line
          name={t.titles.imports}
          to="imports"
          of={imports}
          needsCheck={of(imports.data?.items, "failed") + rejected > 0}
        >
          {t.overview.imports(
            of(imports.data?.items, "running") + of(imports.data?.items, "waiting"),
            of(imports.data?.items, "failed"),
            rejected,
            imports.data?.items.length ?? 0,
          )}
        </Line>
        <Line name={t.titles.jobs} to="jobs" of={jobs} needsCheck={of(jobs.data?.items, "failed") > 0}>
          {t.overview.jobs(
            of(jobs.data?.items, "ongoing"),
            of(jobs.data?.items, "failed"),
            jobs.data?.items.length ?? 0,
          )}
        </Line>
        <Line name={t.titles.review} to="review" of={review} needsCheck={(review.data?.waiting ?? 0) > 0}>
          {t.overview.review(review.data?.waiting ?? 0, review.data?.approved ?? 0, review.data?.disapproved ?? 0)}
        </Line>
        <Line name={t.overview.recommendations} to="recommendations" of={models} needsCheck={!model}>
          {run?.status === "running" && `${t.overview.building} `}
          {model ? t.overview.model(model.published_at, model.interactions, model.products) : t.overview.noModel}
        </Line>
        <Line name={t.overview.dependencies} of={health} needsCheck={down.length > 0}>
          {down.length
            ? t.overview.down(down.map((dependency) => dependency.name).join(", "))
            : t.overview.allUp(health.data?.dependencies.length ?? 0)}
        </Line>
      </ul>
    </section>
  );
}

interface LineProps {
  name: string;
  to?: string;
  of: { isPending: boolean; error: unknown };
  needsCheck: boolean;
  children: ReactNode;
}
function Line({ name, to, of, needsCheck, children }: LineProps) {
  const tone = of.isPending ? "" : of.error || needsCheck ? "ongoing" : "completed";
  return (
    <li>
      <span className={`state ${tone}`}>
        {of.isPending ? "…" : of.error ? t.overview.unknown : needsCheck ? t.overview.check : t.overview.ok}
      </span>
      <b>{to ? <a href={`#/${to}`}>{name}</a> : name}</b>
      <span>{of.isPending ? "" : of.error ? t.overview.unread : children}</span>
    </li>
  );
}

/** The steps for a shop without images. */
function FirstSteps({ session }: Pick<PageProps, "session">) {
  const api = useApi();
  const { data: products } = api.useQuery("get", "/products", { params: { query: { limit: 1 } } });
  const { data: keys } = api.useQuery("get", "/keys", { params: { query: { limit: 100 } } }, { retry: false });
  const script = session.shopUrl
    ? `${session.shopUrl.replace(/[^/]*$/, "")}dist/vitrine.js`
    : "…/storefront/vitrine.js";
  const snippet = `<script type="module" src="${script}"
  data-api="${session.apiUrl}" data-key="pk_…"></script>
<vitrine-gallery gallery="default"></vitrine-gallery>`;
  const hasPublic = keys?.items.some((key) => key.role === "publishable" && !key.revoked_at);
  return (
    <section className="card" aria-label={t.overview.firstSteps}>
      <h2>{t.overview.firstSteps}</h2>
      <ol className="steps">
        <Step done={!!products?.items.length} to="#/imports?kind=products" label={t.overview.importProducts}>
          <Woven text={t.overview.importProductsHow} code={(text) => <code>{text}</code>} />
        </Step>
        <Step done={false} to="#/imports?kind=images" label={t.overview.importImages}>
          <Woven text={t.overview.importImagesHow} code={(text) => <code>{text}</code>} />
        </Step>
        <Step done={!!hasPublic} to="#/keys" label={t.overview.createKey}>
          {t.overview.createKeyHow}
        </Step>
        <li>
          <b>{t.overview.embed}</b>
          <pre>
            <code>{snippet}</code>
          </pre>
          <button type="button" onClick={() => void navigator.clipboard?.writeText(snippet)}>
            {t.overview.copySnippet}
          </button>
        </li>
      </ol>
    </section>
  );
}

function Step({ done, to, label, children }: { done: boolean; to: string; label: string; children: ReactNode }) {
  return (
    <li>
      <b>{label}</b> {done && <span className="state completed">{t.overview.done}</span>}
      <p>{children}</p>
      {!done && (
        <a className="button" href={to}>
          {label}
        </a>
      )}
    </li>
  );
}
