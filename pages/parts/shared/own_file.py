"""An own CSV file as a data set: upload, which columns, a look at the texts. The file is kept under its hash."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from distill_core import data_ref
from distill_core.data_ref import Ref
from distill_core.datasets import catalogue, upload_owners, uploads
from distill_core.errors import DistillError
from pages.parts.shared import columns, visitor
from pages.parts.shared.page import plain, problem

_COLUMNS = columns.of(("label", "true_label"), "text", pinned=0)
_HASH = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class OwnFile:
    """What the form needs: the file with its columns, and how many texts there are to learn from."""

    dataset: Ref
    train_size: int


def choose(prefix: str) -> OwnFile | None:
    """The uploader and its columns. None until there is a usable file; the reason is on the page then.

    The address holds the file's hash, never its folder, so that a reload finds it again.
    """
    parameter = f"{prefix}_file"
    uploaded = st.file_uploader(
        "CSV with one column of texts and one of labels", type=["csv", "tsv", "txt"], key=f"{prefix}_upload"
    )
    try:
        if uploaded is not None:
            name = uploads.keep(uploaded.getvalue(), visitor.now().id)
            st.query_params[parameter] = Path(data_ref.parse(name).name).stem
        else:
            name = _kept(st.query_params.get(parameter, ""))
        return _columns(prefix, name) if name else None
    except DistillError as error:
        problem(error)
        return None


def _kept(digest: str) -> str:
    """The data set of a file that this visitor uploaded before; empty where there is none."""
    if not _HASH.fullmatch(digest):
        return ""
    ref = data_ref.of_file(upload_owners.folder() / f"{digest}.csv")
    return str(ref) if uploads.is_kept(ref, visitor.now().id) else ""


def _columns(prefix: str, name: str) -> OwnFile:
    found = _guess(name)
    text, label = (found.names.index(column) for column in (found.text, found.label))
    with st.container(horizontal=True):
        text_column = st.selectbox(
            "Texts in", found.names, index=text, key=f"{prefix}_text_column", bind="query-params"
        )
        label_column = st.selectbox(
            "Labels in", found.names, index=label, key=f"{prefix}_label_column", bind="query-params"
        )
    chosen = data_ref.parse(name).with_columns(text_column, label_column)
    frame, notes, train_size = _preview(str(chosen))
    st.dataframe(
        frame,
        hide_index=True,
        column_config=_COLUMNS,
        height=150,
        alt="The first texts of the file with their labels",
    )
    for note in notes:
        st.caption(plain(note))
    return OwnFile(chosen, train_size)


@st.cache_data(max_entries=32, show_spinner=False)
def _guess(name: str) -> uploads.Columns:
    return uploads.columns(data_ref.parse(name).name)


@st.cache_data(max_entries=32, show_spinner="Reading the file")
def _preview(name: str) -> tuple[pd.DataFrame, tuple[str, ...], int]:
    dataset = catalogue.load(name)
    head = dataset.frame.head(20)
    labels = [dataset.label_names[code] for code in head["label"]]
    counts = f"{len(dataset.frame):,} texts, {dataset.train_size:,} of them for training."
    return pd.DataFrame({"label": labels, "text": head["text"]}), (counts, *dataset.notes), dataset.train_size
