import { useChanges, usePending } from "../../changes";

interface Shown<Part> {
  path: string;
  part: Part;
}

/** A setting of searches as it is stored, shown with the changes on their way; `set` changes a part of it. */
export function useSetting<Whole, Part>(
  path: string,
  stored: Whole,
  withPart: (whole: Whole, part: Part) => Whole,
  send: (part: Part) => Promise<unknown>,
) {
  const { change } = useChanges();
  const isOne = (shows: unknown): shows is Shown<Part> =>
    typeof shows === "object" && shows !== null && "path" in shows && shows.path === path;
  const shown = usePending(isOne).reduce((whole, { part }) => withPart(whole, part), stored);
  const set = (said: string, part: Part, undone: Part) =>
    change({
      said,
      send: () => send(part),
      undo: () => send(undone),
      about: [path, "/search/images"],
      shows: { path, part } satisfies Shown<Part>,
      showsUndone: { path, part: undone } satisfies Shown<Part>,
    });
  return { shown, set };
}
