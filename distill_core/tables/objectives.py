"""Scenes of the objectives → the frame of their figure."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from distill_core import families
from distill_core.results.scenes import Scene


def signals(scenes: Sequence[Scene]) -> pd.DataFrame:
    """How many tokens give each objective a signal, the largest share first; families of equal share in their order.

    Columns: family, title, share (0–1), n_signal, n_tokens.
    """
    rows = [
        {
            "family": scene.family,
            "title": families.get(scene.family).title,
            "share": scene.share,
            "n_signal": scene.n_signal,
            "n_tokens": scene.n_tokens,
        }
        for scene in scenes
    ]
    frame = pd.DataFrame(rows, columns=["family", "title", "share", "n_signal", "n_tokens"])
    return frame.sort_values("share", ascending=False, kind="stable", ignore_index=True)
