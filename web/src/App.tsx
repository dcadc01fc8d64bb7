import { useState } from "react";
import { saveSession, type Session } from "./api";
import { useRoute } from "./hooks";
import { Gallery } from "./pages/Gallery";
import { Imports } from "./pages/Imports";
import { Jobs } from "./pages/Jobs";
import { Keys } from "./pages/Keys";
import { Recommendations } from "./pages/Recommendations";
import { Search } from "./pages/Search";
import { Review } from "./review/Review";

const PAGES = {
  review: { title: "Review", show: Review, secret: true },
  gallery: { title: "Gallery", show: Gallery, secret: false },
  search: { title: "Search", show: Search, secret: false },
  recommendations: { title: "For you", show: Recommendations, secret: false },
  imports: { title: "Imports", show: Imports, secret: true },
  jobs: { title: "Store visits", show: Jobs, secret: true },
} as const;

export function App({ loaded }: { loaded: Session }) {
  const [session, setSession] = useState(loaded);
  const route = useRoute();
  const change = (changed: Session) => {
    saveSession(changed);
    setSession(changed);
  };
  const known = session.key && session.apiUrl;
  const isSecret = session.key.startsWith("sk_");
  const page = PAGES[route as keyof typeof PAGES] ?? (isSecret ? PAGES.review : PAGES.gallery);
  const asksForKey = !known || route === "keys";
  return (
    <>
      <a className="skip" href="#main" onClick={(event) => (event.preventDefault(), document.getElementById("main")?.focus())}>
        Skip to the content
      </a>
      <header>
        <a className="brand" href="#/">
          <img src="./icon.svg" alt="" width="26" height="26" /> Vitrine
        </a>
        <nav aria-label="Pages">
          {Object.entries(PAGES)
            .filter(([, { secret }]) => isSecret || !secret)
            .map(([name, { title }]) => (
              <a key={name} href={`#/${name}`} aria-current={!asksForKey && page.title === title ? "page" : undefined}>
                {title}
              </a>
            ))}
        </nav>
        <a className="who" href="#/keys" aria-current={asksForKey ? "page" : undefined}>
          {known ? session.reviewer || "Key" : "Enter a key"}
        </a>
      </header>
      <main id="main" tabIndex={-1}>
        {asksForKey ? (
          <Keys session={session} change={change} />
        ) : page.secret && !isSecret ? (
          <p className="empty">
            {page.title} needs a secret key. <a href="#/keys">Enter one</a>
          </p>
        ) : (
          <page.show session={session} change={change} />
        )}
      </main>
    </>
  );
}
