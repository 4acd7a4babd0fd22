"""What the fork server of `isolation` has loaded before it makes children, so that no child pays for it.

transformers compiles its table of old weight names once a process (0.4 s): in a child that would be counted as the
loading time of its model.
"""

from __future__ import annotations

from transformers.conversion_mapping import get_checkpoint_conversion_mapping

from distill_core.measure import benchmark
from distill_core.models import loading

__all__ = ["benchmark", "loading"]

get_checkpoint_conversion_mapping("bert")
