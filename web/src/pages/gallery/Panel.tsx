import { type FormEvent, useEffect, useRef, useState } from "react";
import { useApi } from "../../data";
import { t } from "../../language";
import { API_LANGUAGE, Content, Dialog, Picture, Problem } from "../../parts";
import type { Image, useEdits } from "./edits";

interface Props {
  gallery_id: string;
  image_id: string;
  /** Where it is among the pictures read so far. */
  position: number | null;
  pin: (image: Image, position: number) => void;
  unpin: (image: Image) => void;
  hide: (image: Image) => void;
  edits: ReturnType<typeof useEdits>;
  close: () => void;
}

/** One picture: why it is where it is, its pin, whether it is hidden, and its texts. */
export function Panel({ gallery_id, image_id, position, pin, unpin, hide, edits, close }: Props) {
  const read = useApi().useQuery("get", "/galleries/{gallery_id}/images/{image_id}", {
    params: { path: { gallery_id, image_id }, query: { explain: "true" } },
  });
  const pending = edits.pending.filter((edit) => edit.image_id === image_id);
  const image = read.data && (Object.assign({}, read.data, ...pending.map((edit) => edit.fields)) as Image);
  const heading = useRef<HTMLHeadingElement>(null);
  const [asksToDelete, setAsksToDelete] = useState(false);
  useEffect(() => heading.current?.focus(), []);
  return (
    <aside
      className="panel card"
      aria-label={t.panel.picture}
      onKeyDown={(event) => event.key === "Escape" && !asksToDelete && close()}
    >
      <div className="heading">
        <h2 ref={heading} tabIndex={-1}>
          {image?.name ?? image_id}
        </h2>
        <button type="button" className="aside" onClick={close}>
          {t.panel.close}
        </button>
      </div>
      <Problem of={read.error} />
      {image && (
        <Content of={read}>
          <Picture
            className="large"
            url={image.url}
            renditions={image.renditions}
            sizes="24rem"
            alt={image.alt ?? image.name}
          />
          {image.hidden ? (
            <p className="notice">{t.panel.isHidden}</p>
          ) : (
            image.explanation && (
              <section aria-label={t.panel.why}>
                <h3>{t.panel.why}</h3>
                <p lang={API_LANGUAGE}>{image.explanation.sentence}</p>
              </section>
            )
          )}
          <form
            className="buttons"
            aria-label={t.panel.pin}
            onSubmit={(event) => {
              event.preventDefault();
              pin(image, Number(new FormData(event.currentTarget).get("position")));
            }}
          >
            <label className="inline">
              {t.panel.position}
              <input
                name="position"
                type="number"
                min={1}
                max={10_000}
                required
                key={image.pinned_position ?? position}
                defaultValue={image.pinned_position ?? position ?? 1}
              />
            </label>
            <button type="submit">{t.panel.pin}</button>
            {image.pinned_position && (
              <button type="button" onClick={() => unpin(image)}>
                {t.panel.unpin}
              </button>
            )}
          </form>
          <div className="buttons">
            {image.hidden ? (
              <button type="button" onClick={() => edits.edit(image, { hidden: false }, t.gallery.shown(image.name))}>
                {t.panel.show}
              </button>
            ) : (
              <button type="button" onClick={() => hide(image)}>
                {t.panel.hide}
              </button>
            )}
            <button type="button" onClick={() => setAsksToDelete(true)}>
              {t.panel.asksToDelete}
            </button>
          </div>
          <Texts key={JSON.stringify([image.name, image.caption, image.alt, image.tags])} image={image} edits={edits} />
        </Content>
      )}
      {asksToDelete && image && (
        <Dialog label={t.panel.deleteIt(image.name)} close={() => setAsksToDelete(false)}>
          <h2>{t.panel.deleteQuestion(image.name)}</h2>
          <p>{t.panel.deleteWarning}</p>
          <div className="buttons">
            <button
              type="button"
              className="disapprove"
              onClick={() => {
                setAsksToDelete(false);
                edits.remove(image);
                close();
              }}
            >
              {t.panel.delete}
            </button>
            <button type="button" onClick={() => setAsksToDelete(false)}>
              {t.panel.keep}
            </button>
          </div>
        </Dialog>
      )}
    </aside>
  );
}

function Texts({ image, edits }: { image: Image; edits: Props["edits"] }) {
  function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    const tags = text("tags")
      .split(",")
      .flatMap((tag) => tag.trim() || []);
    const fields = { name: text("name"), caption: text("caption") || null, alt: text("alt") || null, tags };
    edits.edit(image, fields, t.gallery.saved(fields.name));
  }
  return (
    <form className="fields" aria-label={t.panel.texts} onSubmit={save}>
      <label>
        {t.panel.name}
        <input name="name" defaultValue={image.name} required maxLength={300} />
      </label>
      <label>
        {t.panel.caption}
        <input name="caption" defaultValue={image.caption ?? ""} maxLength={2000} />
      </label>
      <label>
        {t.panel.alt}
        <input name="alt" defaultValue={image.alt ?? ""} maxLength={1000} />
      </label>
      <label>
        {t.panel.tags}
        <input name="tags" defaultValue={image.tags.join(", ")} />
      </label>
      <button type="submit" className="primary">
        {t.panel.save}
      </button>
    </form>
  );
}
