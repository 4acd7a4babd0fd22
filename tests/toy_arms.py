"""Two arms that join the table before anything else is loaded: `python -m pytest -p toy_arms tests/jobs/added_arms.py`.

This is all that a new arm takes, beside a function in `jobs/learners.py` for a fine-tuning's.
"""

from __future__ import annotations

from distill_core import arms
from distill_core.arms import INDIGO, OCHER, DistillArm, FinetuneArm

COIN = FinetuneArm(
    "coin", "Coin", "No network: every class is as likely.", INDIGO, "a coin", passes=None, offered=("fine-tune",)
)
HOT = DistillArm("hot", "Hot", "The student learns from much softer targets.", OCHER, changes={"temperature": 8.0})

arms.FINETUNE = (*arms.FINETUNE, COIN)
arms.DISTILL = (*arms.DISTILL, HOT)
arms.TABLES |= {"finetune": arms.FINETUNE, "distill": arms.DISTILL}
