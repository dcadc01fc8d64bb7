/** `<vitrine-search>`: a search field with suggestions, hits and facets. */

import { List, vitrine, VitrineElement } from "./element";
import { el } from "./tile";
import type { ImageItem, SearchPage } from "./types";
import { whenClicked } from "./viewed";

const PAUSE_MS = 150;
const LOOK_MS = 1000;

/** Attributes: `label` ("Search"), `found-label` ("{n} found"), `facets` (`tag,credit`), `limit` (24), `product-href`, `sizes`, `parameter` (the query parameter of the page's address, `q`). */
export class SearchElement extends VitrineElement {
  private readonly filters_: Record<string, string> = {};
  private running_: AbortController | undefined;
  private looking_: ReturnType<typeof setTimeout> | undefined;
  /** The searches whose hits were looked at: the newest, and the one before it. */
  private looked_: (string | undefined)[] = [];

  override start_(): void {
    const shop = vitrine();
    const label = this.attribute_("label", "Search");
    const listId = `vitrine-${Math.random().toString(36).slice(2)}`;
    const field = el("input", { type: "search", name: "q", "aria-label": label, placeholder: label, list: listId, autocomplete: "off" });
    const options = el("datalist", { id: listId });
    const facets = el("div", { class: "vitrine-facets" });
    const status = el("p", { role: "status", class: "vitrine-status" });
    const hits = el("div");
    const form = el("form", { role: "search" }, field, options);
    this.append(form, facets, status, hits);

    const run = async (): Promise<void> => {
      this.running_?.abort();
      const q = field.value.trim();
      const { signal } = (this.running_ = new AbortController());
      if (!q) {
        facets.replaceChildren();
        hits.replaceChildren();
        status.textContent = "";
        return;
      }
      this.setAttribute("aria-busy", "true");
      try {
        const [page, suggestions] = await Promise.all([this.read_(q, null, signal), shop.suggest(q, { limit: 6, signal }).catch(() => [])]);
        if (signal.aborted) return;
        options.replaceChildren(...suggestions.map((text) => el("option", { value: text })));
        this.showFacets_(facets, page, run);
        const total = `${page.total.relation === "eq" ? "" : "≥ "}${page.total.value}`;
        status.textContent = this.attribute_("found-label", "{n} found").replace("{n}", total);
        await this.showHits_(hits, q, page);
      } catch (error) {
        if (!signal.aborted) this.fail_(error);
      }
      if (!signal.aborted) this.removeAttribute("aria-busy");
    };

    let timer: ReturnType<typeof setTimeout>;
    const keep = () => {
      const address = new URL(location.href);
      address.searchParams.set(this.attribute_("parameter", "q"), field.value);
      history.replaceState(history.state, "", address);
    };
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => (keep(), void run()), PAUSE_MS);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(timer);
      void run();
    });
    field.value = new URLSearchParams(location.search).get(this.attribute_("parameter", "q")) ?? "";
    if (field.value) void run();
  }

  private read_(q: string, cursor: string | null, signal?: AbortSignal): Promise<SearchPage> {
    const facets = this.attribute_("facets").split(",").filter(Boolean);
    return vitrine().search(q, { limit: this.number_("limit", 24), cursor, facets, filters: this.filters_, ...(signal && { signal }) });
  }

  private showFacets_(box: HTMLElement, page: SearchPage, again: () => Promise<void>): void {
    const groups = Object.entries(page.facets).map(([name, counts]) =>
      el(
        "fieldset",
        {},
        el("legend", {}, name),
        ...counts.map(({ value, count }) => {
          const isChosen = this.filters_[name] === value;
          const button = el("button", { type: "button", "aria-pressed": `${isChosen}` }, `${value} ${count}`);
          button.addEventListener("click", () => {
            if (isChosen) delete this.filters_[name];
            else this.filters_[name] = value;
            void again();
          });
          return button;
        }),
      ),
    );
    box.replaceChildren(...groups);
  }

  /** Note that the shopper looks at the hits of a search, and what was looked at before. */
  private lookAt_(search_id: string): { search_id: string; previous_search_id: string | undefined } {
    clearTimeout(this.looking_);
    if (this.looked_[0] !== search_id) {
      this.looked_ = [search_id, this.looked_[0]];
      vitrine().searched(search_id);
    }
    return { search_id, previous_search_id: this.looked_[1] };
  }

  private async showHits_(box: HTMLElement, q: string, first: SearchPage): Promise<void> {
    let page: SearchPage | null = first;
    const { search_id } = first;
    clearTimeout(this.looking_);
    if (search_id) this.looking_ = setTimeout(() => this.lookAt_(search_id), LOOK_MS);
    const list = new List<ImageItem>(
      {
        read: async (cursor) => {
          const found = page ?? (await this.read_(q, cursor));
          page = null;
          return found;
        },
        id: (hit) => `${hit.gallery_id}/${hit.id}`,
        tile: (hit) => ({ ...hit, name: hit.name ?? "", alt: hit.name ?? "", href: this.href_(hit.product_ids[0]) }),
        placed: (li, hit, position) => {
          whenClicked(li, () => vitrine().gallery(hit.gallery_id!).click(hit.id, { position, ...(search_id && this.lookAt_(search_id)) }));
          li.addEventListener("click", (event) => {
            if (!this.tell_("click", { image: hit, q })) event.preventDefault();
          });
        },
      },
      { ...this.look_(), eager: 0 },
    );
    await list.more();
    box.replaceChildren(list.ul);
  }
}

customElements.get("vitrine-search") ?? customElements.define("vitrine-search", SearchElement);
