"""Before its first result on an accelerator the product compares it with the CPU: wrong numbers are worse than none.

The mini BERT of data/minis, at 1, 8, 9 and 40 texts, in float32 and in the number format that was asked for. Done once
for a device, its driver and a version of torch; what has passed is remembered in the cache folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
from dataclasses import asdict
from pathlib import Path

import torch

from distill_core.errors import RunError
from distill_core.files.json_files import read_json, write_json
from distill_core.machine.devices import Device
from distill_core.measure import parity
from distill_core.measure.parity import Gap
from distill_core.model_ref import parse
from distill_core.models import loading
from distill_core.models.loading import LoadedModel
from distill_core.runs.store import RunStore
from distill_core.settings import settings

MODEL = "bert@mini"
_NVIDIA = Path("/proc/driver/nvidia/version")
_HINT = "Choose the CPU with --device cpu. After an update of torch or of the device's driver it is tested anew."


def require(device: Device) -> None:
    """Nothing on a CPU, and nothing where this device has passed before.

    Raises RunError when the device computes other logits than the CPU, or cannot compute them.
    """
    if not device.is_accelerator:
        return
    tested = identity(device)
    digest = hashlib.sha256(json.dumps(tested, sort_keys=True).encode()).hexdigest()[:16]
    record = settings().cache_dir / "self-test" / f"{digest}.json"
    if (read_json(record) or {}).get("tested") == tested:
        return
    found = compare(device)
    for dtype, gaps in found.items():
        for gap in gaps:
            if not gap.is_within:
                raise _failure(device, dtype, gap)
    with contextlib.suppress(OSError, RunError):  # a folder that may only be read: tested again next time
        record.parent.mkdir(parents=True, exist_ok=True)
        gaps_by_dtype = {dtype: [asdict(gap) for gap in gaps] for dtype, gaps in found.items()}
        write_json(record, {"tested": tested, "gaps": gaps_by_dtype})


def compare(device: Device) -> dict[str, tuple[Gap, ...]]:
    """The differences by number format: float32, in which texts are classified, and the one asked for."""
    dtypes = dict.fromkeys((torch.float32, device.torch_dtype))
    loaded = load_model()
    texts = parity.random_texts(loaded.family, loaded.model.config)
    try:
        return {
            str(dtype).removeprefix("torch."): parity.gaps(loaded.model, texts, device.torch_device, dtype)
            for dtype in dtypes
        }
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, NotImplementedError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
        raise RunError(
            f"The device {device.type} ({device.name}) cannot compute a small BERT in {device.dtype}: {reason}.", _HINT
        ) from error


def load_model() -> LoadedModel:
    """The mini with a head whose weights are always the same; the run's own random draws stay what they are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return loading.load(parse(MODEL), RunStore(settings().runs_dir), label_names=("no", "yes"))


def identity(device: Device) -> dict[str, str]:
    """What a result of the test holds for."""
    return {
        "device": device.type,
        "name": device.name,
        "dtype": device.dtype,
        "torch": torch.__version__,
        "driver": _driver(device.type),
    }


def _driver(device_type: str) -> str:
    """The driver's version as far as it can be told; Apple's comes with the system."""
    if device_type == "xpu":
        return str(torch.xpu.get_device_properties().driver_version)
    with contextlib.suppress(OSError, IndexError):
        if device_type == "cuda":
            return _NVIDIA.read_text(encoding="utf-8").splitlines()[0].strip()
    return f"{platform.system()} {platform.release()}"


def _failure(device: Device, dtype: str, gap: Gap) -> RunError:
    return RunError(
        f"The device {device.type} ({device.name}) computes other logits than the CPU: with {gap.batch_size} texts in "
        f"{dtype} they lie {gap.gap:.3g} standard deviations apart, allowed are {gap.tolerance:g}.",
        _HINT,
    )
