"""Gallery images as the images that search indexes."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from vitrine.galleries.model import GalleryKey
from vitrine.search.model import ImageKey, IndexedImage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vitrine.galleries.model import Image
    from vitrine.galleries.ports import GalleryRepository

_PAGE = 100


def to_indexed_image(image: Image) -> IndexedImage:
    """Return a gallery's image as search indexes it."""
    described = image.description
    return IndexedImage(
        id=image.image_id,
        gallery_id=image.gallery.gallery_id,
        url=described.url,
        created_at=described.created_at,
        name=described.name,
        caption=described.caption or None,
        text=described.alt or None,
        credit=(described.credit,) if described.credit else (),
        tags=tuple(dict.fromkeys(described.tags)),
        product_ids=described.product_ids,
        width=described.width,
        height=described.height,
        weight=float(image.weight),
        original=image.mirrored,
        attributes=dict(described.attributes),
    )


def read_images(
    repository: GalleryRepository, merchant_id: str, keys: Sequence[ImageKey]
) -> Mapping[ImageKey, IndexedImage]:
    """Return the current images of these keys, without hidden and deleted ones."""
    images: dict[ImageKey, IndexedImage] = {}
    for gallery_id, group in groupby(sorted(set(keys)), key=lambda key: key.gallery_id):
        stored = repository.get_images(GalleryKey(merchant_id, gallery_id), [key.image_id for key in group])
        images |= {
            ImageKey(gallery_id, image_id): to_indexed_image(image)
            for image_id, image in stored.items()
            if not image.hidden
        }
    return images


def read_all_images(repository: GalleryRepository, merchant_id: str) -> Iterator[IndexedImage]:
    """Iterate over a merchant's images that are not hidden."""
    gallery_after = None
    while galleries := repository.list_galleries(merchant_id, _PAGE, gallery_after):
        for gallery in galleries:
            image_after = None
            while images := repository.stored_images(gallery.key, _PAGE, image_after):
                yield from (to_indexed_image(image) for image in images if not image.hidden)
                image_after = images[-1].image_id
        gallery_after = galleries[-1].key.gallery_id
