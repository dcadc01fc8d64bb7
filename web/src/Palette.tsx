import { useState } from "react";
import { useConnection } from "./data";
import { t } from "./language";
import { Dialog, isSecret } from "./parts";

export interface Place {
  title: string;
  address: string;
}

/** Goes to a page or a gallery by its name, or searches images. */
export function Palette({ places, close }: { places: Place[]; close: () => void }) {
  const { api, session } = useConnection();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const galleries = api.useQuery("get", "/galleries", { params: { query: { limit: 100 } } });
  const all = [
    ...places,
    { title: t.titles.keys, address: "#/keys" },
    ...(galleries.data?.items ?? []).map(({ id, title }) => ({
      title: t.palette.gallery(title ?? id),
      address: `#/gallery?gallery=${encodeURIComponent(id)}`,
    })),
    ...(isSecret(session.key) ? [{ title: t.palette.newProduct, address: "#/products?product=new" }] : []),
  ];
  const fits = all.filter(({ title }) => title.toLowerCase().includes(text.trim().toLowerCase())).slice(0, 8);
  if (text.trim()) {
    fits.push({
      title: t.palette.search(text.trim()),
      address: `#/search?q=${encodeURIComponent(text.trim())}`,
    });
  }
  const chosen = Math.min(at, fits.length - 1);
  const open = (place?: Place) => {
    close();
    if (place) location.hash = place.address;
  };
  return (
    <Dialog label={t.palette.goTo} close={close}>
      <form
        className="palette"
        onSubmit={(event) => {
          event.preventDefault();
          open(fits[chosen]);
        }}
      >
        <input
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
            if (!step || !fits.length) return;
            event.preventDefault();
            setAt((chosen + step + fits.length) % fits.length);
          }}
          placeholder={t.palette.hint}
          aria-label={t.palette.goTo}
          role="combobox"
          aria-expanded="true"
          aria-controls="places"
          aria-activedescendant={fits.length ? `place-${chosen}` : undefined}
          autoComplete="off"
        />
        <div id="places" role="listbox" aria-label={t.palette.places}>
          {fits.map((place, number) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: keys go to the field above, which names the chosen option
            <div
              key={place.address}
              id={`place-${number}`}
              role="option"
              tabIndex={-1}
              aria-selected={number === chosen}
              onClick={() => open(place)}
            >
              {place.title}
            </div>
          ))}
        </div>
      </form>
    </Dialog>
  );
}
