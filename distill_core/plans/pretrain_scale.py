"""What a budget of tokens means: how long it takes here, and how small it is beside the corpora of the papers."""

from __future__ import annotations

import re
from typing import NamedTuple

from distill_core import units
from distill_core.errors import DistillError
from distill_core.families import Family
from distill_core.results import PretrainResult
from distill_core.runs.run import Run
from distill_core.specs import PretrainSpec

USUAL_TOKENS_PER_S = 20_000.0  # two layers of width 128 on two cores of a server processor: 16,000 to 35,000
START_S = 25.0  # imports, the corpus, the tokenizer, the linear probes
BYTES_PER_TOKEN = 4.1  # the 41 MB of the twelve texts are about 10 million tokens of a vocabulary of 8,192
_FACTORS = {"million": 1e6, "billion": 1e9, "B": 1e9}
_COUNTED = re.compile(r"([\d.]+)\s*(million|billion|B)\s+(words|tokens|subword pieces)")
_SUMMED = re.compile(r"in million tokens: (.+)")
_GIGABYTES = re.compile(r"(\d+) GB")


def seconds(spec: PretrainSpec, finished: list[Run]) -> float:
    """Seconds that this run will take: a guess. `finished`: pre-training runs of this machine, the newest first.

    The newest run of the family sets the pace, else the newest of any.
    """
    paces = [(_family(run), pace) for run in finished if (pace := tokens_per_s(run)) is not None]
    own = [pace for family, pace in paces if family == spec.family]
    usual = [pace for _, pace in paces] or [USUAL_TOKENS_PER_S]
    return START_S + spec.tokens / (own or usual)[0]


def tokens_per_s(run: Run) -> float | None:
    """Tokens read in a second of training; None for a run that has not finished one."""
    result = run.result_as(PretrainResult)
    if result is None or not result.train_s or not result.tokens:
        return None
    return result.tokens / result.train_s


def _family(run: Run) -> str:
    try:
        spec = run.spec_as(PretrainSpec)
    except DistillError:
        return ""
    return spec.family if spec is not None else ""


class CorpusSize(NamedTuple):
    """How much text a paper names: `amount` in `unit` (words, tokens, subword pieces or bytes), and its own words."""

    amount: float
    unit: str
    words: str


def corpus_size(family: Family) -> CorpusSize | None:
    """The size of the paper's corpus, read from data/families.csv; None where the paper counts neither words nor bytes.

    A count of words or tokens goes before bytes.
    """
    text = family.facts["corpus_size"]
    summed = _SUMMED.search(text)
    if summed is not None:
        total = sum(float(number) for number in re.findall(r"\d+", summed[1]))
        return CorpusSize(total * 1e6, "tokens", f"{units.significant(total / 1000)} billion tokens")
    counted = _COUNTED.search(text)
    if counted is not None:
        scale = "billion" if counted[2] == "B" else counted[2]
        return CorpusSize(float(counted[1]) * _FACTORS[counted[2]], counted[3], f"{counted[1]} {scale} {counted[3]}")
    size = _GIGABYTES.search(text)
    return CorpusSize(float(size[1]) * 1e9, "bytes", f"{size[1]} GB of text") if size is not None else None


def share_of_paper(family: Family, tokens: int) -> float | None:
    """The budget as a fraction of the paper's corpus; a word counts as a token. None where it is not known."""
    size = corpus_size(family)
    if size is None:
        return None
    return tokens * (BYTES_PER_TOKEN if size.unit == "bytes" else 1) / size.amount


def beside_paper(family: Family, tokens: int) -> str:
    """One line: how small the budget is beside the corpus of the family's paper."""
    size, share = corpus_size(family), share_of_paper(family, tokens)
    budget = f"{units.significant(tokens / 1e6)} million tokens"
    if size is None or share is None:
        return f"{budget}. {family.title}'s paper counts its corpus as {family.facts['corpus_size']}."
    return f"{budget}: about {units.percent(share)} of the {size.words} in the corpus of {family.title}'s paper."
