"""A stand-in for torchvision, put into the process of the torchdistill contender alone.

torchdistill imports torchvision for its image models, which no text uses. PyPI's torchvision is built for a CUDA torch
and does not import beside the CPU build that this project pins ("operator torchvision::nms does not exist"). The names
that torchdistill imports exist here and do nothing; nothing of them runs in the benchmark.
"""

from __future__ import annotations

import sys
from types import ModuleType

_NAMES: dict[str, tuple[str, ...]] = {
    "torchvision": (),
    "torchvision.datasets": (),
    "torchvision.models": (),
    "torchvision.models.detection": (),
    "torchvision.models.segmentation": (),
    "torchvision.models.densenet": ("_DenseBlock", "_Transition"),
    "torchvision.models.resnet": ("BasicBlock", "conv1x1"),
}


def install() -> None:
    """Make the empty modules importable in this process."""
    for full_name, contents in _NAMES.items():
        module = ModuleType(full_name, __doc__)
        for name in contents:
            setattr(module, name, type(name, (), {}))
        sys.modules[full_name] = module
        parent, _, name = full_name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], name, module)
