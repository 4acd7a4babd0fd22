"""A pre-training on the page: the loss beside word counts, the gaps as they are filled, families side by side."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from distill_core import families, objective_facts, units
from distill_core.figures import pretrain_loss, signal_worth
from distill_core.plans import pretrain_scale
from distill_core.results import LIVE, PretrainResult
from distill_core.runs.run import Run
from distill_core.tables import pretrain as tables_pretrain
from pages.parts.pretrain import more
from pages.parts.shared import columns, downloads, links, once, page, provenance, run_panel, stored_runs

SEEN = (
    "The thick line is the loss on text that the network never reads, the thin one on what it reads. The dashed line "
    "is what knowing frequencies alone would reach on the same tokens: how often each occurs, for ELECTRA how often "
    "one is replaced; runs from before this was measured have no line. Below it the network knows more than "
    "frequencies. Of the tokens that a masked model is asked for, one "
    "in ten stands in plain sight: to copy it is a first gain. The table shows what the network says at a gap.\n\n"
    "**What such a budget can do.** A million tokens bring the loss near the dashed line, and frequent words into the "
    "gaps. **What it cannot do.** In a trial on two cores a masked model had read 6.6 million tokens, still lay on its "
    "plateau, and was hardly better with 1,000 labels than before (66.4 % and 65.4 %). The papers read thousands of "
    "times more."
)
CANNOT_COMPARE = (
    "The accuracy of the linear probe can be compared between families: the same 1,000 labels, the same classifier on "
    "the frozen network. The losses cannot, since each objective asks another question; so they are drawn as a share "
    "of their own start. The first fall is cheap: it takes frequencies alone, and ELECTRA's question has only two "
    "answers."
)
_WIDTHS = {"sentence": 280, "wanted": 75, "probability_now": 75, "now": 300, "first": "medium"}


def _gaps(wanted: str, probability: str, now: str) -> dict[str, ColumnConfig]:
    """The columns of sentences with one word to find."""
    pairs = (("wanted", wanted), ("probability_now", probability), ("now", now))
    return columns.of("sentence", *pairs, "first", pinned=0, widths=_WIDTHS)


CLOZE = _gaps("looked_for", "probability", "likeliest")
REPLACED = _gaps("wrong_word", "suspected", "most_suspected")
RUNS = columns.of(
    ("title", "family"),
    "lesson",
    "tokens",
    "signals",
    "signal_share",
    "probe_start",
    "probe_end",
    "probe_low",
    "probe_high",
    "n_eval",
    "asks",
    "loss_start",
    "loss_end",
    "share_of_start",
    "reference_nats",
    "wanted_end",
    "params",
    "train_s",
    "tokens_per_s",
    "source",
)


def show(run: Run) -> None:
    """All that is known of the run so far. Called again and again while it is live."""
    _loss(run, page.is_dark())
    if run.result_as(PretrainResult) is None:
        return
    _words(run, run.state().state in LIVE)
    if run.state().state not in LIVE:
        _side_by_side(run)


@once.per_point
def _looks(run: Run) -> pd.DataFrame:
    return tables_pretrain.looks_frame(run, run_panel.curves(run))


@once.per_point
def _loss(run: Run, dark: bool) -> None:
    known = run.result_as(PretrainResult)
    page.chart(pretrain_loss.draw(_looks(run), run_panel.curves(run), known, dark=dark), "pt_fig_loss")


@once.per_result
def _words(run: Run, live: bool) -> None:
    """Where the numbers come from, the gaps, and what the budget was worth."""
    result = run.result_as(PretrainResult)
    if result is None:
        return
    if run.environment() is not None:
        provenance.caption(provenance.measured(run, stored_runs.is_recorded(run)))
    _cloze(result)
    if not live:
        st.caption(page.plain(" ".join(filter(None, [_worth(result), tables_pretrain.kinds_sentence(result)]))))


def _cloze(result: PretrainResult) -> None:
    frame = tables_pretrain.cloze_frame(result)
    if frame.empty:
        return
    electra = result.family == "electra"
    st.markdown("##### Which word does not belong?" if electra else "##### Which word belongs into the gap?")
    shown = REPLACED if electra else CLOZE
    st.dataframe(
        frame,
        hide_index=True,
        column_order=list(shown),
        column_config=shown,
        placeholder=units.MISSING,
        key="pt_cloze",
        alt="What the network says about each sentence",
    )
    read = result.cloze[-1].tokens
    st.caption(f"After {read:,} tokens. {'Suspected: probability of being a replaced token.' if electra else ''}")


def _worth(result: PretrainResult) -> str:
    """What the budget was beside the paper's, and what the linear probe says."""
    said = pretrain_scale.beside_paper(families.get(result.family), result.tokens or 0)
    before, after = result.linear_probe_before, result.linear_probe
    if before is None or after is None:
        return f"Read: {said}"
    shown = (units.percent(value, 3) for value in (before.accuracy, after.accuracy, after.ci_low, after.ci_high))
    was, now, low, high = shown
    place = "inside" if after.ci_low <= before.accuracy <= after.ci_high else "outside"
    return (
        f"Read: {said} A linear probe with {result.probe_labels:,} labels ({result.probe_dataset}) is right on {now} "
        f"of {after.n_eval:,} test texts (95 % interval {low} to {high}); before the first step on {was}, which lies "
        f"{place} that interval."
    )


def _side_by_side(run: Run) -> None:
    """Families with the same budget: what the signal of a token is worth."""
    runs = tables_pretrain.comparable(run, [*stored_runs.own_of("pretrain"), *stored_runs.recorded_of("pretrain")])
    versions = [(one.path, one.version(), one.curves_version()) for one in runs]
    frame, curves = once.same(partial(_compared, runs), "pages.pretrain", versions)
    if frame.empty:
        return
    once.same(partial(_signals, frame, curves, page.is_dark()), "pages.pretrain.signals", versions, page.is_dark())
    more.show(run, runs, curves.keys())
    once.same(partial(_numbers, frame), "pages.pretrain.numbers", versions)
    downloads.show(run, frame, [partial(signal_worth.draw, curves)], name="pretrain", key="pt")


def _compared(runs: list[Run]) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """One row a run, and the looks of each family that learned by its objective."""
    frame = tables_pretrain.runs_frame(runs)
    if frame.empty:
        return frame, {}
    curves = {
        str(family): _looks(one)
        for one, family, lesson in zip(runs, frame["family"], frame["lesson"], strict=True)
        if lesson == tables_pretrain.LESSON_TITLES["objective"]
    }
    return frame, curves


def _signals(frame: pd.DataFrame, curves: dict[str, pd.DataFrame], dark: bool) -> None:
    if curves:
        page.chart(signal_worth.draw(curves, dark=dark), "pt_fig_signals")
    st.caption(" ".join(filter(None, [CANNOT_COMPARE, tables_pretrain.sharing_sentence(frame)])))


def _numbers(frame: pd.DataFrame) -> None:
    st.markdown("##### The numbers")
    st.dataframe(
        frame,
        hide_index=True,
        column_order=list(RUNS),
        column_config=RUNS,
        placeholder=units.MISSING,
        key="pt_table",
        alt="Tokens, signals, linear probe and loss of each family with the same budget",
    )


def explanation(family: str) -> None:
    """What you see, with the family's equation and code."""
    facts = objective_facts.BY_KEY[family]
    source = once.same(facts.source, "objective.source", family)
    page.explanation(f"{SEEN}\n\n{facts.family.title}: {facts.idea}", facts.equation, source)
    links.to(links.OBJECTIVES, "See the ten objectives on your own sentence", family=facts.family.title)


def family_of(run: Run) -> str | None:
    """The family that a run trains."""
    result = run.result_as(PretrainResult)
    return result.family if result is not None else None
