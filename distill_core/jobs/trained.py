"""The weights of a training that is over, written where the run is stopped before its rows are: testing, saving and
comparing models takes time too, and nothing that was learned shall be learned twice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from distill_core.files.json_files import read_json, write_json
from distill_core.machine.devices import Device
from distill_core.runs.control import Stopped
from distill_core.training.loop import FitReport

_WEIGHTS, _REPORT = "trained.safetensors", "trained.json"


@dataclass(frozen=True)
class Trained:
    """What a training came to: all weights that have learned, and its report."""

    weights: dict[str, Tensor]
    report: FitReport

    @contextlib.contextmanager
    def kept_when_stopped(self, folder: Path) -> Iterator[None]:
        """Whatever ends this block before its time, a stop or a full disk, leaves the training in `folder`."""
        try:
            yield
        except (Stopped, OSError):
            with contextlib.suppress(OSError):
                self._save(folder)
            raise

    def _save(self, folder: Path) -> None:
        """The report comes last: without it there is nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _REPORT).unlink(missing_ok=True)
        save_file({name: tensor.detach().contiguous() for name, tensor in self.weights.items()}, folder / _WEIGHTS)
        write_json(folder / _REPORT, asdict(self.report))


def learned_weights(model: nn.Module) -> dict[str, Tensor]:
    """All weights of the model that may learn, each once; they are shared with it, not copied."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def taken_up(folder: Path, model: nn.Module, device: Device) -> FitReport | None:
    """Put the weights that a stopped try has left in `folder` into the model, on its device; None where there are
    none."""
    report = read_json(folder / _REPORT)
    if report is None:
        return None
    model.load_state_dict(load_file(folder / _WEIGHTS), strict=False)
    model.to(device.torch_device)
    return FitReport(**report)
