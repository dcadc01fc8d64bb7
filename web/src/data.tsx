// What the pages read: kept, read again, and shown dimmed until a newer answer is there.

import { keepPreviousData, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useMemo } from "react";
import { type Api, ApiError, connect, type Session } from "./api";

/** How often a page asks again while nothing is under way. */
export const IDLE_MS = 10_000;
/** How often a page asks again while it waits for something. */
export const BUSY_MS = 1_500;

/** How a list is read, page after page. */
export const PAGES = {
  initialPageParam: null,
  getNextPageParam: (page: { next_cursor: string | null }) => page.next_cursor,
};
/** The items of all pages that were read. */
export const itemsOf = <Item,>({ data }: { data?: { pages: { items: Item[] }[] } }): Item[] =>
  data?.pages.flatMap((page) => page.items) ?? [];

interface Connection {
  api: Api;
  session: Session;
}
const Connected = createContext<Connection | null>(null);

/** The API and what was read of it with this session's key; another key starts with nothing. */
export function Connecting({ session, children }: { session: Session; children: ReactNode }) {
  const connection = useMemo(() => ({ api: connect(session), session }), [session]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another key or API has other answers
  const queries = useMemo(makeQueryClient, [session.key, session.apiUrl]);
  return (
    <Connected.Provider value={connection}>
      <QueryClientProvider client={queries}>{children}</QueryClientProvider>
    </Connected.Provider>
  );
}

export function useConnection(): Connection {
  const connection = useContext(Connected);
  if (!connection) throw new Error("No connection around this component.");
  return connection;
}

export const useApi = () => useConnection().api;

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        placeholderData: keepPreviousData,
        retry: (failures, error) => failures < 2 && isPassing(error),
        staleTime: 1_000,
      },
    },
  });
}

export function isPassing(error: unknown): boolean {
  return error instanceof ApiError && error.isPassing;
}
