"""What the minis are, in two or three sentences: computed from their cards in data/minis."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from distill_core import families, model_ref
from distill_core.files.json_files import read_json
from distill_core.models import shapes
from distill_core.settings import DATA

FOLDER = DATA / "minis"
_HEAD_SHARE = 0.05  # a head for a few classes, with the layers that belong to it, has fewer of a mini's parameters
MOVIES = "Movie reviews"  # the corpus of the texts that most of the lab's classifiers learn from


def about() -> str:
    """One short paragraph for a page; empty where there is no mini."""
    return _about(FOLDER)


def older(measured: Iterable[tuple[str, int | None]]) -> str:
    """A sentence on minis of a run that were not those of today; empty where all are. `measured`: reference and
    parameters, with a classifier's head or without, which has a few hundred."""
    now = {f"{key}@mini": card["result"]["params"] for key, card in _cards(FOLDER).items()}
    found = {ref: count for ref, count in measured if ref in now and count and abs(count / now[ref] - 1) > _HEAD_SHARE}
    told = [f"{model_ref.title(ref)} had {count / 1e6:.2f} M parameters" for ref, count in found.items()]
    return f"Measured before a mini was made anew: {', '.join(told)}." if told else ""


@lru_cache(maxsize=4)
def _cards(folder: Path) -> dict[str, dict[str, Any]]:
    return {key: card for key in families.BY_KEY if (card := read_json(folder / key / "card.json")) is not None}


@lru_cache(maxsize=4)
def _about(folder: Path) -> str:
    cards = _cards(folder)
    if not cards:
        return ""
    results = [card["result"] for card in cards.values()]
    size = _range([result["params"] / 1e6 for result in results])
    said = [f"Minis are small models of the families' architectures: {_layers(folder, cards)}, {size} M parameters."]
    if all(result["lesson"] == "embeddings" for result in results):
        said.append(_lesson(results))
    return " ".join([*said, *_distilled(cards)])


def _lesson(results: list[dict[str, Any]]) -> str:
    """What all of them were taught, and from which texts."""
    texts = f"{_range([result['texts'] for result in results])} sentences"
    among = ", movie training texts without their labels among them," if _read(MOVIES, results) else ""
    tokens = _range([result["tokens"] / 1e6 for result in results])
    return (
        "All learned to repeat MiniLM's sentence embeddings, not by their family's own objective, from the same "
        f"{texts}{among} {tokens} M tokens in all. Their token embeddings began from MiniLM's."
    )


def _distilled(cards: dict[str, Any]) -> list[str]:
    """Whether those of distilled families were distilled: the runs `before` the last are in the card then."""
    said = []
    for key, card in cards.items():
        if not families.get(key).distilled:
            continue
        name, before = families.get(key).title, card.get("before")
        if before:
            start = model_ref.title(before[0]["spec"]["start"])
            said.append(f"{name} mini was first cut out of {start} and taught by it, by {name}'s triple loss.")
        else:
            said.append(f"{name} mini was not distilled from BERT mini.")
    return said


def _read(source: str, results: list[dict[str, Any]]) -> bool:
    return all(source in result["sources"] for result in results)


def _layers(folder: Path, cards: dict[str, Any]) -> str:
    """`2 layers, T5 and BART 2 + 2`: the usual number, then who has another."""
    found: dict[str, list[str]] = {}
    for key in cards:
        shape, family = shapes.of_config(read_json(folder / key / "config.json")), families.get(key)
        if shape is not None:
            two_stacks = family.architecture == "encoder-decoder"
            found.setdefault(f"{shape.layers} + {shape.layers}" if two_stacks else f"{shape.layers}", []).append(
                family.title
            )
    usual = max(found, key=lambda depth: len(found[depth]))
    return ", ".join(
        [f"{usual} layers", *(f"{' and '.join(who)} {depth}" for depth, who in found.items() if depth != usual)]
    )


def _range(values: list[float]) -> str:
    """`1.3–2.2`, `8.0–8.4`, `99,488`."""
    low, high = (f"{end:,.0f}" if end >= 1000 else f"{end:.1f}" for end in (min(values), max(values)))
    return low if low == high else f"{low}–{high}"
