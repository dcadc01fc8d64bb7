import { useState } from "react";
import type { Page, Session } from "../api";
import { useAnswer } from "../hooks";
import { Bar, Empty, Problem } from "../parts";

interface Job {
  job_id: string;
  status: string;
  created_at?: string;
  submitted_at?: string;
  done?: number;
  failed?: number;
  left?: number;
  images?: { done: number; failed: number; left: number };
}
interface JobImage {
  store_id: string;
  image_url: string;
  width?: number | null;
  height?: number | null;
  perimeter?: number | null;
  error?: string | null;
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
  const { done = 0, failed = 0, left = 0 } = job.images ?? job;
  const images = useAnswer<Page<JobImage>>(session, opened ? `/jobs/${job.job_id}/images?limit=100` : null, 2000);
  return (
    <li className="card job">
      <button className="link" aria-expanded={opened} onClick={open}>
        {job.job_id}
      </button>
      <span className={`state ${job.status}`}>{job.status}</span>
      <span className="aside">
        {done} done, {failed} failed, {left} left
      </span>
      <Bar done={done} failed={failed} of={done + failed + left} label={`Photos of job ${job.job_id}`} />
      <Problem text={images.problem} />
      {opened && images.answer && (
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
            {images.answer.items.map((image, at) => (
              <tr key={at}>
                <td>{image.store_id}</td>
                <td className="url">{image.image_url}</td>
                {image.error ? (
                  <td colSpan={2} className="wrong">
                    {image.error}
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
      )}
    </li>
  );
}
