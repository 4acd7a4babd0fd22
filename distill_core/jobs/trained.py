"""A training that is not done twice: where a run is stopped after it and before its rows are written, the weights are
kept, and the next try takes them up. Testing, saving and comparing models takes time too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from distill_core.files.json_files import read_json, write_json
from distill_core.files.whole import whole_file
from distill_core.machine.devices import Device
from distill_core.runs.control import Stopped
from distill_core.training.loop import FitReport, Hooks, Step, TrainSettings, fit

_WEIGHTS, _REPORT = "trained.safetensors", "trained.json"


@dataclass(frozen=True)
class Trained:
    """What a training came to: all weights that have learned, its report, and the folder of its checkpoints."""

    weights: dict[str, Tensor]
    report: FitReport
    folder: Path

    @contextlib.contextmanager
    def kept_when_stopped(self) -> Iterator[None]:
        """Whatever ends this block before its time, a stop or a full disk, leaves the training in its folder."""
        try:
            yield
        except (Stopped, OSError):
            with contextlib.suppress(OSError):
                self._save()
            raise

    def _save(self) -> None:
        """The report comes last: without it there is nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / _REPORT).unlink(missing_ok=True)
        with whole_file(self.folder / _WEIGHTS) as new:
            save_file({name: tensor.detach().contiguous() for name, tensor in self.weights.items()}, new)
        write_json(self.folder / _REPORT, asdict(self.report))


def train(
    model: nn.Module, lengths: Sequence[int], step: Step, settings: TrainSettings, device: Device, hooks: Hooks
) -> Trained:
    """As `fit`, or what a try has left in the hooks' folder that was stopped after its training. The weights are shared
    with the model, not copied."""
    if hooks.checkpoint_dir is None:
        raise ValueError("a training that is kept needs a folder for its checkpoints")
    report = _taken_up(hooks.checkpoint_dir, model, device) or fit(model, lengths, step, settings, device, hooks)
    weights: dict[str, Tensor] = {
        name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad
    }
    return Trained(weights, report, hooks.checkpoint_dir)


def _taken_up(folder: Path, model: nn.Module, device: Device) -> FitReport | None:
    """Put the weights of the folder into the model, on its device; None where there are none."""
    report = read_json(folder / _REPORT)
    if report is None:
        return None
    model.load_state_dict(load_file(folder / _WEIGHTS), strict=False)
    model.to(device.torch_device)
    return FitReport(**report)
