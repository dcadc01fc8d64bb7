// A gallery in React: your own markup, Vitrine's order and counting.
import { useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { createVitrine } from "@vitrine/storefront";

const { api, key } = document.querySelector("#shop").dataset;
const shop = createVitrine({ key, api });

function Gallery({ id }) {
  const [images, setImages] = useState([]);
  useEffect(() => {
    const controller = new AbortController();
    shop
      .gallery(id)
      .images({ limit: 24, signal: controller.signal })
      .then((page) => setImages(page.items))
      .catch(() => {}); // the API is down: the page works without it
    return () => controller.abort();
  }, [id]);
  return (
    <ul>
      {images.map((image) => (
        <Picture key={image.id} gallery={id} image={image} />
      ))}
    </ul>
  );
}

function Picture({ gallery, image }) {
  const item = useRef(null);
  useEffect(
    () => shop.gallery(gallery).observe(item.current, image.id, { position: image.position }),
    [gallery, image.id, image.position],
  );
  return (
    <li ref={item}>
      <a href={`product.html?id=${image.product_ids[0]}`}>
        <img src={image.url} alt={image.alt ?? image.name} width={image.width} height={image.height} />
      </a>
    </li>
  );
}

createRoot(document.querySelector("#shop")).render(<Gallery id="summer" />);
