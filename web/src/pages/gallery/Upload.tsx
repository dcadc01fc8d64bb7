import { useQueryClient } from "@tanstack/react-query";
import { type ChangeEvent, type DragEvent, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useAskToStay } from "../../changes";
import { useConnection } from "../../data";
import { t } from "../../language";
import { Bar } from "../../parts";
import { put } from "../../put";
import { filesOf, Uploads } from "./uploads";

/** Uploads by API, key and gallery: they go on while other pages are shown. */
const running = new Map<string, Uploads>();
const SETTLING_MS = 8_000;
const ACCEPTED = "image/jpeg,image/png,image/webp,image/avif,image/gif";

/** The uploads into a gallery. While some are under way, and shortly after, the gallery is read often (`isBusy`). */
export function useUploads(gallery_id: string) {
  const { api, session } = useConnection();
  const id = [session.apiUrl, session.key, gallery_id].join(" ");
  const uploads = running.get(id) ?? new Uploads(api.client, gallery_id, put);
  running.set(id, uploads);
  const state = useSyncExternalStore(uploads.subscribe, uploads.read);
  const queries = useQueryClient();
  const [isSettling, setIsSettling] = useState(false);
  const addedBefore = useRef(state.added);
  useEffect(() => {
    if (addedBefore.current === state.added) return;
    addedBefore.current = state.added;
    for (const path of ["/galleries/{gallery_id}/images", "/galleries"])
      void queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[1] === path });
    setIsSettling(true);
    const timer = setTimeout(() => setIsSettling(false), SETTLING_MS);
    return () => clearTimeout(timer);
  }, [state.added, queries]);
  useAskToStay(state.left > 0);
  return { uploads, state, isBusy: state.left > 0 || isSettling };
}

/** Takes pictures and folders, and says how far they are. */
export function AddPictures({ uploads: { uploads, state } }: { uploads: ReturnType<typeof useUploads> }) {
  const [isOver, setIsOver] = useState(false);
  const chosen = (event: ChangeEvent<HTMLInputElement>) => {
    uploads.add([...(event.target.files ?? [])]);
    event.target.value = "";
  };
  const dropped = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    void filesOf(event.dataTransfer).then((files) => uploads.add(files));
  };
  const hasFiles = (event: DragEvent) => event.dataTransfer.types.includes("Files");
  const wrong = state.uploads.filter(
    (upload) => upload.why && (upload.state === "refused" || upload.state === "failed"),
  );
  return (
    <section
      className={isOver ? "card drop pictures-in over" : "card drop pictures-in"}
      aria-label={t.upload.addPictures}
      onDragOver={(event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={dropped}
    >
      <div className="toolbar">
        <FileButton label={t.upload.addPictures} choose={chosen} />
        <FileButton label={t.upload.addFolder} choose={chosen} folder />
        <span className="lead">{t.upload.drop}</span>
      </div>
      {state.uploads.length > 0 && (
        <>
          <Bar done={state.sent} of={state.bytes} label={t.upload.bytes} />
          <div className="toolbar">
            <p className="lead" role="status">
              {progress(state)}
            </p>
            {state.left > 0 && (
              <button type="button" onClick={() => uploads.pause(!state.isPaused)}>
                {state.isPaused ? t.upload.goOn : t.upload.pause}
              </button>
            )}
            {state.failed > 0 && (
              <button type="button" onClick={() => uploads.retry()}>
                {t.upload.again}
              </button>
            )}
            <button type="button" onClick={() => uploads.clear()}>
              {state.left > 0 ? t.upload.cancel : t.upload.clear}
            </button>
          </div>
        </>
      )}
      {wrong.length > 0 && (
        <ul className="plain problems" aria-label={t.upload.wrong}>
          {wrong.map((upload) => (
            <li key={upload.id}>
              <b>{upload.file.name}</b> <span className="wrong">{upload.why}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

export function progress(state: ReturnType<Uploads["read"]>): string {
  const there = state.uploads.filter(({ wasThere }) => wasThere).length;
  return [
    t.upload.added(state.added, state.uploads.length),
    there && t.upload.there(there),
    state.refused && t.upload.refused(state.refused),
    state.failed && t.upload.failed(state.failed),
    state.isPaused && state.left && t.upload.paused,
  ]
    .filter(Boolean)
    .join(", ");
}

interface FileButtonProps {
  label: string;
  choose: (event: ChangeEvent<HTMLInputElement>) => void;
  folder?: boolean;
}
function FileButton({ label, choose, folder = false }: FileButtonProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" onClick={() => input.current?.click()}>
        {label}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        aria-label={label}
        {...(folder ? { webkitdirectory: "" } : { accept: ACCEPTED })}
        onChange={choose}
      />
    </>
  );
}
