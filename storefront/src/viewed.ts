/** When a view counts: at least half of the picture on the screen for one second (IAB and MRC, viewable impression). */

const SHARE = 0.5;
const SECOND = 1000;

/** Call `act` once, when the element was seen. Returns how to stop waiting. */
export function whenViewed(element: Element, act: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isSeen = false;
  const judge = (): void => {
    clearTimeout(timer);
    if (isSeen && !document.hidden) timer = setTimeout(() => (stop(), act()), SECOND);
  };
  const observer = new IntersectionObserver(
    ([entry]) => {
      // Half of a picture taller than the screen may never be on it: then half of the screen counts.
      const half = Math.min(entry!.boundingClientRect.height, innerHeight) * SHARE;
      isSeen = entry!.isIntersecting && (entry!.intersectionRatio >= SHARE || entry!.intersectionRect.height >= half);
      judge();
    },
    { threshold: [0, SHARE / 2, SHARE] },
  );
  const stop = (): void => {
    clearTimeout(timer);
    observer.disconnect();
    document.removeEventListener("visibilitychange", judge);
  };
  observer.observe(element);
  document.addEventListener("visibilitychange", judge);
  return stop;
}
