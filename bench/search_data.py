"""The real documents and judgements that search is measured on; `VITRINE_DATA` says where they lie."""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vitrine.search.model import IndexedImage

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(os.environ.get("VITRINE_DATA", Path(__file__).parents[1] / "../shared/data"))


class Judged(NamedTuple):
    """A query, and the grade of each judged document; 0 is wrong."""

    text: str
    grades: dict[str, int]


def movies() -> Iterator[IndexedImage]:
    with gzip.open(DATA / "movie-search/movies-corpus.jsonl.gz", "rt") as lines:
        for raw in map(json.loads, lines):
            yield IndexedImage(
                id=raw["id"],
                gallery_id="movies",
                url=raw["url"],
                created_at=datetime(raw["year"] or 1900, 1, 1, tzinfo=UTC),
                name=raw["title"],
                caption=raw["overview"] or None,
                text=" \n".join(raw["characters"]) or None,
                credit=tuple(dict.fromkeys(filter(None, (raw["director"], *raw["actors"])))),
                tags=tuple(dict.fromkeys((*raw["tags"], *raw["genres"]))),
                weight=float(raw["votes"]),
            )


def movie_queries() -> tuple[list[Judged], list[Judged]]:
    """Two halves: constants were chosen on the first only."""
    grades: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    with gzip.open(DATA / "movie-search/judgments_dev.tsv.gz", "rt") as lines:
        next(lines)
        for line in lines:
            query_id, text, document, grade = line.rstrip("\n").split("\t")
            grades[query_id, text][document] = int(grade)
    queries = [Judged(text, grades[query_id, text]) for query_id, text in sorted(grades)]
    random.Random(7).shuffle(queries)
    queries = [query for query in queries if any(query.grades.values())]
    return queries[: len(queries) // 2], queries[len(queries) // 2 :]


def products() -> Iterator[IndexedImage]:
    with gzip.open(DATA / "product-search/products.jsonl.gz", "rt") as lines:
        for raw in map(json.loads, lines):
            yield IndexedImage(
                id=raw["id"],
                gallery_id="products",
                url=f"https://products.example/{raw['id']}.jpg",
                created_at=datetime(2020, 1, 1, tzinfo=UTC),
                name=raw["name"],
                caption=raw["caption"] or None,
                text=raw["text"] or None,
                credit=tuple(raw["credit"]),
                tags=tuple(dict.fromkeys(raw["tags"])),
            )


def product_queries() -> tuple[list[Judged], list[Judged]]:
    """Return two halves; constants were chosen on the first."""
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    with gzip.open(DATA / "product-search/judgements.csv.gz", "rt") as lines:
        for row in csv.DictReader(lines):
            grades[row["query"]][row["product_id"]] = int(float(row["grade"]))
    texts = sorted(text for text in grades if any(grades[text].values()))
    random.Random(7).shuffle(texts)
    queries = [Judged(text, grades[text]) for text in texts]
    return queries[: len(queries) // 2], queries[len(queries) // 2 :]


def artworks(count: int | None = None) -> Iterator[IndexedImage]:
    """The museum's artworks, over and over until there are `count`."""
    with gzip.open(DATA / "museum-images/artworks.csv.gz", "rt") as lines:
        rows = list(csv.DictReader(lines))
    chance = random.Random(1)
    for number in range(count or len(rows)):
        row = rows[number % len(rows)]
        again = f"-{number // len(rows)}" if number >= len(rows) else ""
        yield IndexedImage(
            id=row["id"] + again,
            gallery_id=f"g{number % 7}",
            url=row["thumbnail_url"],
            created_at=datetime(
                int(row["acquisition_year"] or 1900), 1 + number % 12, 1 + number % 28, number % 24, tzinfo=UTC
            ),
            name=row["title"] or None,
            caption=", ".join(filter(None, (row["medium"], row["credit_line"]))) or None,
            text=" ".join(filter(None, (row["inscription"], row["group_title"], row["movements"]))) or None,
            credit=(row["all_artists"],) if row["all_artists"] else (),
            tags=tuple(dict.fromkeys(filter(None, (row["classification"], row["medium"].split(" on ")[0])))),
            width=int(float(row["width"])) if row["width"].replace(".", "", 1).isdigit() else None,
            height=int(float(row["height"])) if row["height"].replace(".", "", 1).isdigit() else None,
            weight=float(int(chance.paretovariate(1))),
            attributes={
                "medium": row["medium"].split(" on ")[0][:100] or "unknown",
                "year": int(row["acquisition_year"] or 0),
            },
        )


def subjects() -> list[Judged]:
    """Subject terms with the artworks they hold for."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with gzip.open(DATA / "museum-images/subject_qrels.tsv.gz", "rt") as lines:
        next(lines)
        for line in lines:
            _, subject, artwork = line.rstrip("\n").split("\t")
            found[subject][artwork] = 1
    return [Judged(subject, grades) for subject, grades in sorted(found.items())]
