"""One text corrupted by ten objectives, a card each: what the network sees, what it must say, what counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import streamlit as st

from distill_core import families, objective_facts, units
from distill_core.results.scenes import Chip, Passage, Scene
from pages.parts.model_zoo import family_card
from pages.parts.shared import page

LONGEST = 40  # characters of a token that are shown
PLAIN = ("text", "answer")  # kinds that stand in running text, unless they have a number
COUNTED = ":gray-badge[exact] counted in this draw; special tokens are not counted"
LENT = "Here the minis lend their tokenizers alone."
SEEN = (
    "A network that fills gaps learns from the gaps alone: about one token in seven. GPT, DistilBERT, ELECTRA and BART "
    "get an answer for almost every token of the same text. The authors of ELECTRA say that this is why it learns "
    "faster. A signal is not always worth the same: most of what BART writes stands in its input, and to say "
    "“original” is often easy."
)
_LEGEND = (
    (Chip("", "masked", 1), "hidden"),
    (Chip("sea", "random", 2), "another token in its place"),
    (Chip("film", "same", 3), "left as it was, and asked all the same"),
    (Chip("film", "answer", 1), "the answer"),
)


def legend() -> None:
    """What the marks mean."""
    lines = [*(f"{_mark(chip)} {words}" for chip, words in _LEGEND), "Love·lace: one word, cut into two tokens"]
    st.markdown("  \n".join(lines))


def show(scenes: Sequence[Scene]) -> None:
    """The cards, two in a row: all ten, or those that the visitor wants to see side by side."""
    titles = {families.get(scene.family).title: scene for scene in scenes}
    chosen = st.pills(
        "Side by side (none chosen: all ten)",
        list(titles),
        selection_mode="multi",
        key="obj_show",
        bind="query-params",
        wrap=True,
    )
    with st.grid(2, min_column_width=380, gap="small"):
        for title, scene in titles.items():
            if not chosen or title in chosen:
                _card(scene)


def _card(scene: Scene) -> None:
    family, facts = families.get(scene.family), objective_facts.BY_KEY[scene.family]
    with st.container(border=True, height="stretch", gap="small"):
        st.html(
            f'<div style="font-size:1.1rem;font-weight:600;line-height:1.3">{family_card.mark(family)} '
            f'{escape(family.title)} <span style="opacity:.75;font-weight:400">· {escape(facts.title)}</span></div>'
        )
        st.caption(facts.idea)
        for passage in scene.passages:
            _passage(passage)
        st.space("stretch")
        share = units.percent(scene.share)
        st.markdown(f"**{scene.n_signal} of {scene.n_tokens} tokens give a signal ({share})**: {facts.scored}.")
        st.caption(page.plain(" ".join(filter(None, (scene.note, f"Tokens: {scene.tokenizer}.")))))


def _passage(passage: Passage) -> None:
    text = "".join(_running(passage.chips)) + page.plain(passage.sentence)
    st.markdown(f":gray[:small[{page.plain(passage.title)}]]  \n{text}")


def _running(chips: Sequence[Chip]) -> Iterator[str]:
    """The tokens as a line: those of one word side by side with a dot, others apart."""
    before: Chip | None = None
    for chip in chips:
        plain = chip.kind in PLAIN and chip.number is None
        if before is not None and not (plain and chip.joined and before.kind == chip.kind and before.number is None):
            yield " "
        yield _mark(chip)
        before = chip


def _mark(chip: Chip) -> str:
    """A token as Markdown. Signs tell the kinds apart without colors; a dot says that it goes on with a word."""
    text = ("·" if chip.joined else "") + page.plain(chip.text[:LONGEST] + "…" * (len(chip.text) > LONGEST))
    number = "" if chip.number is None else f"{chip.number} "
    if chip.kind == "answer":
        return f":green-badge[{number}{text}]" if number else f":green[{text}]"
    return {
        "text": text,
        "special": f":gray[{text}]",
        "masked": f":orange-badge[MASK {number.strip()}]",
        "sentinel": f":orange-badge[⟨{number.strip()}⟩]",
        "random": f":violet-badge[{number}⇄ {text}]",
        "replaced": f":red-badge[{number}⇄ {text}]",
        "same": f":blue-badge[{number}= {text}]",
        "hidden": f":blue-badge[{number}▸ {text}]",
        "unit": f":gray-badge[{text}: {chip.remark}]",
    }[chip.kind]
