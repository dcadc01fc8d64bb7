import { useCallback, useEffect, useRef, useState } from "react";
import { call, said, type Session } from "./api";

/**
 * What a GET answers, read again every `everyMs` (0: once) and whenever the path changes. A null path reads nothing.
 * An answer that comes late is shown only if it belongs to the present path and no later one of it was shown.
 */
export function useAnswer<Result>(session: Session, path: string | null, everyMs = 0) {
  const [answer, setAnswer] = useState<Result | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const asked = useRef(0);
  const shown = useRef(0);
  const read = useCallback(async () => {
    if (path === null) return;
    const number = ++asked.current;
    const isLate = () => number <= shown.current;
    try {
      const found = await call<Result>(session, "GET", path);
      if (isLate()) return;
      setAnswer(found);
      setProblem(null);
    } catch (error) {
      if (isLate()) return;
      setProblem(said(error));
    }
    shown.current = number;
  }, [session, path]);
  useEffect(() => {
    shown.current = asked.current; // whatever was asked before belongs to another path
    setAnswer(null);
    setProblem(null);
    let stopped = false;
    const loop = async () => {
      await read();
      if (everyMs && !stopped) timer = setTimeout(loop, everyMs);
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    void loop();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [read, everyMs]);
  return { answer, problem, read };
}

/** The address after `#/`, as the page shown. */
export function useRoute(): string {
  const current = () => location.hash.replace(/^#\/?/, "").split("?")[0] ?? "";
  const [route, setRoute] = useState(current);
  useEffect(() => {
    const changed = () => setRoute(current());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}
