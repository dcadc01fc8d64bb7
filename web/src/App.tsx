import { type ComponentType, lazy, Suspense, useEffect, useRef, useState } from "react";
import { useAddress } from "./address";
import { type Session, saveSession } from "./api";
import { ChangesProvider } from "./changes";
import { Connecting } from "./data";
import { isSecret } from "./parts";

export interface PageProps {
  session: Session;
  change: (session: Session) => void;
}

const page = (read: () => Promise<ComponentType<PageProps>>) =>
  lazy(async () => ({ default: await read() }) as { default: ComponentType<PageProps> });

const Palette = lazy(async () => ({ default: (await import("./Palette")).Palette }));

/** The pages, each of which is loaded when it is opened. */
export const PAGES = {
  overview: { title: "Overview", show: page(async () => (await import("./pages/Overview")).Overview), secret: true },
  review: { title: "Review", show: page(async () => (await import("./review/Review")).Review), secret: true },
  gallery: { title: "Gallery", show: page(async () => (await import("./pages/Gallery")).Gallery), secret: false },
  search: { title: "Search", show: page(async () => (await import("./pages/Search")).Search), secret: false },
  recommendations: {
    title: "For you",
    show: page(async () => (await import("./pages/Recommendations")).Recommendations),
    secret: false,
  },
  products: { title: "Products", show: page(async () => (await import("./pages/Products")).Products), secret: true },
  imports: { title: "Imports", show: page(async () => (await import("./pages/Imports")).Imports), secret: true },
  jobs: { title: "Store visits", show: page(async () => (await import("./pages/Jobs")).Jobs), secret: true },
  logs: { title: "Logs", show: page(async () => (await import("./pages/Logs")).Logs), secret: true },
} as const;
const KEYS = { title: "Keys", show: page(async () => (await import("./pages/Keys")).Keys), secret: false };

export function App({ loaded }: { loaded: Session }) {
  const [session, setSession] = useState(loaded);
  const [isOpen, setIsOpen] = useState(false);
  const [isChoosing, setIsChoosing] = useState(false);
  const { route } = useAddress();
  const main = useRef<HTMLElement>(null);
  const change = (changed: Session) => {
    saveSession(changed);
    setSession(changed);
  };
  const known = !!session.key && !!session.apiUrl;
  const secret = isSecret(session.key);
  const asksForKey = !known || route === "keys";
  const shown = asksForKey ? KEYS : (PAGES[route as keyof typeof PAGES] ?? (secret ? PAGES.overview : PAGES.gallery));
  const links = Object.entries(PAGES).filter((entry) => secret || !entry[1].secret);

  const before = useRef(shown);
  useEffect(() => {
    document.title = `${shown.title} · Vitrine`;
    if (before.current === shown) return;
    before.current = shown;
    setIsOpen(false);
    // A page that has a place to type takes the focus from here.
    main.current?.focus();
    scrollTo(0, 0);
  }, [shown]);

  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "k") return;
      event.preventDefault();
      setIsChoosing((was) => !was);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);

  return (
    <Connecting session={session}>
      <ChangesProvider>
        {/* biome-ignore lint/a11y/useValidAnchor: the address after # is the page's, so the link moves the focus itself */}
        <a
          className="skip"
          href="#main"
          onClick={(event) => {
            event.preventDefault();
            main.current?.focus();
          }}
        >
          Skip to the content
        </a>
        <header>
          <a className="brand" href="#/">
            <img src="./icon.svg" alt="" width="26" height="26" /> Vitrine
          </a>
          <button type="button" className="menu" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
            Menu
          </button>
          <nav aria-label="Pages" className={isOpen ? "open" : ""}>
            {links.map(([name, { title }]) => (
              <a key={name} href={`#/${name}`} aria-current={shown.title === title ? "page" : undefined}>
                {title}
              </a>
            ))}
          </nav>
          <a className="who" href="#/keys" aria-current={asksForKey ? "page" : undefined}>
            {known ? session.reviewer || "Key" : "Enter a key"}
          </a>
        </header>
        <main id="main" ref={main} tabIndex={-1}>
          {shown.secret && !secret ? (
            <p className="empty">
              {shown.title} needs a secret key. <a href="#/keys">Enter one</a>
            </p>
          ) : (
            <Suspense fallback={<p className="lead">Loading…</p>}>
              <shown.show session={session} change={change} />
            </Suspense>
          )}
        </main>
        {isChoosing && (
          <Suspense>
            <Palette
              places={links.map(([name, { title }]) => ({ title, address: `#/${name}` }))}
              close={() => setIsChoosing(false)}
            />
          </Suspense>
        )}
      </ChangesProvider>
    </Connecting>
  );
}
