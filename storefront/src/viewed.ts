/** When a view counts: at least half of the picture on the screen for one second (IAB and MRC, viewable impression). */

const SHARE = 0.5;
const SECOND = 1000;

/** Call `act` once, when the picture was seen. Returns a function that stops waiting. */
export function whenViewed(picture: Element, act: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOnScreen = false;
  const judge = (): void => {
    const isLoaded = !(picture instanceof HTMLImageElement) || picture.naturalWidth > 0;
    if (!isOnScreen || !isLoaded || document.hidden) {
      clearTimeout(timer);
      timer = undefined;
    } else timer ??= setTimeout(() => (stop(), act()), SECOND);
  };
  const observer = new IntersectionObserver(
    (entries) => {
      const { boundingClientRect, intersectionRatio, intersectionRect } = entries.at(-1)!;
      // Half of a picture taller than the screen may never be visible: then half of the screen counts.
      const half = Math.min(boundingClientRect.height, innerHeight) * SHARE;
      isOnScreen = intersectionRatio >= SHARE || (intersectionRect.width > 0 && intersectionRect.height >= half);
      judge();
    },
    { threshold: [0, SHARE / 4, SHARE / 2, SHARE] },
  );
  const stop = (): void => {
    clearTimeout(timer);
    observer.disconnect();
    picture.removeEventListener("load", judge);
    document.removeEventListener("visibilitychange", judge);
  };
  observer.observe(picture);
  picture.addEventListener("load", judge);
  document.addEventListener("visibilitychange", judge);
  return stop;
}

/** Call `act` at each click, including one that opens another tab. Returns a function that stops this. */
export function whenClicked(element: Element, act: () => void): () => void {
  const clicked = (event: Event): void => {
    if ((event as MouseEvent).button !== 2) act();
  };
  const types = ["click", "auxclick"];
  for (const type of types) element.addEventListener(type, clicked);
  return () => {
    for (const type of types) element.removeEventListener(type, clicked);
  };
}
