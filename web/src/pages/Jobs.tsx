import { type FormEvent, useState } from "react";
import { useAddress } from "../address";
import { type Schema, untilTaken } from "../api";
import { useChanges } from "../changes";
import { BUSY_MS, IDLE_MS, itemsOf, PAGES, useApi } from "../data";
import { called, format, t } from "../language";
import { API_LANGUAGE, Bar, Content, Empty, List, More, Problem } from "../parts";
import { save, spreadsheet } from "./table_file";

type Job = Schema<"JobResponse">;
const STATUSES = ["ongoing", "completed", "failed"] as const;

export function Jobs() {
  const { asked, ask } = useAddress();
  const status = STATUSES.find((name) => name === asked.get("status"));
  const store_id = asked.get("store") || undefined;
  const jobs = useApi().useInfiniteQuery(
    "get",
    "/jobs",
    { params: { query: { limit: 20, ...(status && { status }), ...(store_id && { store_id }) } } },
    {
      ...PAGES,
      refetchInterval: (query) =>
        query.state.data?.pages.some((page) => page.items.some((job) => job.status === "ongoing")) ? BUSY_MS : IDLE_MS,
    },
  );
  const items = itemsOf(jobs);
  const opened = asked.get("job");
  return (
    <section>
      <h1>{t.jobs.title}</h1>
      <p className="lead">{t.jobs.lead}</p>
      <div className="toolbar">
        <label className="inline">
          {t.jobs.jobs}
          <select value={status ?? ""} onChange={(event) => ask({ status: event.target.value })}>
            <option value="">{t.parts.all}</option>
            {STATUSES.map((name) => (
              <option key={name} value={name}>
                {t.states[name]}
              </option>
            ))}
          </select>
        </label>
        <label className="inline">
          {t.jobs.ofStore}
          <input
            value={store_id ?? ""}
            onChange={(event) => ask({ store: event.target.value.trim() }, { typing: true })}
          />
        </label>
      </div>
      <Submit read={() => jobs.refetch()} />
      <Problem of={jobs.error} />
      <Content of={jobs}>
        {items.length === 0 && <Empty>{status || store_id ? t.jobs.noSuch : t.jobs.none}</Empty>}
        <ol className="rows">
          {items.map((job) => (
            <JobRow
              key={job.job_id}
              job={job}
              opened={opened === job.job_id}
              open={() => ask({ job: opened === job.job_id ? null : job.job_id })}
            />
          ))}
        </ol>
        <More of={jobs} />
      </Content>
      <Measured />
    </section>
  );
}

/** Submits one visit. */
function Submit({ read }: { read: () => unknown }) {
  const { client } = useApi();
  const { tell } = useChanges();
  const [problem, setProblem] = useState<unknown>(null);
  const [isBusy, setIsBusy] = useState(false);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const text = (name: string) => String(new FormData(form).get(name) ?? "").trim();
    const visit = { store_id: text("store_id"), image_url: text("urls").split(/\s+/), visit_time: text("time") };
    const header = { "Idempotency-Key": crypto.randomUUID() };
    setIsBusy(true);
    try {
      const { data } = await untilTaken(() =>
        client.POST("/api/submit", { params: { header }, body: { count: 1, visits: [visit] } }),
      );
      tell({ text: t.jobs.submitted(data!.job_id) });
      setProblem(null);
      form.reset();
      read();
    } catch (error) {
      setProblem(error);
    }
    setIsBusy(false);
  }
  return (
    <details className="card">
      <summary>{t.jobs.submitVisit}</summary>
      <form className="fields" aria-label={t.jobs.newVisit} onSubmit={(event) => void submit(event)}>
        <label>
          {t.jobs.store}
          <input name="store_id" required maxLength={128} />
        </label>
        <label>
          {t.jobs.when}
          <input name="time" type="datetime-local" step={1} required />
        </label>
        <label>
          {t.jobs.urls}
          <textarea name="urls" required rows={3} placeholder={t.jobs.urlExample} />
        </label>
        <Problem of={problem} />
        <button type="submit" className="primary" disabled={isBusy}>
          {t.jobs.submit}
        </button>
      </form>
    </details>
  );
}

function JobRow({ job, opened, open }: { job: Job; opened: boolean; open: () => void }) {
  const { client } = useApi();
  const { change } = useChanges();
  const { done, failed, left, job_id } = job;
  const isPartly = job.status === "failed" && done > 0;
  const retry = () =>
    change({
      said: t.jobs.retried(job_id),
      send: () => client.POST("/jobs/{job_id}/retry", { params: { path: { job_id } } }),
      about: ["/jobs", "/jobs/{job_id}/images"],
    });
  return (
    <li className="card job">
      <button type="button" className="link" aria-expanded={opened} onClick={open}>
        {t.jobs.job(job_id)}
      </button>
      <span className={`state ${isPartly ? "partly" : job.status}`}>
        {isPartly ? t.states.partly : called(t.states, job.status)}
      </span>
      <span className="aside">{t.jobs.progress(job.created_at, done, failed, left)}</span>
      <Bar done={done} failed={failed} of={done + failed + left} label={t.jobs.photosOf(job_id)} />
      {job.status === "failed" && (
        <button type="button" onClick={retry} aria-label={t.jobs.retryOf(job_id)}>
          {t.jobs.retry}
        </button>
      )}
      {opened && <Photos job={job} />}
    </li>
  );
}

function Photos({ job: { job_id, status } }: { job: Job }) {
  const photos = useApi().useInfiniteQuery(
    "get",
    "/jobs/{job_id}/images",
    { params: { path: { job_id }, query: { limit: 100 } } },
    {
      ...PAGES,
      refetchInterval: status === "ongoing" && BUSY_MS,
    },
  );
  return (
    <div className="photos">
      <List
        of={photos}
        items={itemsOf(photos)}
        label={t.jobs.sizesOf(job_id)}
        columns={[t.jobs.store, t.jobs.photo, { number: t.jobs.size }, { number: t.jobs.perimeter }]}
      >
        {(image) => (
          <tr key={image.position}>
            <td>{image.store_id}</td>
            <td className="url">
              <a href={image.url}>{image.url}</a>
            </td>
            {image.error ? (
              <td colSpan={2} className="wrong" lang={API_LANGUAGE}>
                {image.error.detail}
              </td>
            ) : (
              <>
                <td className="number">{image.width && `${image.width} × ${image.height}`}</td>
                <td className="number">{image.perimeter}</td>
              </>
            )}
          </tr>
        )}
      </List>
    </div>
  );
}

/** Perimeters by store and day. */
function Measured() {
  const { asked, ask } = useAddress();
  const given = {
    area: asked.get("area") ?? undefined,
    storeid: asked.get("measured") ?? undefined,
    startdate: asked.get("from") ?? undefined,
    enddate: asked.get("to") ?? undefined,
  };
  const isAsked = !!(given.area || given.storeid);
  const visits = useApi().useQuery(
    "get",
    "/api/visits",
    { params: { query: given } },
    { enabled: isAsked, retry: false },
  );
  const rows = (visits.data?.results ?? []).flatMap(({ store_id, store_name, area, data }) =>
    data.map(({ date, perimeter }) => ({ store_id, store_name, area, date, perimeter })),
  );
  function show(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    ask({ area: text("area"), measured: text("store"), from: text("from"), to: text("to") });
  }
  return (
    <section aria-label={t.jobs.measurements}>
      <h2>{t.jobs.measurements}</h2>
      <form className="toolbar" onSubmit={show} aria-label={t.jobs.measuredVisits}>
        <label className="inline">
          {t.jobs.area}
          <input name="area" defaultValue={given.area} />
        </label>
        <label className="inline">
          {t.jobs.store}
          <input name="store" defaultValue={given.storeid} />
        </label>
        <label className="inline">
          {t.jobs.from}
          <input name="from" type="date" defaultValue={given.startdate} />
        </label>
        <label className="inline">
          {t.jobs.to}
          <input name="to" type="date" defaultValue={given.enddate} />
        </label>
        <button type="submit">{t.jobs.show}</button>
        {rows.length > 0 && (
          <button type="button" onClick={() => save(spreadsheet(rows), t.jobs.downloaded)}>
            {t.jobs.download}
          </button>
        )}
      </form>
      {!isAsked && <p className="lead">{t.jobs.enter}</p>}
      {isAsked && (
        <List
          of={visits}
          items={rows}
          none={t.jobs.noMeasurements}
          label={t.jobs.perimeters}
          columns={[t.jobs.store, t.jobs.area, t.jobs.day, { number: t.jobs.perimeter }]}
        >
          {(row) => (
            <tr key={`${row.store_id} ${row.date}`}>
              <td>
                {row.store_name} <small>{row.store_id}</small>
              </td>
              <td>{row.area}</td>
              <td>{format.day(row.date)}</td>
              <td className="number">{format.count(row.perimeter)}</td>
            </tr>
          )}
        </List>
      )}
    </section>
  );
}
