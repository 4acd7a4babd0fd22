"""One text through all ten objectives, as scenes for a page: one draw of each, from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType

import torch

from distill_core import families
from distill_core.datasets import typed_text
from distill_core.objectives import replaced as replaced_tokens
from distill_core.objectives import table
from distill_core.objectives.batch import IGNORED, Corrupted
from distill_core.objectives.knowledge import units
from distill_core.objectives.shown_tokens import OTHERS, Reader, reader
from distill_core.results.scenes import Chip, Kind, Passage, Scene

LENGTH = 160  # more than a text that is cut to MAX_TOKENS can need
SEES, SAYS = "The network sees", "It must say"


def scenes(text: str, seed: int) -> tuple[Scene, ...]:
    """The text corrupted by each of the ten, in the families' order. The same seed gives the same draw.

    Raises DataError for a text without a word, or one that is too long.
    """
    shown = typed_text.clean(text)
    return tuple(scene(family.key, shown, seed) for family in families.FAMILIES)


def scene(key: str, text: str, seed: int) -> Scene:
    """The text corrupted by one objective. Raises DataError for a text without a word."""
    read = reader(families.get(key), text)
    read = read.with_units_of(text) if key == "ernie" else read
    documents = [read.sentences(text)]
    if key == "bert":
        documents += [read.sentences(other) for other in OTHERS]
    place = [family.key for family in families.FAMILIES].index(key)
    drawing = torch.Generator().manual_seed(seed * len(families.FAMILIES) + place)
    corrupted = table.get(key).corrupt(documents, read.vocabulary, LENGTH, drawing)
    return _SCENES[key](key, read, corrupted, sum(map(len, documents[0])))


# ── masked words ─────────────────────────────────────────────────────────────────────────────────────────────────


def _masked(key: str, read: Reader, corrupted: Corrupted, own_tokens: int) -> Scene:
    """Gaps in the text, and the pair's question. Of BERT's rows only those of the visitor's text are shown."""
    passages, tokens, asked, covered = [], 0, 0, 0
    for number, row in enumerate(corrupted.rows):
        if covered >= own_tokens:
            break
        covered += len(row.segments[0]) if key == "bert" and row.label == 1 else len(row.ids)
        chips, answers = _gaps(read, corrupted, number, asked)
        passages.append(Passage(SEES if not number else "A row of its own holds the rest", chips))
        passages += [_found(read, row.ids)] if key == "ernie" else []
        passages.append(Passage(SAYS, answers))
        if question := _QUESTIONS.get((key, row.label)):
            passages.append(Passage(*question))
        tokens, asked = tokens + len(row.ids), asked + len(answers)
    if key == "distilbert":
        passages.append(Passage("At every token", sentence="what its teacher says: a share for each token it knows"))
        return Scene(key, read.title, tuple(passages), tokens, tokens)
    return Scene(key, read.title, tuple(passages), tokens, asked)


_QUESTIONS: dict[tuple[str, int], tuple[str, tuple[Chip, ...], str]] = {
    ("bert", 0): ("Does the second part follow?", (), "yes"),
    ("bert", 1): ("Does the second part follow?", (), "no, it comes from another document"),
    ("albert", 0): ("Are the two parts in order?", (), "yes"),
    ("albert", 1): ("Are the two parts in order?", (), "no, they were swapped"),
}


def _gaps(read: Reader, corrupted: Corrupted, row: int, numbered: int = 0) -> tuple[tuple[Chip, ...], tuple[Chip, ...]]:
    """A row's tokens and the answers to its gaps, numbered on from `numbered`."""
    ids, labels, mask = (
        corrupted.inputs["input_ids"][row].tolist(),
        corrupted.targets["labels"][row].tolist(),
        corrupted.inputs["attention_mask"][row].tolist(),
    )
    chips: list[Chip] = []
    answers: list[Chip] = []
    for token, label, real in zip(ids, labels, mask, strict=True):
        if not real:
            continue
        if label == IGNORED:
            chips.append(_chip(read, token))
            continue
        number = numbered + len(answers) + 1
        kind: Kind = "masked" if token == read.vocabulary.mask else "same" if token == label else "random"
        chips.append(Chip("", "masked", number) if kind == "masked" else _chip(read, token, kind, number))
        answers.append(_chip(read, label, "answer", number))
    return tuple(chips), tuple(answers)


def _chip(read: Reader, token: int, kind: Kind = "text", number: int | None = None, before: int | None = None) -> Chip:
    """A token of the text, or a special one; a special token that was drawn at random has a number."""
    row = read.vocabulary
    if number is None and token in {row.first, row.last, row.pad} - {row.unk}:
        return Chip(read.pieces[token], "special")
    return Chip(read.pieces[token], kind, number, joined=read.goes_on(token, before))


def _words(read: Reader, ids: list[int]) -> str:
    """The words of a unit; a dot where a word is cut into tokens."""
    cuts = ["", *("·" if read.goes_on(token) else " " for token in ids[1:])]
    return "".join(cut + read.pieces[token] for cut, token in zip(cuts, ids, strict=True))


def _named_units(read: Reader, ids: list[int]) -> list[tuple[int, int, str]]:
    """Start, end and kind of the phrases and names in a text of one segment."""
    names = {"entity": "name", "phrase": "phrase"}
    return [(start, end, names[kind]) for (start, end), kind in units(ids, [0], read.vocabulary) if kind in names]


def _found(read: Reader, ids: list[int]) -> Passage:
    """What ERNIE takes for phrases and names in this text."""
    chips = dict.fromkeys(
        Chip(_words(read, ids[start:end]), "unit", remark=kind) for start, end, kind in _named_units(read, ids)
    )
    return Passage("Hidden only as a whole", tuple(chips), "" if chips else "words; no phrase or name was found")


# ── the others ───────────────────────────────────────────────────────────────────────────────────────────────────


def _causal(key: str, read: Reader, corrupted: Corrupted, own_tokens: int) -> Scene:
    ids = corrupted.rows[0].ids
    seen = Passage(f"{SEES}, from left to right", _texts(read, ids))
    wanted = Passage(f"{SAYS}, each after those before it", _texts(read, ids[1:], "answer", ids[0]))
    return Scene(key, read.title, (seen, wanted), corrupted.n_tokens, corrupted.n_signal)


def _texts(read: Reader, ids: Sequence[int], kind: Kind = "text", before: int | None = None) -> tuple[Chip, ...]:
    return tuple(_chip(read, token, kind, before=last) for last, token in zip((before, *ids), ids, strict=False))


def _spans(key: str, read: Reader, corrupted: Corrupted, own_tokens: int) -> Scene:
    numbers = {token: number for number, token in enumerate(read.vocabulary.sentinels)}

    def chips(ids: list[int], kind: Kind) -> tuple[Chip, ...]:
        return tuple(
            Chip("", "sentinel", numbers[token]) if token in numbers else _chip(read, token, kind)
            for token in ids
            if token != IGNORED
        )

    seen = Passage("The encoder sees", chips(corrupted.inputs["input_ids"][0].tolist(), "text"))
    wanted = Passage("The decoder must write", chips(corrupted.targets["labels"][0].tolist(), "answer"))
    return Scene(key, read.title, (seen, wanted), corrupted.n_tokens, corrupted.n_signal)


def _permuted(key: str, read: Reader, corrupted: Corrupted, own_tokens: int) -> Scene:
    mapping, labels = corrupted.inputs["target_mapping"][0], corrupted.targets["labels"][0].tolist()
    turns = {place: turn for turn, place in enumerate(mapping.argmax(-1).tolist(), start=1)}
    chips = list(_texts(read, corrupted.inputs["input_ids"][0].tolist()))
    for place, turn in turns.items():
        chips[place] = replace(chips[place], kind="hidden", number=turn)
    answers = tuple(_chip(read, token, "answer", turn) for turn, token in enumerate(labels, start=1))
    seen = Passage(f"{SEES}, but a numbered token only after its turn", tuple(chips))
    wanted = Passage(f"{SAYS}, in this order", answers)
    return Scene(key, read.title, (seen, wanted), corrupted.n_tokens, corrupted.n_signal)


def _replaced(key: str, read: Reader, corrupted: Corrupted, own_tokens: int) -> Scene:
    """The generator is a stand-in: it draws tokens by how often they occur in the text and in OTHERS."""
    counts = torch.zeros(read.vocabulary.size)
    for token in (*corrupted.rows[0].ids, *(token for other in OTHERS for token in read.encode(other))):
        counts[token] += 1
    labels = corrupted.targets["labels"]
    logits = counts.log().expand(*labels.shape, -1)
    judged, replaced = replaced_tokens.replace(corrupted, logits[labels != IGNORED])
    masked, _ = _gaps(read, corrupted, 0)
    numbers = [chip.number for chip in masked]
    chips = tuple(
        _chip(read, token, "replaced" if wrong else "same" if number else "text", number)
        for token, wrong, number in zip(judged[0].tolist(), replaced[0].tolist(), numbers, strict=True)
    )
    wrong = tuple(chip for chip in chips if chip.kind == "replaced")
    said = Passage(f"{SAYS} “replaced” here", wrong) if wrong else Passage(f"{SAYS} “replaced”", sentence="nowhere")
    rest = Passage("and “original”", sentence=f"at the other {corrupted.n_tokens - len(wrong)} tokens")
    seen = (Passage("The generator sees", masked), Passage("The discriminator sees", chips))
    return Scene(
        key,
        read.title,
        (*seen, said, rest),
        corrupted.n_tokens,
        corrupted.n_signal,
        "The generator here is a stand-in: it draws words by how often they occur. A trained one fools you more often.",
    )


def _infilled(key: str, read: Reader, corrupted: Corrupted, own_tokens: int) -> Scene:
    mask = read.vocabulary.mask
    ids = corrupted.inputs["input_ids"][0].tolist()
    chips = tuple(Chip("", "masked") if token == mask else _chip(read, token) for token in ids)
    wanted = Passage("The decoder must write", _texts(read, corrupted.targets["labels"][0].tolist(), "answer"))
    seen = Passage("The encoder sees", chips)
    note = "A gap may stand for many tokens, or for none."
    return Scene(key, read.title, (seen, wanted), corrupted.n_tokens, corrupted.n_signal, note)


_SCENES: MappingProxyType[str, Callable[[str, Reader, Corrupted, int], Scene]] = MappingProxyType(
    {
        **dict.fromkeys(("bert", "roberta", "albert", "distilbert", "ernie"), _masked),
        "gpt": _causal,
        "t5": _spans,
        "xlnet": _permuted,
        "electra": _replaced,
        "bart": _infilled,
    }
)
