"""One training in one process or in several: each computes its share of every batch, and all take the same step.

Device, precision and processes go through accelerate; `accelerate launch` or torchrun starts the processes of a script.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from distill_core.machine.devices import Device
from distill_core.runs.control import Stopped


def accelerator_for(device: Device) -> Accelerator:
    """accelerate's view of this device and of the processes."""
    precision = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}[device.dtype]
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        # accelerate keeps the first choice of device and precision for the whole process; the next arm may differ
        AcceleratorState._reset_state(reset_partial_state=True)
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)  # XLNet has weights for pre-training alone
    return Accelerator(cpu=not device.is_accelerator, mixed_precision=precision, kwargs_handlers=[unused])


def own_share(accelerator: Accelerator, indices: Sequence[int]) -> tuple[Sequence[int], float]:
    """This process's part of the batch, and its weight: gradients are averaged over processes, not over texts.

    A last batch may be smaller than the number of processes: a process without a text takes one, with weight 0.
    """
    n = accelerator.num_processes
    share = indices[accelerator.process_index :: n]
    return share or indices[:1], len(share) * n / len(indices)


def of_all(accelerator: Accelerator, values: Mapping[str, Tensor | float], weight: float) -> dict[str, Tensor]:
    """The scalars of a step over the whole batch, of which this process knows its share, with its weight, alone."""
    known = {name: torch.as_tensor(value).detach() for name, value in values.items()}
    if accelerator.num_processes == 1:
        return known
    shares = torch.stack([value.to(accelerator.device, torch.float32) for value in known.values()]) * weight
    return dict(zip(known, accelerator.reduce(shares, reduction="mean"), strict=True))


def stop_asked(accelerator: Accelerator, check: Callable[[], None]) -> BaseException | None:
    """What `check` raises. Of several processes the user reaches one; the others stop with it, before the same step."""
    stop: BaseException | None = None
    try:
        check()
    except BaseException as error:  # noqa: BLE001 - the caller raises it
        stop = error
    if accelerator.num_processes > 1:
        stops = accelerator.reduce(torch.tensor(float(stop is not None), device=accelerator.device))
        stop = stop or (Stopped() if stops.item() else None)
    return stop


def average_outside(accelerator: Accelerator, model: nn.Module) -> None:
    """Average the gradients of parameters that a step uses beside the model's own forward pass, as a projection:
    DistributedDataParallel was told to leave them alone, since it would take them for unused."""
    named = getattr(accelerator.unwrap_model(model), "_ddp_params_and_buffers_to_ignore", ())
    if accelerator.num_processes == 1 or not named:
        return
    for name, parameter in accelerator.unwrap_model(model).named_parameters():
        if name in named and parameter.grad is not None:
            parameter.grad = accelerator.reduce(parameter.grad, reduction="mean")
