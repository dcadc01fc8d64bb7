import { useState } from "react";
import type { Page, Session } from "../api";
import { useAnswer } from "../hooks";
import { Bar, Empty, Problem } from "../parts";

interface Job {
  job_id: string;
  status: string;
  created_at: string;
  done: number;
  failed: number;
  left: number;
}
interface JobImage {
  position: number;
  store_id: string;
  url: string;
  width: number | null;
  height: number | null;
  perimeter: number | null;
  error: { code: string; detail: string } | null;
}

export function Jobs({ session }: { session: Session }) {
  const { answer, problem } = useAnswer<Page<Job>>(session, "/jobs?limit=20", 2000);
  const [opened, setOpened] = useState<string | null>(null);
  return (
    <section>
      <h1>Store visits</h1>
      <p className="lead">Each job fetches the photos of store visits and measures them.</p>
      <Problem text={problem} />
      {answer?.items.length === 0 && <Empty>No jobs yet. Submit visits by the API.</Empty>}
      <ol className="rows">
        {answer?.items.map((job) => (
          <JobRow key={job.job_id} session={session} job={job} opened={opened === job.job_id} open={() => setOpened(opened === job.job_id ? null : job.job_id)} />
        ))}
      </ol>
    </section>
  );
}

function JobRow({ session, job, opened, open }: { session: Session; job: Job; opened: boolean; open: () => void }) {
  const { done, failed, left } = job;
  const images = useAnswer<Page<JobImage>>(session, opened ? `/jobs/${job.job_id}/images?limit=100` : null, 2000);
  return (
    <li className="card job">
      <button className="link" aria-expanded={opened} onClick={open}>
        Job {job.job_id}
      </button>
      <span className={`state ${job.status}`}>{job.status}</span>
      <span className="aside">
        {new Date(job.created_at).toLocaleString()}: {done} done, {failed} failed, {left} left
      </span>
      <Bar done={done} failed={failed} of={done + failed + left} label={`Photos of job ${job.job_id}`} />
      <Problem text={images.problem} />
      {opened && images.answer && (
        <div className="scroll">
        <table>
          <thead>
            <tr>
              <th>Store</th>
              <th>Photo</th>
              <th className="number">Size</th>
              <th className="number">Perimeter</th>
            </tr>
          </thead>
          <tbody>
            {images.answer.items.map((image) => (
              <tr key={image.position}>
                <td>{image.store_id}</td>
                <td className="url">{image.url}</td>
                {image.error ? (
                  <td colSpan={2} className="wrong">
                    {image.error.detail}
                  </td>
                ) : (
                  <>
                    <td className="number">{image.width && `${image.width} × ${image.height}`}</td>
                    <td className="number">{image.perimeter}</td>
                  </>
                )}
              </tr>
            ))}
          </tbody>
        </table>
        </div>
      )}
    </li>
  );
}
