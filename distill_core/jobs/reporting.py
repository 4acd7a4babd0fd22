"""How a job tells where it stands: one fraction over all its arms, the time left, and the points of its curves."""

from __future__ import annotations

import time

from distill_core.results import Metric
from distill_core.runs.control import JobContext
from distill_core.training.loop import Progress


class Reporter:
    """Progress over several arms. Finished arms of an earlier try count as done.

    Arms cost 1 each and their number is the whole, unless a job says what each costs (`starts`) and all cost together.
    """

    def __init__(self, context: JobContext, n_arms: float, n_done: float = 0) -> None:
        self._context, self._n_arms, self._done = context, max(1, n_arms), n_done
        self._first = n_done / self._n_arms
        self._cost = 1.0
        self._started = time.monotonic()

    def starts(self, cost: float) -> None:
        """The arm that begins now costs so much of the whole."""
        self._cost = cost

    def say(self, message: str, share: float = 0.0) -> None:
        """`share` (0–1) is how much of the current arm is done."""
        fraction = min(0.99, (self._done + share * self._cost) / self._n_arms)
        gained, elapsed = fraction - self._first, time.monotonic() - self._started
        eta = elapsed / gained * (1 - fraction) if gained > 0.02 else None
        self._context.progress(fraction, message, eta)

    def arm_done(self, cost: float | None = None) -> None:
        """The arm is over, one that costs `cost` where several go at once."""
        self._done += self._cost if cost is None else cost

    def on_training(self, arm: str, title: str, progress: Progress) -> None:
        """Listener for `training.fit`: one line for the bar, points for the curves."""
        self.say(f"{title}: step {progress.step} of {progress.total_steps}", progress.step / progress.total_steps)
        self._context.metrics(
            [
                Metric(
                    arm=arm,
                    step=progress.step,
                    epoch=progress.epoch,
                    examples=progress.examples,
                    elapsed_s=progress.elapsed_s,
                    split="train" if progress.split == "train" else "validation",
                    name=name,
                    value=value,
                )
                for name, value in progress.values.items()
            ]
        )
