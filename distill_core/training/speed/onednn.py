"""Matrix products by oneDNN where torch's own library leaves half of the processor idle.

On x86 torch multiplies float32 matrices with Intel's MKL, which uses AVX-512 on Intel's processors alone: on AMD's it
stops at AVX2. oneDNN, which comes with torch too, uses what is there. On an EPYC with AVX-512 (torch 2.13, one thread,
the products of a 384 wide BERT layer, forward and both backward ones) that is 150 to 230 Gflop/s in place of 100.
The numbers are float32 sums of the same terms in another order.

The choice depends on the processor alone, never on a measurement: a resumed run must multiply as before.
"""

from __future__ import annotations

import contextlib
import platform
import sys
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D


@contextlib.contextmanager
def onednn_products(model: nn.Module) -> Iterator[None]:
    """Within this block the linear layers of `model` multiply by oneDNN where that is faster.

    Only float32 on the processor; layers that are adapters or quantized are left as they are.
    """
    layers = [module for module in model.modules() if type(module) in _FORWARD] if _is_faster() else []
    mine = [layer for layer in layers if "forward" not in vars(layer)]  # not those of an outer block
    for layer in mine:
        layer.forward = partial(_FORWARD[type(layer)], layer)
    try:
        yield
    finally:
        for layer in mine:
            vars(layer).pop("forward", None)


@cache
def _is_faster() -> bool:
    """Whether this is a processor with AVX-512 on which MKL does not use it."""
    there = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    has_op = hasattr(torch.ops.mkldnn, "_linear_pointwise")
    return there and has_op and torch.backends.cpu.get_cpu_capability() == "AVX512" and _vendor() == "AuthenticAMD"


def _vendor() -> str:
    """`AuthenticAMD`, `GenuineIntel`; empty where it is not known."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            return next((line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")), "")
    return platform.processor().rpartition(" ")[2]  # Windows: "AMD64 Family 25 Model 1 Stepping 1, AuthenticAMD"


def _linear(layer: nn.Linear, inputs: Tensor) -> Tensor:
    return _product(inputs, layer.weight, layer.bias) if _can(layer, inputs) else nn.Linear.forward(layer, inputs)


def _conv1d(layer: Any, inputs: Tensor) -> Tensor:
    """GPT's layer holds its weight as (in, out)."""
    if not _can(layer, inputs):
        plain: Tensor = Conv1D.forward(layer, inputs)
        return plain
    return _product(inputs, layer.weight.t(), layer.bias)


_FORWARD: dict[type, Any] = {nn.Linear: _linear, Conv1D: _conv1d}


def _can(layer: Any, inputs: Tensor) -> bool:
    plain = inputs.dtype == layer.weight.dtype == torch.float32 and inputs.device.type == "cpu" and inputs.numel() > 0
    return plain and not torch.is_autocast_enabled("cpu")


def _product(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """inputs · weightᵀ + bias. Shapes: (…, in), (out, in), (out,) → (…, out)."""
    if not torch.is_grad_enabled():
        return _multiply(inputs, weight, bias)
    found: Tensor = _Product.apply(inputs, weight, bias)  # type: ignore[no-untyped-call]
    return found


def _multiply(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")
    return found


class _Product(torch.autograd.Function):
    """The product with its gradients: ∂x = ∂y · W,  ∂W = ∂yᵀ · x,  ∂b = Σ ∂y."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        return _multiply(inputs, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        flat, read = _flat(gradient), _flat(inputs)  # (tokens, out), (tokens, in)
        wants_inputs, wants_weight, wants_bias = ctx.needs_input_grad
        to_inputs = _multiply(flat, weight.t()).view_as(inputs) if wants_inputs else None
        to_weight = _multiply(flat.t(), read.t()) if wants_weight else None
        return to_inputs, to_weight, flat.sum(0) if wants_bias else None


def _flat(tensor: Tensor) -> Tensor:
    """(…, width) → (tokens, width), without gaps: over gaps, as of every text's first token, oneDNN is 300 × slower."""
    return tensor.reshape(-1, tensor.shape[-1]).contiguous()
