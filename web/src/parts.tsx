import { type ComponentProps, type ReactNode, useEffect, useRef } from "react";
import { said } from "./api";
import { useConnection } from "./data";
import { type Renditions, srcSet } from "./renditions";

/** What went wrong, said to those who see and those who listen. */
export function Problem({ of, children }: { of: unknown; children?: ReactNode }) {
  return of ? (
    <p className="problem" role="alert">
      {said(of)} {children}
    </p>
  ) : null;
}

export function Empty({ children }: { children: ReactNode }) {
  return <div className="empty">{children}</div>;
}

/** Content that stays, dimmed, while newer content is on its way; before the first, grey lines. */
export function Content({
  of,
  children,
}: {
  of: { isPlaceholderData: boolean; isPending: boolean };
  children: ReactNode;
}) {
  return (
    <div className="content" aria-busy={of.isPlaceholderData || of.isPending}>
      {of.isPending ? <Skeleton /> : children}
    </div>
  );
}

function Skeleton() {
  return (
    <div className="skeleton" aria-hidden="true">
      <span />
      <span />
      <span />
    </div>
  );
}

export function Bar({ done, failed = 0, of, label }: { done: number; failed?: number; of: number; label: string }) {
  const share = (part: number) => `${of ? (100 * part) / of : 0}%`;
  return (
    <div
      className="bar"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={of}
      aria-valuenow={done + failed}
    >
      <span className="good" style={{ width: share(done) }} />
      <span className="bad" style={{ width: share(failed) }} />
    </div>
  );
}

/**
 * A picture in the size that fits. Without renditions, or where they cannot be had, it is the picture at its own
 * address.
 */
export function Picture({
  url,
  renditions,
  alt,
  ...image
}: { url: string; renditions: Renditions; sizes: string; alt: string } & ComponentProps<"img">) {
  const { apiUrl } = useConnection().session;
  return (
    <img
      {...image}
      alt={alt}
      srcSet={srcSet(renditions, apiUrl)}
      src={url}
      onError={({ currentTarget }) => currentTarget.removeAttribute("srcset")}
    />
  );
}

/** A column's heading; numbers are at the right. */
type Column = string | { number: string };

/** A table that scrolls sideways where it is too wide, by keyboard as well. */
export function Table({ label, columns, children }: { label: string; columns?: Column[]; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="scroll" aria-label={label} tabIndex={0}>
      <table aria-label={label}>
        {columns && (
          <thead>
            <tr>
              {columns.map((column) =>
                typeof column === "string" ? (
                  <th key={column} scope="col">
                    {column}
                  </th>
                ) : (
                  <th key={column.number} scope="col" className="number">
                    {column.number}
                  </th>
                ),
              )}
            </tr>
          </thead>
        )}
        {children}
      </table>
    </section>
  );
}

/** The next page of a list, where there is one. */
export function More({
  of,
}: {
  of: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}) {
  return of.hasNextPage ? (
    <button type="button" className="more" disabled={of.isFetchingNextPage} onClick={() => void of.fetchNextPage()}>
      {of.isFetchingNextPage ? "Reading…" : "Show more"}
    </button>
  ) : null;
}

/** A modal dialog; `close` is called however it is closed. */
export function Dialog({ label, close, children }: { label: string; close: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog ref={dialog} onCancel={close} aria-label={label}>
      {children}
    </dialog>
  );
}

/** Which role a key has is known to the API; its first letters tell whether it may be published. */
export const isSecret = (key: string) => key.startsWith("sk_");

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
export const moment = (text: string) => DAY.format(new Date(text));
export const count = (number: number) => number.toLocaleString();
