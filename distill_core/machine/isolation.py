"""Functions in processes of their own. A process that is killed costs its own results alone.

`run_isolated` yields one function's results as they come; `side_by_side` does many tasks, several at once. Children
come from a fork server that has torch, transformers and the function's own module loaded (14 ms a child instead of
2 s); where the system has none (Windows), they are spawned. The fork server itself never touches a device.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from distill_core.errors import DistillError, ModelError
from distill_core.runs import Run
from distill_core.runs.control import Control, JobContext, Stopped

PRELOAD = ["distill_core.machine.preloaded"]
POLL_S = 0.2
STOP_S = 20.0  # what a stopped task may take to write its checkpoint


# ── one function, its results as they come ───────────────────────────────────────────────────────────────────────


def run_isolated(
    function: Callable[..., Iterator[Any]], *args: Any, check: Callable[[], None] = lambda: None
) -> Iterator[Any]:
    """Yield what `function(*args)` yields, computed in a child process. `check` may raise to stop: the child is ended.

    Raises:
        DistillError: what the child raised; ModelError when it was killed, for instance for lack of memory.
    """
    child = _Child(_yielding, function, *args)
    try:
        while True:
            check()
            if not wait([child.receiver], timeout=POLL_S):  # blocks: polling busily would disturb the measurement
                continue
            kind, value = child.read()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        child.end()


def _yielding(sender: Connection, function: Callable[..., Iterator[Any]], *args: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    try:
        for value in function(*args):
            sender.send(("value", value))
        sender.send(("end", None))
    except Exception as error:  # noqa: BLE001 - one model's failure is one row's error, whatever it is
        sender.send(("error", explained(error)))


# ── many tasks, several at once ──────────────────────────────────────────────────────────────────────────────────


Work = Callable[[Any, Callable[[Any], None], Callable[[], None]], Any]
"""work(task, tell, check) → result. `tell` sends news; `check` obeys pause, step and stop, and raises Stopped."""


@dataclass(frozen=True)
class Outcome:
    """How a task ended: with a result, or with the error that it failed with."""

    key: Any
    result: Any = None
    error: DistillError | None = None


def side_by_side(
    work: Work, tasks: Iterable[tuple[Any, Any]], at_once: int, context: JobContext,
    listen: Callable[[Any, Any], None],
) -> Iterator[Outcome]:  # fmt: skip
    """Do `work(task, tell, check)` for each (key, task), and yield how each ended, in the order in which they do.

    Where only one goes at once, it is done in this process. `tasks` is read when there is room for one more, and
    `listen(key, news)` hears what a task tells. All obey the run's commands; a stop waits until they have obeyed.

    Raises:
        Stopped: the run was stopped.
        OSError: a task met one (a full disk is everybody's).
    """
    if at_once == 1:
        for key, task in tasks:
            yield _here(work, key, task, context, listen)
        return
    waiting = iter(tasks)
    children: dict[Connection, tuple[Any, _Child]] = {}
    try:
        while True:
            while len(children) < at_once and (next_one := next(waiting, None)) is not None:
                key, task = next_one
                child = _Child(_obeying, work, task, context.run)
                children[child.receiver] = key, child
            if not children:
                return
            context.check()
            for receiver in wait(list(children), timeout=POLL_S):
                key, child = children[receiver]  # type: ignore[index]
                outcome = _outcome(key, child, listen)
                if outcome is not None:
                    del children[receiver]  # type: ignore[arg-type]
                    child.end()
                    yield outcome
    finally:
        for _, child in children.values():
            child.ask_to_stop()
        for _, child in children.values():
            child.end(STOP_S)


def _here(
    work: Work, key: Any, task: Any, context: JobContext, listen: Callable[[Any, Any], None]
) -> Outcome:  # fmt: skip
    try:
        return Outcome(key, work(task, lambda news: listen(key, news), context.check))
    except (Stopped, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - as in a child
        return Outcome(key, error=explained(error))


def _outcome(key: Any, child: _Child, listen: Callable[[Any, Any], None]) -> Outcome | None:
    """What the child's next message means; None while it goes on."""
    try:
        kind, value = child.read()
    except ModelError as error:
        return Outcome(key, error=error)
    if kind == "told":
        listen(key, value)
        return None
    if kind == "stopped":
        raise Stopped
    if kind == "broken":
        raise value
    return Outcome(key, error=value) if kind == "error" else Outcome(key, value)


def _obeying(sender: Connection, work: Work, task: Any, run: Run) -> None:
    """A child that takes the run's commands itself: a pause holds it at its own next step."""
    with _ChildControl(run) as control:
        try:
            result = work(task, lambda news: sender.send(("told", news)), control.check)
            sender.send(("end", result))
        except BrokenPipeError:
            return  # the parent has been killed
        except Stopped:
            sender.send(("stopped", None))
        except OSError as error:
            sender.send(("broken", error))
        except Exception as error:  # noqa: BLE001 - one task's failure is its own
            sender.send(("error", explained(error)))


class _ChildControl(Control):
    """The commands of the run for one of its children: the run's own process alone says that the run is paused."""

    def _tell(self, **changes: Any) -> None:
        return None

    def _look(self) -> None:
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            raise Stopped  # killed: nobody would hear the result
        super()._look()


# ── a child process ──────────────────────────────────────────────────────────────────────────────────────────────


class _Child:
    """A process that does `entry(sender, function, *args)`, and the end of the pipe on which it is heard."""

    def __init__(self, entry: Callable[..., None], function: Callable[..., Any], *args: Any) -> None:
        methods = multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if "forkserver" in methods:
            context.set_forkserver_preload([*PRELOAD, function.__module__])
        self.receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=entry, args=(sender, function, *args), daemon=True)
        self._process.start()
        sender.close()

    def read(self) -> tuple[str, Any]:
        """The next message. Raises ModelError where there will be none."""
        try:
            kind, value = self.receiver.recv()
            return kind, value
        except (EOFError, OSError):  # OSError: it ended in the middle of a result
            self._process.join()
            raise ModelError(_epitaph(self._process.exitcode), "Choose a smaller model, batch or length.") from None

    def ask_to_stop(self) -> None:
        """SIGTERM: a child that obeys writes its checkpoint first."""
        self._process.terminate()

    def end(self, patience_s: float = 0.0) -> None:
        """It is over for this child, at once or after some seconds of patience. What it still says is not heard."""
        deadline = time.monotonic() + patience_s
        with contextlib.suppress(EOFError, OSError):  # it has ended
            while (left := deadline - time.monotonic()) > 0:
                if self.receiver.poll(left):
                    self.receiver.recv()
        self.receiver.close()
        if self._process.is_alive():
            self._process.kill()
        self._process.join()


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
