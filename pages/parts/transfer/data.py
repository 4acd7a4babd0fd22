"""Own data in the Transfer lab: the file, whether it is fit to learn from, and a name to find it again."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from distill_core.data_ref import Ref
from distill_core.datasets import catalogue, data_checks, upload_names
from distill_core.datasets.data_checks import Check
from distill_core.datasets.dataset import Dataset
from distill_core.errors import DistillError
from distill_core.plans import transfer_plan
from distill_core.specs import FinetuneSpec
from pages.parts.shared import columns, own_file, page, visitor
from pages.parts.shared.own_file import OwnFile
from pages.parts.transfer.words import go_to

_CHOSEN = "tl_own"
_COLUMNS = ("text_column", "label_column")
_MAX_LENGTH = FinetuneSpec.model_fields["max_length"].default
_TABLE = columns.of(
    ("label", "class"), ("train", "train_split"), ("validation", "validation_split"), ("test", "test_split"), "share"
)


def show() -> None:
    """The tab: upload, preview, class balance, warnings, names, and the way on."""
    st.markdown("Are your own texts fit to learn from, and what does pre-training bring there?")
    file, checks = st.columns([1, 1.6], gap="large")
    with file:
        own = choose()
        _kept_files()
    with checks:
        if own is None:
            st.markdown("##### No file yet")
            st.caption(
                "Upload a CSV file: it is read here, checked, and then every experiment of one data set can use it."
            )
            return
        try:
            _report(_read(str(own.dataset)))
        except DistillError as error:
            page.problem(error)
            return
        _keep(own)
        _next_steps()


def choose() -> OwnFile | None:
    """The uploader with the columns that were chosen before, on whatever tab."""
    before: OwnFile | None = st.session_state.get(_CHOSEN)
    if before is not None and _digest(before.dataset) == st.query_params.get("tl_file"):
        for column in _COLUMNS:
            st.session_state.setdefault(f"tl_{column}", getattr(before.dataset, column))
    own = own_file.choose("tl")
    if own is not None:
        st.session_state[_CHOSEN] = own
    return own


def own_domain() -> OwnFile | None:
    """The file of this session, where its classes are those of the domains; None where there is none, or others."""
    own: OwnFile | None = st.session_state.get(_CHOSEN)
    if own is None or _digest(own.dataset) != st.query_params.get("tl_file"):
        return None
    try:
        names = _read(str(own.dataset)).label_names
    except DistillError:
        return None
    return own if names == transfer_plan.domain_labels() else None


def _digest(dataset: Ref) -> str:
    return Path(dataset.name).stem


@st.cache_data(max_entries=8, show_spinner="Checking the texts")
def _read(name: str) -> Dataset:
    return catalogue.load(name)


# ── the report ───────────────────────────────────────────────────────────────────────────────────────────────────


def _report(dataset: Dataset) -> None:
    found = data_checks.check(dataset.frame, dataset.label_names, _MAX_LENGTH)
    warnings = [one for one in found if one.level == "warning"]
    st.markdown(f"##### {data_checks.headline(found)}")
    for one in warnings:
        _warning(one)
    st.dataframe(
        data_checks.balance_frame(dataset.frame, dataset.label_names),
        hide_index=True,
        column_config=_TABLE,
        key="tl_balance",
        alt="Texts of each class in each split",
    )
    with st.expander("What was checked", icon=":material/checklist:"):
        for one in found:
            icon = ":material/check_circle:" if one.level == "good" else ":material/warning:"
            st.markdown(f"{icon} **{page.plain(one.title)}.** {page.plain(one.detail)}")


def _warning(check: Check) -> None:
    quoted = " · ".join(f"“{text[:60]}”" for text in check.examples)
    st.warning(page.plain(f"{check.detail} {quoted}".strip()), title=page.plain(check.title))


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _keep(own: OwnFile) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Keep it under a name",
            max_chars=upload_names.MAX_CHARS,
            key="tl_name",
            help="Everybody who opens this page here will find it under this name.",
        )
        pressed = st.button("Keep", icon=":material/bookmark_add:", key="tl_keep", disabled=not name.strip())
    st.caption("Without a name only this address leads back to the file.")
    if pressed:
        with page.problems_shown():
            upload_names.keep_as(name, own.dataset, visitor.now().id)
            st.rerun()


def _kept_files() -> None:
    kept = {one.name: one for one in upload_names.kept(visitor.now().id)}
    if not kept:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Kept files", list(kept), key="tl_kept")
        st.button("Open", key="tl_open", icon=":material/folder_open:", on_click=_open, args=(kept[name],))
        st.button("Forget", key="tl_forget", icon=":material/delete:", on_click=_forget, args=(name,))


def _forget(name: str) -> None:
    upload_names.forget(name, visitor.now().id)


def _open(one: upload_names.Kept) -> None:
    """A callback: the address names the file, and the columns are those that were kept with it."""
    st.query_params["tl_file"] = one.digest
    for column in _COLUMNS:
        st.session_state[f"tl_{column}"] = getattr(one, column)


def _next_steps() -> None:
    with st.container(horizontal=True):
        go_to("curves", "Learning curves with this file", with_own_file=True)
        go_to("unfreeze", "Unfreezing with this file", with_own_file=True)
        if own_domain() is not None:
            go_to("domains", "Domains with this file", with_own_file=True)
