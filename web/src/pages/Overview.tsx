import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { PageProps } from "../App";
import { useAddress } from "../address";
import { ApiError } from "../api";
import { IDLE_MS, useApi } from "../data";
import { Content, count, Empty, moment, Problem } from "../parts";
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
        <h1>Overview</h1>
        <Empty>
          This key is for reviewing. <a href="#/review">Start reviewing</a>
        </Empty>
      </section>
    );
  }
  return (
    <section>
      <div className="heading">
        <h1>Overview</h1>
        <div className="toolbar aside">
          <label className="inline">
            Gallery
            <select value={gallery} onChange={(event) => ask({ gallery: event.target.value })}>
              <option value="">all</option>
              {galleries.data?.items.map((item) => (
                <option key={item.id} value={item.id}>
                  {item.title ?? item.id}
                </option>
              ))}
            </select>
          </label>
          <label className="inline">
            Period
            <select value={period} onChange={(event) => ask({ period: event.target.value })}>
              {Object.entries(PERIODS).map(([key, { name }]) => (
                <option key={key} value={key}>
                  {name}
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
  const { name, granularity } = PERIODS[period];
  const label = (at: Date) =>
    granularity === "hour"
      ? at.toLocaleString(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit" })
      : at.toLocaleDateString(undefined, { month: "short", day: "numeric", timeZone: "UTC" });
  const points = (of: "views" | "clicks") =>
    steps.map((step) => ({ start: step.at, label: label(step.at), value: step[of] }));
  const rate = ({ views, clicks }: { views: number; clicks: number }) => (views ? clicks / views : 0);
  return (
    <>
      <Problem of={counts.error} />
      <Content of={counts}>
        {counts.data && (
          <>
            <dl className="figures" aria-label={`The last ${name} against the ${name} before`}>
              <Figure name="Views" now={counts.data.now.views} before={counts.data.earlier.views} />
              <Figure name="Clicks" now={counts.data.now.clicks} before={counts.data.earlier.clicks} />
              <Figure
                name="Click rate"
                now={rate(counts.data.now)}
                before={rate(counts.data.earlier)}
                show={(share) => `${(100 * share).toFixed(1)} %`}
              />
              {earned.data && (
                <>
                  <Figure name="Orders from recommendations, 30 days" now={earned.data.purchases} />
                  <Figure name="Worth" now={earned.data.value} show={(value) => value.toFixed(2)} />
                </>
              )}
            </dl>
            <div className="plots">
              <Plot name="Views" points={points("views")} />
              <Plot name="Clicks" points={points("clicks")} />
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
function Figure({ name, now, before, show = count }: FigureProps) {
  const grown = before === undefined ? null : growth(now, before);
  return (
    <div className="figure">
      <dt>{name}</dt>
      <dd>
        <b>{show(now)}</b>
        {before !== undefined && (
          <small className={grown !== null && grown < 0 ? "fell" : "rose"}>
            {grown === null ? `was ${show(before)}` : `${grown < 0 ? "▼" : "▲"} ${Math.abs(100 * grown).toFixed(0)} %`}
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
    <section aria-label="Status">
      <h2>Status</h2>
      <ul className="states">
        <Line name="Imports" to="imports" of={imports} needsCheck={of(imports.data?.items, "failed") + rejected > 0}>
          {of(imports.data?.items, "running") + of(imports.data?.items, "waiting")} under way,{" "}
          {of(imports.data?.items, "failed")} failed, {count(rejected)} rows rejected, of the latest{" "}
          {imports.data?.items.length}
        </Line>
        <Line name="Store visits" to="jobs" of={jobs} needsCheck={of(jobs.data?.items, "failed") > 0}>
          {of(jobs.data?.items, "ongoing")} jobs ongoing, {of(jobs.data?.items, "failed")} failed, of the latest{" "}
          {jobs.data?.items.length}
        </Line>
        <Line name="Review" to="review" of={review} needsCheck={(review.data?.waiting ?? 0) > 0}>
          {count(review.data?.waiting ?? 0)} snapshots wait, {count(review.data?.approved ?? 0)} are approved,{" "}
          {count(review.data?.disapproved ?? 0)} disapproved
        </Line>
        <Line name="Recommendations" to="recommendations" of={models} needsCheck={!model}>
          {run?.status === "running" ? "A model is being built. " : ""}
          {model
            ? `The model of ${moment(model.published_at)} knows ${count(model.interactions)} interactions with ${count(model.products)} products`
            : "There is no model yet"}
        </Line>
        <Line name="Dependencies" of={health} needsCheck={down.length > 0}>
          {down.length
            ? `${down.map((dependency) => dependency.name).join(", ")} failed`
            : `all ${health.data?.dependencies.length} answer`}
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
      <span className={`state ${tone}`}>{of.isPending ? "…" : of.error ? "unknown" : needsCheck ? "check" : "ok"}</span>
      <b>{to ? <a href={`#/${to}`}>{name}</a> : name}</b>
      <span>{of.isPending ? "" : of.error ? "could not be read" : children}</span>
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
    <section className="card" aria-label="First steps">
      <h2>First steps</h2>
      <ol className="steps">
        <Step done={!!products?.items.length} to="#/imports?kind=products" label="Import products">
          A CSV with <code>product_id</code> and <code>name</code> is enough.
        </Step>
        <Step done={false} to="#/imports?kind=images" label="Import images">
          A CSV with <code>name</code> and <code>url</code>; they fill the gallery <code>default</code>.
        </Step>
        <Step done={!!hasPublic} to="#/keys" label="Create a publishable key">
          For your shop’s pages. It reads galleries and counts what shoppers do.
        </Step>
        <li>
          <b>Put the gallery into a page</b>
          <pre>
            <code>{snippet}</code>
          </pre>
          <button type="button" onClick={() => void navigator.clipboard?.writeText(snippet)}>
            Copy the snippet
          </button>
        </li>
      </ol>
    </section>
  );
}

function Step({ done, to, label, children }: { done: boolean; to: string; label: string; children: ReactNode }) {
  return (
    <li>
      <b>{label}</b> {done && <span className="state completed">done</span>}
      <p>{children}</p>
      {!done && (
        <a className="button" href={to}>
          {label}
        </a>
      )}
    </li>
  );
}
