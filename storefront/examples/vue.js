// A gallery in Vue: your own markup, Vitrine's order and counting.
import { createApp, h, onMounted, onUnmounted, ref } from "vue";
import { createVitrine } from "@vitrine/storefront";

const { api, key } = document.querySelector("#shop").dataset;
const gallery = createVitrine({ key, api }).gallery("summer");

const Picture = {
  props: ["image"],
  setup({ image }) {
    const item = ref(null);
    let stop;
    onMounted(() => (stop = gallery.observe(item.value, image.id, { position: image.position })));
    onUnmounted(() => stop());
    const { product_ids, url, alt, name, width, height } = image;
    const picture = () => h("img", { src: url, alt: alt ?? name, width, height });
    return () => h("li", { ref: item }, h("a", { href: `product.html?id=${product_ids[0]}` }, picture()));
  },
};

createApp({
  setup() {
    const images = ref([]);
    onMounted(async () => {
      images.value = (await gallery.images({ limit: 24 }).catch(() => ({ items: [] }))).items;
    });
    return () => h("ul", images.value.map((image) => h(Picture, { key: image.id, image })));
  },
}).mount("#shop");
