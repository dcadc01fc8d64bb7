import { useCallback, useEffect, useState } from "react";
import { call, said, type Session } from "./api";

/** What a GET answers, read again every `everyMs` (0: once) and whenever the path changes. A null path reads nothing. */
export function useAnswer<Result>(session: Session, path: string | null, everyMs = 0) {
  const [answer, setAnswer] = useState<Result | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const read = useCallback(async () => {
    if (path === null) return;
    try {
      setAnswer(await call<Result>(session, "GET", path));
      setProblem(null);
    } catch (error) {
      setProblem(said(error));
    }
  }, [session, path]);
  useEffect(() => {
    setAnswer(null);
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
