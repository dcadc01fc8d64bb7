/** Everything: the script for a page, `<script type="module" src="…/vitrine.js" data-key="pk_…"></script>`. */

export * from "./gallery";
export { RecommendationsElement } from "./recommendations";
export { SearchElement } from "./search";
