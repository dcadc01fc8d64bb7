import { type ComponentProps, Fragment, type ReactNode, useEffect, useRef } from "react";
import { ApiError, said } from "./api";
import { useConnection } from "./data";
import { t } from "./language";
import { type Renditions, srcSet } from "./renditions";

/** What went wrong, said to those who see and those who listen. */
export function Problem({ of, children }: { of: unknown; children?: ReactNode }) {
  return of ? (
    <p className="problem" role="alert">
      <span lang={languageOf(of)}>{said(of)}</span> {children}
    </p>
  ) : null;
}

/** The API words its errors in English, whatever the console speaks. */
export const API_LANGUAGE = "en";
const languageOf = (error: unknown) => (error instanceof ApiError && error.isOfApi ? API_LANGUAGE : undefined);

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

/** The first cell of a row about something that has a picture. */
export function PictureCell({ url, renditions, name }: { url: string | null; renditions: Renditions; name: string }) {
  return (
    <th scope="row" className="with-picture">
      {url && <Picture url={url} renditions={renditions} sizes="2.2rem" alt="" loading="lazy" />}
      {name}
    </th>
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
      {of.isFetchingNextPage ? t.parts.reading : t.parts.more}
    </button>
  ) : null;
}

interface ListProps<Item> {
  of: Parameters<typeof Content>[0]["of"] & { error: unknown } & Partial<Parameters<typeof More>[0]["of"]>;
  items: Item[];
  /** What is said where there are no items; without it, the table is shown empty. */
  none?: ReactNode;
  label: string;
  columns: Column[];
  /** An item's row. */
  children: (item: Item) => ReactNode;
}
/** A table of what was read, with the next page of it; or that there is nothing, or what went wrong. */
export function List<Item>({ of, items, none, label, columns, children }: ListProps<Item>) {
  const { hasNextPage = false, isFetchingNextPage = false, fetchNextPage = () => {} } = of;
  return (
    <>
      <Problem of={of.error} />
      <Content of={of}>
        {items.length > 0 || !none ? (
          <Table label={label} columns={columns}>
            <tbody>{items.map((item) => children(item))}</tbody>
          </Table>
        ) : (
          !of.error && <Empty>{none}</Empty>
        )}
        <More of={{ hasNextPage, isFetchingNextPage, fetchNextPage }} />
      </Content>
    </>
  );
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

type Weave = (inner: string) => ReactNode;

/** A text of the catalogue in which `<a>` and the like stand around parts, each of which is drawn as given. */
export function Woven({ text, ...weave }: { text: string } & Partial<Record<"a" | "b" | "code" | "kbd", Weave>>) {
  return text.split(/(<\w+>.*?<\/\w+>)/).map((part, at) => {
    const [, name, inner] = /^<(\w+)>(.*)<\/\w+>$/.exec(part) ?? [];
    // biome-ignore lint/suspicious/noArrayIndexKey: a part is its place in the text
    return <Fragment key={at}>{inner === undefined ? part : weave[name as keyof typeof weave]?.(inner)}</Fragment>;
  });
}
