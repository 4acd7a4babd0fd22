"""What a page shows of a run is computed once for all visitors, until a file of the run changes.

    @once.per_result
    def _figure(run: Run, arm: str, dark: bool) -> None: ...

The function is called for the first visitor. What it returns is kept, and so is what it draws: static elements
(figures, tables, text, containers) are sent again as they were; widgets have to stay outside. So it depends on the
run and on its other arguments alone, which are plain values; nobody changes what it returns, since all sessions share
it. Streamlit keeps element messages with the result of a cached function, which costs a session 0.1 ms an element.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import streamlit as st

from distill_core.runs.run import Run

MOST = 500  # results kept; the longest unused go first. A figure has about 20 kB
P = ParamSpec("P")
T = TypeVar("T")


def per_result(function: Callable[Concatenate[Run, P], T]) -> Callable[Concatenate[Run, P], T]:
    """The same function, called once for each version of a run's results and each choice of the other arguments."""

    @wraps(function)
    def kept(run: Run, /, *choices: P.args, **named: P.kwargs) -> T:
        return same(lambda: function(run, *choices, **named), _name(function), run.path, run.version(), choices, named)

    return kept


def per_point(function: Callable[Concatenate[Run, P], T]) -> Callable[Concatenate[Run, P], T]:
    """As `per_result`, for what is made of the run's curves as well: they have a new version with every point."""

    @wraps(function)
    def kept(run: Run, /, *choices: P.args, **named: P.kwargs) -> T:
        version = run.version(), run.curves_version()
        return same(lambda: function(run, *choices, **named), _name(function), run.path, version, choices, named)

    return kept


def same(make: Callable[[], T], *asked: object) -> T:
    """The result of `make`, called once for all that `asked` (plain values, the first a name) tells apart."""
    found: T = _kept(repr(asked), make)
    return found


def _name(function: Callable[..., object]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


@st.cache_resource(max_entries=MOST, show_spinner=False)
def _kept(asked: str, _make: Callable[[], T]) -> T:
    return _make()
