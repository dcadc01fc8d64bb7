"""Gallery images as pictures to search."""

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


def to_picture(image: Image) -> IndexedImage:
    """The picture of an image."""
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
    )


def read_pictures(
    repository: GalleryRepository, merchant_id: str, keys: Sequence[ImageKey]
) -> Mapping[ImageKey, IndexedImage]:
    """The pictures of these keys as they are now; hidden and deleted ones are left out."""
    found: dict[ImageKey, IndexedImage] = {}
    for gallery_id, several in groupby(sorted(set(keys)), key=lambda key: key.gallery_id):
        images = repository.get_images(GalleryKey(merchant_id, gallery_id), [key.image_id for key in several])
        found |= {ImageKey(gallery_id, name): to_picture(image) for name, image in images.items() if not image.hidden}
    return found


def read_all_pictures(repository: GalleryRepository, merchant_id: str) -> Iterator[IndexedImage]:
    """Every picture of a merchant that is not hidden."""
    gallery_after = None
    while galleries := repository.list_galleries(merchant_id, _PAGE, gallery_after):
        for gallery in galleries:
            image_after = None
            while images := repository.stored_images(gallery.key, _PAGE, image_after):
                yield from (to_picture(image) for image in images if not image.hidden)
                image_after = images[-1].image_id
        gallery_after = galleries[-1].key.gallery_id
