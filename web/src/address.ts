import { useCallback, useMemo, useSyncExternalStore } from "react";

const MOVED = "vitrine:moved";

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  addEventListener(MOVED, listener);
  return () => {
    removeEventListener("hashchange", listener);
    removeEventListener(MOVED, listener);
  };
}

/** The address after `#/`: the page shown, and what it was asked for. */
export function useAddress() {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  const [route = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const asked = useMemo(() => new URLSearchParams(query), [query]);
  /** Change what the page is asked for; an empty value takes a name away. A new entry in the history, unless `typing`. */
  const ask = useCallback((changes: Record<string, string | null>, { typing = false } = {}) => {
    const [page = "#/", before = ""] = location.hash.split("?");
    const wanted = new URLSearchParams(before);
    for (const [name, value] of Object.entries(changes)) {
      if (value) wanted.set(name, value);
      else wanted.delete(name);
    }
    const text = wanted.toString();
    const address = text ? `${page || "#/"}?${text}` : page || "#/";
    if (address === location.hash) return;
    if (typing) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    dispatchEvent(new Event(MOVED));
  }, []);
  return { route, asked, ask };
}
