import { useState } from "react";
import { itemsOf, PAGES, useApi } from "../../data";
import { t } from "../../language";
import { Content, More, Problem } from "../../parts";

/** The hidden images of a gallery, read when they are asked for. */
export function Hidden({ gallery_id, open }: { gallery_id: string; open: (image_id: string) => void }) {
  const [isOpen, setIsOpen] = useState(false);
  const found = useApi().useInfiniteQuery(
    "get",
    "/galleries/{gallery_id}/hidden-images",
    { params: { path: { gallery_id }, query: { limit: 100 } } },
    { ...PAGES, enabled: isOpen },
  );
  const images = itemsOf(found);
  return (
    <details onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>{t.gallery.hiddenPictures}</summary>
      <Problem of={found.error} />
      {isOpen && !found.error && (
        <Content of={found}>
          {images.length === 0 && <p>{found.hasNextPage ? t.gallery.noneHiddenYet : t.gallery.noneHidden}</p>}
          <ul className="toolbar plain">
            {images.map((image) => (
              <li key={image.id}>
                <button type="button" onClick={() => open(image.id)}>
                  {image.name}
                </button>
              </li>
            ))}
          </ul>
          <More of={found} />
        </Content>
      )}
    </details>
  );
}
