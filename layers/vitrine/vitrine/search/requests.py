"""Request bodies of the settings of searches."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from vitrine.galleries.model import ATTRIBUTE_NAME
from vitrine.platform.requests import Id, RequestBody
from vitrine.search.languages import Language  # noqa: TC001 - pydantic reads it
from vitrine.search.model import (
    LONGEST_SYNONYM,
    MOST_ATTRIBUTES,
    MOST_PLACED,
    MOST_PLACED_QUERIES,
    MOST_SYNONYM_RULES,
    AttributeKind,
    ImageKey,
    Placed,
    SynonymRule,
)
from vitrine.search.relevance import words

MOST_SYNONYM_CHARACTERS = 60_000


def _few_words(text: str) -> str:
    if not 1 <= len(words(text)) <= LONGEST_SYNONYM:
        message = f"must have 1 to {LONGEST_SYNONYM} words"
        raise ValueError(message)
    return text


Attribute = Annotated[str, Field(pattern=ATTRIBUTE_NAME)]
Term = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_few_words)]


class PutAttributesRequest(RequestBody):
    """The attributes of images that searches may filter and count by, with their kinds; they replace the present ones.

    All images are indexed with all their attributes, so a change takes effect within seconds.
    """

    attributes: Annotated[dict[Attribute, Literal["text", "number"]], Field(max_length=MOST_ATTRIBUTES)]

    def kinds(self) -> dict[str, AttributeKind]:
        """Return the attributes as the domain has them."""
        return {name: AttributeKind(kind) for name, kind in self.attributes.items()}


class PutLanguageRequest(RequestBody):
    """The language of the merchant's texts; null is none in particular: English stems and no stop words.

    It takes effect with the next index, which is built at once beside the one in use.
    """

    language: Language | None


class SynonymSettings(RequestBody):
    """Words that find each other; with `from`, it finds the words and they do not find it."""

    words: Annotated[tuple[Term, ...], Field(min_length=1, max_length=10)]
    source: Annotated[Term | None, Field(alias="from")] = None

    @model_validator(mode="after")
    def _has_two(self) -> SynonymSettings:
        if self.source is None and len(self.words) < len(("one", "other")):
            message = "must have two words, or one and `from`"
            raise ValueError(message)
        return self


class PutSynonymsRequest(RequestBody):
    """The synonyms of searches; they replace the present ones and take effect within seconds."""

    synonyms: Annotated[tuple[SynonymSettings, ...], Field(max_length=MOST_SYNONYM_RULES)]

    @model_validator(mode="after")
    def _are_short(self) -> PutSynonymsRequest:
        if (
            sum(len(word) for rule in self.synonyms for word in (*rule.words, rule.source or ""))
            > MOST_SYNONYM_CHARACTERS
        ):
            message = f"must have at most {MOST_SYNONYM_CHARACTERS} characters in all"
            raise ValueError(message)
        return self

    def rules(self) -> tuple[SynonymRule, ...]:
        """Return the rules as the domain has them."""
        return tuple(SynonymRule(rule.words, rule.source) for rule in self.synonyms)


class PlacedImage(RequestBody):
    """An image of a gallery."""

    gallery_id: Id
    image_id: Id


PlacedImages = Annotated[tuple[PlacedImage, ...], Field(max_length=MOST_PLACED)]


class PlacedForQuery(RequestBody):
    """The images that a query finds first, in this order and whatever their words say, and those it finds last."""

    query: Term
    pinned: PlacedImages = ()
    buried: PlacedImages = ()


class PutPlacedRequest(RequestBody):
    """The images placed for queries, in the order by relevance; they replace the present ones within seconds."""

    queries: Annotated[tuple[PlacedForQuery, ...], Field(max_length=MOST_PLACED_QUERIES)]

    def placed(self) -> dict[str, Placed]:
        """Return the images by query; of equal queries the last counts."""
        return {
            each.query: Placed(tuple(map(_key, each.pinned)), tuple(map(_key, each.buried))) for each in self.queries
        }


def _key(image: PlacedImage) -> ImageKey:
    return ImageKey(image.gallery_id, image.image_id)
