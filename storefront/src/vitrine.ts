/** Everything: the script for a page, `<script type="module" src="…/vitrine.js" data-key="pk_…"></script>`. */

import { vitrine } from "./element";

export * from "./gallery";
export { RecommendationsElement } from "./recommendations";
export { SearchElement } from "./search";

// Every page with the script sends the pending events of earlier pages, even a page without elements.
if (document.querySelector("script[data-key]")) vitrine();
