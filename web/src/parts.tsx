import type { ReactNode } from "react";

/** What went wrong, said to those who see and those who listen. */
export function Problem({ text, children }: { text: string | null; children?: ReactNode }) {
  return text ? (
    <p className="problem" role="alert">
      {text} {children}
    </p>
  ) : null;
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="empty">{children}</p>;
}

export function Bar({ done, failed = 0, of, label }: { done: number; failed?: number; of: number; label: string }) {
  const share = (part: number) => `${of ? (100 * part) / of : 0}%`;
  return (
    <div className="bar" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={of} aria-valuenow={done + failed}>
      <span className="good" style={{ width: share(done) }} />
      <span className="bad" style={{ width: share(failed) }} />
    </div>
  );
}
