// What is shown of a gallery while edits are on their way.

import type { Schema } from "../../api";
import { type Change, useChanges, usePending } from "../../changes";
import { useApi } from "../../data";
import { t } from "../../language";

export type Image = Schema<"ImageResponse">;
export type Fields = Schema<"PatchImageRequest">;

/** An edit of one image that the API may not have answered yet. */
export interface Edit {
  gallery_id: string;
  image_id: string;
  fields: Fields;
}

const isEdit = (shows: unknown): shows is Edit => typeof shows === "object" && shows !== null && "fields" in shows;

/** The images as they are after the edits: what is hidden is gone, what is pinned is at its position. */
export function edited(images: Image[], edits: Edit[]): Image[] {
  let shown = images;
  for (const { image_id, fields } of edits) {
    const at = shown.findIndex((image) => image.id === image_id);
    if (at < 0) continue;
    const image = { ...shown[at]!, ...fields } as Image;
    const others = shown.toSpliced(at, 1);
    if (image.hidden) shown = others;
    else if (fields.pinned_position) shown = others.toSpliced(fields.pinned_position - 1, 0, image);
    else shown = shown.with(at, image);
  }
  return shown;
}

const ABOUT = [
  "/galleries/{gallery_id}/images",
  "/galleries/{gallery_id}/images/{image_id}",
  "/galleries/{gallery_id}/hidden-images",
];

/** Edits of a gallery's images: shown at once, sent in order, and taken back on request. */
export function useEdits(gallery_id: string) {
  const { client } = useApi();
  const { change } = useChanges();
  const pending = usePending(isEdit).filter((edit) => edit.gallery_id === gallery_id);
  const patch = (image_id: string, fields: Fields) => () =>
    client.PATCH("/galleries/{gallery_id}/images/{image_id}", {
      params: { path: { gallery_id, image_id } },
      body: fields,
    });
  const edit = (image: Image, fields: Fields, said: string) => {
    const names = Object.keys(fields) as (keyof Fields)[];
    const before = Object.fromEntries(names.map((name) => [name, image[name] ?? null])) as Fields;
    if (before.hidden === null) before.hidden = false;
    const wanted: Change = {
      said,
      send: patch(image.id, fields),
      undo: patch(image.id, before),
      about: ABOUT,
      shows: { gallery_id, image_id: image.id, fields } satisfies Edit,
      showsUndone: { gallery_id, image_id: image.id, fields: before } satisfies Edit,
    };
    change(wanted);
  };
  const remove = (image: Image) =>
    change({
      said: t.gallery.deleted(image.name),
      send: () =>
        client.DELETE("/galleries/{gallery_id}/images/{image_id}", {
          params: { path: { gallery_id, image_id: image.id } },
        }),
      about: ["/galleries/{gallery_id}/images", "/galleries/{gallery_id}/hidden-images", "/galleries"],
      shows: { gallery_id, image_id: image.id, fields: { hidden: true } } satisfies Edit,
    });
  return { pending, edit, remove };
}
