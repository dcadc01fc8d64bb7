// What the pages write: one change after another, kept while there is no connection, and taken back on request.

import { onlineManager, useIsMutating, useMutation, useMutationState, useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { said } from "./api";
import { isPassing } from "./data";
import { t } from "./language";

const SHOWN_MS = 10_000;
const TRIES = 8;

/** One write that may be sent again: the API takes it once however often it comes. */
export interface Change {
  /** What the person did: "Tomato is hidden". */
  said: string;
  send: () => Promise<unknown>;
  /** Sends what was there before. */
  undo?: () => Promise<unknown>;
  /** The API's paths whose answers change by it. */
  about: string[];
  /** What pages show before the API has answered (`usePending`), and when it is taken back. */
  shows?: unknown;
  showsUndone?: unknown;
}

interface Told {
  text: string;
  undo?: () => void;
  isProblem?: boolean;
}

interface Changing {
  change: (change: Change) => void;
  tell: (told: Told) => void;
}
const Changes = createContext<Changing | null>(null);
const KEY = ["change"];

export function useChanges(): Changing {
  const changing = useContext(Changes);
  if (!changing) throw new Error("No changes around this component.");
  return changing;
}

/** What changes show (`Change.shows`) that are not sent yet, or whose answers are not read yet, oldest first. */
export function usePending<Shown>(isOne: (shows: unknown) => shows is Shown): Shown[] {
  return useMutationState({
    filters: { mutationKey: KEY, status: "pending" },
    select: (mutation) => (mutation.state.variables as Change | undefined)?.shows,
  }).filter(isOne);
}

export function ChangesProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [told, setTold] = useState<Told | null>(null);
  const lastUndo = useRef<(() => void) | null>(null);
  const { mutate } = useMutation({
    mutationKey: KEY,
    scope: { id: "changes" },
    mutationFn: (change: Change) => change.send(),
    retry: (failures, error) => failures < TRIES && isPassing(error),
    retryDelay: (failures) => Math.min(250 * 2 ** failures, 8_000),
    onError: (error, change) => setTold({ text: t.changes.failed(change.said, said(error)), isProblem: true }),
    // Awaited: what the change shows stays until the answers with it are read.
    onSettled: (_result, _error, change) =>
      Promise.all(
        change.about.map((path) => queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[1] === path })),
      ),
  });
  const tell = useCallback((news: Told) => setTold(news), []);
  const change = useCallback(
    (wanted: Change) => {
      const send = wanted.undo;
      const undo =
        send &&
        (() => {
          lastUndo.current = null;
          const back = { said: t.changes.undone(wanted.said), send, about: wanted.about, shows: wanted.showsUndone };
          mutate(back);
          setTold({ text: back.said });
        });
      mutate(wanted);
      lastUndo.current = undo ?? null;
      setTold({ text: wanted.said, undo });
    },
    [mutate],
  );
  useEffect(() => {
    if (!told || told.isProblem) return;
    const timer = setTimeout(() => setTold(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [told]);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
      if (!isUndo || isTyping(event.target) || !lastUndo.current) return;
      event.preventDefault();
      lastUndo.current();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  const changing = useMemo(() => ({ change, tell }), [change, tell]);
  return (
    <Changes.Provider value={changing}>
      {children}
      <Toast told={told} close={() => setTold(null)} />
    </Changes.Provider>
  );
}

/** Ask before the page is left, while something is unsent. */
export function useAskToStay(isUnsent: boolean): void {
  useEffect(() => {
    if (!isUnsent) return;
    const leaving = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", leaving);
    return () => removeEventListener("beforeunload", leaving);
  }, [isUnsent]);
}

function Toast({ told, close }: { told: Told | null; close: () => void }) {
  const unsent = useIsMutating({ mutationKey: KEY });
  const isOnline = useSyncExternalStore(onlineManager.subscribe, () => onlineManager.isOnline());
  useAskToStay(unsent > 0);
  return (
    <div className="toasts" role={told?.isProblem ? "alert" : "status"}>
      {told && (
        <p className={told.isProblem ? "toast wrong" : "toast"}>
          <span>{told.text}</span>
          {told.undo && (
            <button type="button" onClick={told.undo}>
              {t.changes.undo}
            </button>
          )}
          <button type="button" onClick={close}>
            {t.changes.close}
          </button>
        </p>
      )}
      {!isOnline && unsent > 0 && <p className="toast">{t.changes.offline(unsent)}</p>}
    </div>
  );
}

/** Whether a key pressed there is text. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && !!target.closest("input:not([type=checkbox]), textarea, select");
}
