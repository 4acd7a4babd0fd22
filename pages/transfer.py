"""Transfer lab: each claim of transfer learning as an experiment that ends in a picture with intervals."""

from functools import partial

import streamlit as st

from distill_core.figures import theme
from distill_core.runs.run import Run
from distill_core.tables import transfer as tables_transfer
from pages.parts.shared import links, page, run_panel, stored_runs, training_form
from pages.parts.transfer import data, form, moved, view
from pages.parts.transfer import guess as guesses
from pages.parts.transfer.words import TABS, WORDS, go_to


def experiment(name: str) -> None:
    """One experiment: its form, the cost on its button, and its newest result, after a guess."""
    words, parameter = WORDS[name], links.TRANSFER.takes[name]
    st.markdown(words.question)
    controls, main = st.columns([1, 2.6], gap="large")
    with controls:
        button = st.container()
        spec = form.show(name)
        with button:
            started = training_form.run_button(words.button, spec, f"tl_start_{name}")
            if started:
                run_panel.choose(parameter, started)
    with main:
        own = run_panel.chosen(parameter, partial(tables_transfer.can_show, experiment=name))
        run = own or default(name)
        if run is None:
            hint = f"Press {words.button}: points appear as they are measured."
            page.chart(theme.empty(words.empty, hint), f"tl_none_{name}")
        else:
            with page.problems_shown():
                if stored_runs.is_recorded(run):
                    st.caption(f"Recorded elsewhere. Press {words.button} to make it your own.")
                elif own is not None:
                    training_form.stale(spec, run)
                guess = guesses.gate(run, name)
                run_panel.live(run.id, partial(view.show, guess=guess))
        page.explanation(words.seen, words.formula, words.code)
        go_to(*words.following)


def default(name: str) -> Run | None:
    """The newest recorded run of this experiment, else the newest of this installation, finished ones first."""
    own = sorted(stored_runs.own_of("finetune"), key=lambda run: run.state().state != "done")
    return tables_transfer.newest([*reversed(stored_runs.recorded_of("finetune")), *own], name)


page.header("Transfer lab", "What does a model bring along that has read a lot before, and where does that end?")
for name, tab in zip(TABS, st.tabs(list(TABS.values()), key="tl_tab", bind="query-params"), strict=True):
    if tab.open:  # a hidden tab would work as well, for nobody
        with tab:
            {"moved": moved.show, "own": data.show}.get(name, partial(experiment, name))()
