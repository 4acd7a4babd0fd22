"""A waiting run in words: its place in the queue, and when its turn will be."""

from __future__ import annotations

import contextlib

from distill_core import units
from distill_core.errors import DistillError
from distill_core.launch.launchers import get_launcher
from distill_core.runs.run import Run

SOON_S = 5.0


def words(run: Run) -> str:
    """`Waiting, place 3 of 7, begins in about 4 min`; without a time where none can be told."""
    launcher = get_launcher()
    place = launcher.queue_position(run.id)
    if place is None:
        return "About to start"
    text = f"Waiting, place {place} of {max(place, launcher.queue_length())}"
    expected_s = None
    with contextlib.suppress(DistillError):  # it began, or was deleted, between the two looks
        expected_s = launcher.expected_start_s(run.id)
    if expected_s is None:
        return text
    return f"{text}, begins " + ("soon" if expected_s < SOON_S else f"in about {units.duration(expected_s)}")
