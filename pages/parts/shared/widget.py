"""Widgets that read a field of a spec: label, range or choices, first value and help are written there, once.

    epochs = widget.slider(DistillSpec, "epochs", "d_epochs")

Their values stand in the page's address under the widget's key. What one form knows better than the field (the layers
of this teacher, the texts of this data set) it passes by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict, Unpack

import streamlit as st
from pydantic import BaseModel

from distill_core.specs import controls
from distill_core.specs.controls import Number, Setting
from pages.parts.shared import address


class Known(TypedDict, total=False):
    """What a form may know better than the field; `help=None` shows none."""

    label: str
    help: str | None
    start: Any
    least: Number | None
    most: Number | None
    step: Number | None
    choices: Sequence[Any]


Spec = type[BaseModel]


def slider(spec: Spec, name: str, key: str, **known: Unpack[Known]) -> Any:
    """A number from a range."""
    asked = _setting(spec, name, known)
    return st.slider(*_range(asked), key=key, bind="query-params", help=asked.help)


def stops(spec: Spec, name: str, key: str, title: Callable[[Any], str] | None = None, **known: Unpack[Known]) -> Any:
    """A number among a few, along a slider; `title` writes one of them."""
    asked = _setting(spec, name, known)
    return st.select_slider(
        asked.label,
        asked.choices,
        asked.start,
        format_func=title or _short,
        key=key,
        bind="query-params",
        help=asked.help,
    )


def number(spec: Spec, name: str, key: str, **known: Unpack[Known]) -> Any:
    """A number to type."""
    asked = _setting(spec, name, known)
    if isinstance(asked.start, int):
        limits: Any = asked.least, asked.most, asked.start
        return address.whole_number(asked.label, limits, key, help=asked.help)
    return st.number_input(*_range(asked), format="%g", key=key, bind="query-params", help=asked.help)


def several(spec: Spec, name: str, key: str, **known: Unpack[Known]) -> list[Any]:
    """Any of a few numbers."""
    asked = _setting(spec, name, known)
    return st.pills(
        asked.label,
        asked.choices,
        selection_mode="multi",
        default=list(asked.start),
        format_func=_short,
        key=key,
        bind="query-params",
        help=asked.help,
        wrap=True,
    )


def one_of(spec: Spec, name: str, key: str, titles: Mapping[Any, str], **known: Unpack[Known]) -> Any:
    """One of a few names; `titles` says what each is called, and may hold one that only the form knows."""
    asked = _setting(spec, name, known)
    return st.segmented_control(
        asked.label,
        list(titles),
        default=asked.start,
        required=True,
        format_func=titles.__getitem__,
        key=key,
        bind="query-params",
        help=asked.help,
        wrap=True,
    )


def named(spec: Spec, name: str, key: str, **known: Unpack[Known]) -> Any:
    """One of the names that the field knows, from a list."""
    asked = _setting(spec, name, known)
    start = list(asked.choices).index(asked.start)
    return st.selectbox(asked.label, asked.choices, start, key=key, bind="query-params", help=asked.help)


def toggle(spec: Spec, name: str, key: str, **known: Unpack[Known]) -> bool:
    """On or off."""
    asked = _setting(spec, name, known)
    return st.toggle(asked.label, asked.start, key=key, bind="query-params", help=asked.help)


def help_of(spec: Spec, name: str) -> str:
    """The help of a field, for a question that is more than a number: whom to take as a teacher, which texts."""
    return controls.help_text(spec.model_fields[name])


def _setting(spec: Spec, name: str, known: Known) -> Setting:
    return replace(controls.setting(spec, name), **known)


def _range(asked: Setting) -> tuple[str, Any, Any, Any, Any]:
    """The arguments that Streamlit's widgets for a range begin with."""
    return asked.label, asked.least, asked.most, asked.start, asked.step


def _short(value: Number) -> str:
    return f"{value:g}"
