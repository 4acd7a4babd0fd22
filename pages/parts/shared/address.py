"""Numbers that stand in a page's address. Anybody may type one there: `?d_seed=inf`, `nan`, `1e999`."""

from __future__ import annotations

from typing import Any

import streamlit as st

Range = tuple[int | None, int | None, int | None]


def whole_number(label: str, limits: Range, key: str, **more: Any) -> int:
    """A whole number to type, bound to the address; `limits` are least, most and start (None: the least).

    Streamlit turns what the address holds into an int before it looks at the range, and fails at an infinite one. So
    the widget is one of fractions, which refuses those and takes its start instead, and shows no decimals.
    """
    least, most, start = (None if limit is None else float(limit) for limit in limits)
    begin: Any = "min" if start is None else start
    return int(st.number_input(label, least, most, begin, 1.0, "%.0f", key=key, bind="query-params", **more))
