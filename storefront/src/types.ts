/** The parts of the API's responses that a storefront reads. */

export interface Renditions {
  aspect_ratio: number;
  /** ThumbHash in base64; its first bytes hold the average colour. */
  placeholder: string | null;
  sizes: { width: number; avif: string; webp: string; jpg: string }[];
}

export interface ImageItem {
  id: string;
  name: string;
  url: string;
  alt: string | null;
  caption: string | null;
  product_ids: string[];
  width: number | null;
  height: number | null;
  position?: number;
  /** In some experiments: what placed the image here. Events say it too. */
  arm?: string;
  gallery_id?: string;
  renditions?: Renditions | null;
}

export interface Product {
  product_id: string;
  name: string;
  price: number | null;
  currency: string | null;
  image_url: string | null;
  renditions?: Renditions | null;
}

export interface RecommendedItem {
  product_id: string;
  score: number;
  reason: { strategy: string; because: string[] };
  product: Product;
}

export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

/** `by_visitor`: the order differs by visitor, for those who send a `session_id`. */
export interface ImagePage extends Page<ImageItem> {
  by_visitor?: boolean;
}

export interface SearchPage extends Page<ImageItem> {
  search_id: string | null;
  total: { value: number; relation: string };
  facets: Record<string, { value: string; count: number }[]>;
}

export interface RecommendationPage extends Page<RecommendedItem> {
  recommendation_id: string;
}
