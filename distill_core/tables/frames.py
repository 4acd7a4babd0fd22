"""Records → DataFrames whose columns have their type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd


def typed(
    records: Sequence[Mapping[Any, Any]], columns: Sequence[str], counts: Iterable[str], measures: Iterable[str]
) -> pd.DataFrame:
    """The records with whole numbers, numbers and texts as what they are; what is missing is NA."""
    kinds = {**dict.fromkeys(counts, "Int64"), **dict.fromkeys(measures, "Float64")}
    frame = pd.DataFrame(records, columns=list(columns))
    return frame.astype({name: kinds.get(name, "string") for name in columns})
