import { type RefObject, useEffect, useRef } from "react";
import { useApi } from "../../data";

const SEEN_FOR_MS = 600;

/** Counts the person at the screen as a shopper while `acts`: pictures seen for a moment, and those clicked. */
export function useShopper(gallery_id: string, acts: boolean, grid: RefObject<HTMLElement | null>, shown: unknown) {
  const { client } = useApi();
  const seen = useRef(new Set<string>());
  const send = (type: "view" | "click", image_id: string) =>
    client.POST("/galleries/{gallery_id}/events", {
      params: { path: { gallery_id } },
      body: { events: [{ event_id: crypto.randomUUID(), type, image_id }] },
    });
  // biome-ignore lint/correctness/useExhaustiveDependencies: other tiles on the screen are observed anew
  useEffect(() => {
    if (!acts) return;
    const timers = new Map<Element, ReturnType<typeof setTimeout>>();
    const see = (id: string) => {
      if (seen.current.has(id)) return;
      seen.current.add(id);
      send("view", id).catch(() => seen.current.delete(id));
    };
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          const id = (target as HTMLElement).dataset.id!;
          clearTimeout(timers.get(target));
          if (isIntersecting)
            timers.set(
              target,
              setTimeout(() => see(id), SEEN_FOR_MS),
            );
        }
      },
      { threshold: 0.5 },
    );
    for (const tile of grid.current?.children ?? []) observer.observe(tile);
    return () => {
      observer.disconnect();
      for (const timer of timers.values()) clearTimeout(timer);
    };
  }, [acts, gallery_id, shown]);
  return { click: (image_id: string) => send("click", image_id) };
}
