import { type ComponentType, lazy, Suspense, useEffect, useRef, useState } from "react";
import { useAddress } from "./address";
import { type Session, saveSession } from "./api";
import { ChangesProvider } from "./changes";
import { Connecting } from "./data";
import { pagesRead, t, useLanguage } from "./language";
import { isSecret, Woven } from "./parts";

export interface PageProps {
  session: Session;
  change: (session: Session) => void;
}

const page = (read: () => Promise<ComponentType<PageProps>>) =>
  lazy(async () => {
    const [shown] = await Promise.all([read(), pagesRead]);
    return { default: shown };
  });

const Palette = lazy(async () => {
  const [{ Palette: palette }] = await Promise.all([import("./Palette"), pagesRead]);
  return { default: palette };
});

/** The pages, each of which is loaded when it is opened. */
export const PAGES = {
  overview: { show: page(async () => (await import("./pages/Overview")).Overview), secret: true },
  review: { show: page(async () => (await import("./review/Review")).Review), secret: true },
  team: { show: page(async () => (await import("./review/Team")).Team), secret: true },
  gallery: { show: page(async () => (await import("./pages/Gallery")).Gallery), secret: false },
  search: { show: page(async () => (await import("./pages/Search")).Search), secret: false },
  recommendations: {
    show: page(async () => (await import("./pages/Recommendations")).Recommendations),
    secret: false,
  },
  products: { show: page(async () => (await import("./pages/Products")).Products), secret: true },
  imports: { show: page(async () => (await import("./pages/Imports")).Imports), secret: true },
  jobs: { show: page(async () => (await import("./pages/Jobs")).Jobs), secret: true },
  logs: { show: page(async () => (await import("./pages/Logs")).Logs), secret: true },
} as const;
const KEYS = { show: page(async () => (await import("./pages/Keys")).Keys), secret: false };
type PageName = keyof typeof PAGES;

export function App({ loaded }: { loaded: Session }) {
  const [session, setSession] = useState(loaded);
  const [isOpen, setIsOpen] = useState(false);
  const [isChoosing, setIsChoosing] = useState(false);
  const { route } = useAddress();
  useLanguage();
  const main = useRef<HTMLElement>(null);
  const change = (changed: Session) => {
    saveSession(changed);
    setSession(changed);
  };
  const known = !!session.key && !!session.apiUrl;
  const secret = isSecret(session.key);
  const asksForKey = !known || route === "keys";
  const name: PageName = Object.hasOwn(PAGES, route) ? (route as PageName) : secret ? "overview" : "gallery";
  const shown = asksForKey ? KEYS : PAGES[name];
  const title = t.titles[asksForKey ? "keys" : name];
  const links = (Object.keys(PAGES) as PageName[]).filter((each) => secret || !PAGES[each].secret);

  const before = useRef(shown);
  useEffect(() => {
    document.title = `${title} · Vitrine`;
  }, [title]);

  useEffect(() => {
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
          {t.app.skip}
        </a>
        <header>
          <a className="brand" href="#/">
            <img src="./icon.svg" alt="" width="26" height="26" /> Vitrine
          </a>
          <button type="button" className="menu" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
            {t.app.menu}
          </button>
          <nav aria-label={t.app.pages} className={isOpen ? "open" : ""}>
            {links.map((each) => (
              <a key={each} href={`#/${each}`} aria-current={shown === PAGES[each] ? "page" : undefined}>
                {t.titles[each]}
              </a>
            ))}
          </nav>
          <a className="who" href="#/keys" aria-current={asksForKey ? "page" : undefined}>
            {known ? session.reviewer || t.app.key : t.app.enterKey}
          </a>
        </header>
        <main id="main" ref={main} tabIndex={-1}>
          {shown.secret && !secret ? (
            <p className="empty">
              <Woven text={t.app.needsSecretKey(title)} a={(text) => <a href="#/keys">{text}</a>} />
            </p>
          ) : (
            <Suspense fallback={<p className="lead">{t.app.loading}</p>}>
              <shown.show session={session} change={change} />
            </Suspense>
          )}
        </main>
        {isChoosing && (
          <Suspense>
            <Palette
              places={links.map((each) => ({ title: t.titles[each], address: `#/${each}` }))}
              close={() => setIsChoosing(false)}
            />
          </Suspense>
        )}
      </ChangesProvider>
    </Connecting>
  );
}
