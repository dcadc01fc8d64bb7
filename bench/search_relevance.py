"""How good are the first ten hits? NDCG@10 on judged queries, precision at 10 on subject terms.

    python -m bench.search_relevance [--queries 2000] [--opensearch] [--ingredients] [--museum] [--products]
    python -m bench.search_relevance --language [--queries 300]

`all` ranks every document, those nobody judged counting as wrong; `judged` ranks the judged ones only. The
constants of `vitrine/search/relevance.py` were chosen on the first half of the queries; what is printed is the
second half's.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import string
import time
from typing import TYPE_CHECKING

from bench.search_data import artworks, movie_queries, movies, product_queries, products, subjects
from bench.search_engines import Fts5, embedded, ids, opensearch
from vitrine.search import keyboards, relevance
from vitrine.search.languages import Language

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.search_data import Judged
    from vitrine.search.tantivy import TantivyFinder

RIGHT_THING = 2
"""The lowest grade of the thing itself; accessories get 0 or 1."""
Rank = "Callable[[str], list[str]]"
_INGREDIENTS = ("ALL_WORDS", "WHOLE_NAME", "NAME_PAIR", "CREDIT_PAIR", "JOINED_PAIR", "TYPO", "KIND", "INTEREST")


def ndcg(ranked: list[str], grades: dict[str, int]) -> float:
    best = sorted(grades.values(), reverse=True)
    return _gain([grades.get(document, 0) for document in ranked]) / _gain(best)


def _gain(grades: list[int]) -> float:
    return sum(grade / math.log2(place + 2) for place, grade in enumerate(grades[:10]))


def score(name: str, rank: Callable[[str], list[str]], queries: list[Judged]) -> None:
    everything = judged = 0.0
    for query in queries:
        ranked = rank(query.text)
        everything += ndcg(ranked, query.grades)
        judged += ndcg([document for document in ranked if document in query.grades], query.grades)
    print(f"{name:<34} NDCG@10  all {everything / len(queries):.4f}  judged {judged / len(queries):.4f}", flush=True)


def right_things(name: str, rank: Callable[[str], list[str]], queries: list[Judged]) -> None:
    """Print how many queries have only right things, and how many have none, among their first three judged hits."""
    firsts = [[query.grades[hit] for hit in rank(query.text) if hit in query.grades][:3] for query in queries]
    only = sum(all(grade >= RIGHT_THING for grade in grades) for grades in firsts if grades)
    none = sum(all(grade < RIGHT_THING for grade in grades) for grades in firsts if grades)
    print(f"{name:<34} first three: only the right thing {only}, never {none}, of {len(firsts)}", flush=True)


def precision(name: str, rank: Callable[[str], list[str]], queries: list[Judged]) -> None:
    found = [
        sum(document in query.grades for document in hits[:10]) / min(10, len(hits))
        for query in queries
        if (hits := rank(query.text))
    ]
    print(f"{name:<34} precision@10 {sum(found) / len(found):.4f} of {len(found)} terms that find anything", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, help="queries for films: 2,000, or 300 with --language")
    parser.add_argument("--opensearch", action="store_true")
    parser.add_argument("--ingredients", action="store_true")
    parser.add_argument("--museum", action="store_true")
    parser.add_argument("--products", action="store_true", help="electronics with graded judgements, in place of films")
    parser.add_argument("--language", action="store_true", help="English texts without and with `language: en`, paired")
    options = parser.parse_args()
    if options.language:
        _in_english(options.queries or 300)
        return
    if options.products:
        _products(with_opensearch=options.opensearch)
        return
    chosen_on, held_out = movie_queries()
    most = options.queries or 2000
    chosen_on, held_out = chosen_on[:most], held_out[:most]
    print(f"{len(held_out)} held-out queries, 9,750 documents")
    table = Fts5(movies())
    score("SQLite FTS5", lambda text: table.ids(text, 100), held_out)
    with embedded(movies()) as finder:
        score("embedded, queries chosen on", lambda text: ids(finder, text), chosen_on)
        score("embedded", lambda text: ids(finder, text), held_out)
        if options.ingredients:
            _without(held_out, lambda name: score(name, lambda text: ids(finder, text), held_out))
    if options.ingredients:
        _plain(held_out)
    if options.opensearch:
        with opensearch(movies()) as distributed:
            score("opensearch", lambda text: ids(distributed, text), held_out)
    if options.museum:
        terms = subjects()
        table = Fts5(artworks())
        precision("SQLite FTS5, subject terms", lambda text: table.ids(text, 10), terms)
        with embedded(artworks()) as finder:
            precision("embedded, subject terms", lambda text: ids(finder, text, 10), terms)


def _products(*, with_opensearch: bool) -> None:
    chosen_on, held_out = product_queries()
    halves = (("chosen on", chosen_on), ("held out", held_out), ("all", chosen_on + held_out))
    print(f"{len(chosen_on) + len(held_out)} queries with grades 0 to 3, 19,406 electronics")

    def compare(name: str, rank: Callable[[str], list[str]]) -> None:
        for half, queries in halves:
            score(f"{name}, {half}", rank, queries)
        right_things(f"{name}, judged hits", rank, chosen_on + held_out)

    table = Fts5(products())
    compare("SQLite FTS5", lambda text: table.ids(text, 100))
    with embedded(products()) as finder:
        compare("embedded", lambda text: ids(finder, text))
    value, relevance.KIND = relevance.KIND, 0.0
    with embedded(products()) as finder:
        compare("  without KIND", lambda text: ids(finder, text))
    relevance.KIND = value
    if with_opensearch:
        with opensearch(products()) as distributed:
            compare("opensearch", lambda text: ids(distributed, text))


def _in_english(most_queries: int) -> None:
    """Print how quality and the time of a query differ on equal queries, with the standard errors of the mean."""
    product_halves, movie_halves = product_queries(), movie_queries()
    for name, images, queries in (
        ("electronics", products, [*product_halves[0], *product_halves[1]]),
        ("films, held out", movies, movie_halves[1][:most_queries]),
    ):
        print(f"{name}: {len(queries)} queries, language unset and `en`")
        measured = []
        for language in (None, Language.ENGLISH):
            with embedded(images(), language) as finder:
                scored = {
                    what: [ndcg(ids(finder, change(query.text), 10), query.grades) for query in queries]
                    for what, change in _CHANGES.items()
                }
                measured.append((scored, _median_ms(finder, queries)))
        with embedded(images(), Language.GERMAN) as finder:
            with_compounds = _median_ms(finder, queries)
        (before, milliseconds_before), (after, milliseconds_after) = measured
        for what in _CHANGES:
            paired(f"  {what}", list(zip(before[what], after[what], strict=True)))
        print(
            f"  warm query p50 {milliseconds_before:.2f} ms; {milliseconds_after / milliseconds_before:.2f} of it with "
            f"`en`, {with_compounds / milliseconds_before:.2f} with `de`, which looks for compounds",
            flush=True,
        )


def paired(name: str, scored: list[tuple[float, float]]) -> None:
    differences = [after - before for before, after in scored]
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    before, after = (statistics.fmean(pair[at] for pair in scored) for at in (0, 1))
    changed = sum(each != 0 for each in differences)
    print(
        f"{name:<34} NDCG@10  {before:.4f} and {after:.4f}: {statistics.fmean(differences):+.4f} ± {error:.4f}, "
        f"{changed} queries differ",
        flush=True,
    )


def _median_ms(finder: TantivyFinder, queries: list[Judged]) -> float:
    took = []
    for turn in range(3):
        for query in queries[:300]:
            started = time.perf_counter()
            ids(finder, query.text, 20 + turn)
            took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took[len(took) // 3 :])


def _mistyped(text: str) -> str:
    """Return a text with one letter of its longest word added, missing or replaced by any other."""

    def edited(word: str, chance: random.Random) -> str:
        at, letter = chance.randrange(1, len(word)), chance.choice(string.ascii_lowercase)
        return word[:at] + chance.choice((letter + word[at + 1 :], word[at + 1 :], letter + word[at:]))

    return _with_longest_word(text, edited)


def _slipped(text: str) -> str:
    """Return a text whose longest word has one slip of the fingers."""
    return _with_longest_word(
        text, lambda word, chance: chance.choice(sorted(keyboards.meant(word, Language.ENGLISH)) or [word])
    )


def _with_longest_word(text: str, change: Callable[[str, random.Random], str]) -> str:
    """Return a text with a change of its longest word, if that may have a typo: always the same one."""
    longest = max(relevance.words(text), key=len, default="")
    may_have_typo = len(longest) >= relevance.TYPO_MIN_LETTERS
    return text.casefold().replace(longest, change(longest, random.Random(text)), 1) if may_have_typo else text


_CHANGES: Mapping[str, Callable[[str], str]] = {
    "as they are": lambda text: text,
    "a wrong letter": _mistyped,
    "a slip to a neighbouring key": _slipped,
}


def _without(held_out: list[Judged], measure: Callable[[str], None]) -> None:
    for name in _INGREDIENTS[:-1]:
        value = getattr(relevance, name)
        setattr(relevance, name, 0.0)
        measure(f"  without {name}")
        setattr(relevance, name, value)
    value, relevance.INTEREST = relevance.INTEREST, 0.0
    with embedded(movies()) as finder:
        score("  without INTEREST", lambda text: ids(finder, text), held_out)
    relevance.INTEREST = value


def _plain(held_out: list[Judged]) -> None:
    values = {name: getattr(relevance, name) for name in _INGREDIENTS}
    for name in _INGREDIENTS:
        setattr(relevance, name, 0.0)
    with embedded(movies()) as finder:
        score("  BM25 with these field weights", lambda text: ids(finder, text), held_out)
    for name, value in values.items():
        setattr(relevance, name, value)


if __name__ == "__main__":
    main()
