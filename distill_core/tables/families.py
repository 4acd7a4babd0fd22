"""The ten families → DataFrames: exact sizes, dates of the papers, published figures, facts."""

from __future__ import annotations

import csv
import re
from datetime import date
from functools import lru_cache

import pandas as pd

from distill_core import families
from distill_core.settings import DATA


@lru_cache(maxsize=1)
def _families_frame() -> pd.DataFrame:
    sizes = families.exact_parameters()
    return pd.DataFrame(
        {
            "family": row.key,
            "title": row.title,
            "year": row.year,
            "published": _paper_date(row)[0],
            "published_text": _paper_date(row)[1],
            "earlier": sum(_came(other) < _came(row) for other in families.FAMILIES),
            "architecture": row.architecture,
            "distilled": row.distilled,
            "params": sum(sizes[row.key].values()),
            **sizes[row.key],
            "tokenizer": row.tokenizer_kind,
            "idea": row.facts["one_line_key_idea"],
        }
        for row in families.FAMILIES
    )


def families_frame() -> pd.DataFrame:
    """The ten families: key, title, year, architecture, exact parameters by part, tokenizer, idea in one line.

    `published` is the date of the paper in years (2018.79 is October 2018), `published_text` the same in words, and
    `earlier` counts the papers before it.
    """
    return _families_frame().copy()


def _paper_date(family: families.Family) -> tuple[float, str]:
    """Month of the paper's first arXiv version, read off its number (YYMM.nnnnn); mid-year where it has none."""
    number = re.match(r"(\d\d)(\d\d)\.\d", family.facts["arxiv_id"])
    if number is None:
        return family.year + 0.5, f"{family.year} (no arXiv number, so no month)"
    month = date(2000 + int(number[1]), int(number[2]), 1)
    return month.year + (month.month - 0.5) / 12, f"{month:%B %Y}"


def _came(family: families.Family) -> tuple[float, str]:
    """What orders papers: the month, and within it the arXiv number, which counts on as papers come in."""
    return _paper_date(family)[0], family.facts["arxiv_id"]


@lru_cache(maxsize=1)
def _published() -> pd.DataFrame:
    with (DATA / "published.csv").open(encoding="utf-8", newline="") as file:
        frame = pd.DataFrame(list(csv.DictReader(file)))
    return frame.assign(value=pd.to_numeric(frame["value"], errors="coerce"))


def published_frame(family: families.Family) -> pd.DataFrame:
    """Published figures of a family, each with paper and table; never mixed with what was measured here."""
    frame = _published()
    columns = ["variant", "metric", "split", "value", "unit", "source", "note", "confidence"]
    return frame.loc[frame["family"] == family.title, columns].reset_index(drop=True)


def family_facts(family: families.Family) -> dict[str, str]:
    """The facts of data/families.csv in reading order, under the names that a page shows."""
    facts = family.facts
    shown = {
        "Paper": f"{facts['paper_title']}, {facts['year']}",
        "Authors": facts["authors_org"],
        "Learned by": facts["pretraining_objective"],
        "Learned from": f"{facts['pretraining_corpus']}: {facts['corpus_size']}",
        "Tokenizer": f"{facts['tokenizer_kind']}, vocabulary {facts['vocab_size']}",
        "Shape": f"{facts['layers']} layers × {facts['hidden_size']} wide, {facts['heads']} heads, "
        f"feed-forward {facts['ffn_size']}",
        "Positions": facts["position_encoding"],
        "Shared weights": facts["weight_sharing"],
        "Size in the paper": facts["params_paper"],
        "Checkpoint": f"{family.hub_id} (license: {facts['hub_license']})",
    }
    return {name: text for name, text in shown.items() if text.strip()}
