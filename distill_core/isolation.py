"""A function in a process of its own, its results as they come. A process that is killed costs its own results alone.

Children come from a fork server that has torch, transformers and the function's own module loaded (14 ms a child
instead of 2 s); where the system has none (Windows), they are spawned. The fork server itself never touches a device.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from distill_core.errors import DistillError, ModelError

PRELOAD = ["distill_core.preloaded"]
POLL_S = 0.2


def run_isolated(
    function: Callable[..., Iterator[Any]], *args: Any, check: Callable[[], None] = lambda: None
) -> Iterator[Any]:
    """Yield what `function(*args)` yields, computed in a child process. `check` may raise to stop: the child is ended.

    Raises:
        DistillError: what the child raised; ModelError when it was killed, for instance for lack of memory.
    """
    methods = multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload([*PRELOAD, function.__module__])
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(sender, function, args), daemon=True)
    child.start()
    sender.close()
    try:
        yield from _receive(receiver, child, check)
    finally:
        if child.is_alive():
            child.kill()
        child.join()
        receiver.close()


def _receive(receiver: Connection, child: Any, check: Callable[[], None]) -> Iterator[Any]:
    while True:
        check()
        if not wait([receiver], timeout=POLL_S):  # blocks: polling busily here would disturb the measurement
            continue
        try:
            kind, value = receiver.recv()
        except (EOFError, OSError):  # OSError: it ended in the middle of a result
            child.join()
            raise ModelError(_epitaph(child.exitcode), "Choose a smaller model, batch or length.") from None
        if kind == "end":
            return
        if kind == "error":
            raise value
        yield value


def _epitaph(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        cause = " The system probably ran out of memory." if name == "SIGKILL" else ""
        return f"The process of this model was ended by {name}.{cause}"
    return f"The process of this model ended without a result (exit {code})."


def explained(error: Exception) -> DistillError:
    """What went wrong with one model, in one sentence; of an unforeseen error the traceback goes to the log."""
    if isinstance(error, DistillError):
        return error
    if isinstance(error, MemoryError):
        return ModelError("Not enough memory.", "Choose a smaller model, batch or length.")
    traceback.print_exception(error)
    text = (str(error).strip().splitlines() or [""])[0][:200]
    return ModelError(f"{type(error).__name__}: {text}", "The log of the run has the details.")


def _child(sender: Connection, function: Callable[..., Iterator[Any]], args: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    try:
        for value in function(*args):
            sender.send(("value", value))
        sender.send(("end", None))
    except Exception as error:  # noqa: BLE001 - one model's failure is one row's error, whatever it is
        sender.send(("error", explained(error)))
