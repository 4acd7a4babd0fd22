"""Functions in processes of their own. A process that is killed costs its own results alone.

`run_isolated` yields one function's results as they come; `side_by_side` does many tasks, several at once. Children
come from a fork server that has torch, transformers and the function's own module loaded (14 ms a child instead of
2 s); where the system has none (Windows), they are spawned. The fork server itself never touches a device.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any, cast

from distill_core.errors import DistillError, ModelError, RunError
from distill_core.files import disk
from distill_core.jobs import orphans
from distill_core.machine import capacity
from distill_core.runs.control import Control, JobContext, Stopped
from distill_core.runs.run import Run

PRELOAD = ["distill_core.jobs.preloaded"]
POLL_S = 0.2
STOP_S = 8.0  # what stopped tasks may take to write their checkpoints; the queue kills a run after ten


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
    for number in (signal.SIGINT, *([signal.SIGHUP] if sys.platform != "win32" else [])):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    orphans.end_with_parent()
    try:
        for value in function(*args):
            sender.send(("value", value))
        sender.send(("end", None))
    except Exception as error:  # noqa: BLE001 - one model's failure is one row's error, whatever it is
        sender.send(("error", explained(error)))


# ── many tasks, several at once ──────────────────────────────────────────────────────────────────────────────────


Work = Callable[[Any, Callable[[Any], None], Callable[[], None]], Any]
"""work(task, tell, check) → result. `tell` sends news; `check` obeys pause, step and stop, and raises Stopped."""
Listen = Callable[[Any, Any], None]


@dataclass(frozen=True)
class Outcome:
    """How a task ended: with a result, or with the error that it failed with. `killed`: its process was ended from
    outside, so that it may go well another time."""

    key: Any
    result: Any = None
    error: DistillError | None = None
    killed: bool = False


def side_by_side(
    work: Work, tasks: Iterable[tuple[Any, Any]], at_once: int, context: JobContext, listen: Listen
) -> Iterator[Outcome]:
    """Do `work(task, tell, check)` for each (key, task), and yield how each ended, in the order in which they do.

    With `at_once` 0 all is done in this process, one after the other; else each task has a process of its own. `tasks`
    is read when there is room for one more, and `listen(key, news)` hears what a task tells. All obey the run's
    commands. After a stop, what has been finished meanwhile is yielded first.

    Raises:
        Stopped: the run was stopped.
        OSError: a task met one, for instance a full disk: the other tasks would meet it too.
    """
    if at_once == 0:
        for key, task in tasks:
            yield attempt(key, partial(work, task, partial(listen, key), context.check))
        return
    waiting = iter(tasks)
    children: dict[Connection, tuple[Any, _Child]] = {}
    try:
        while True:
            while len(children) < at_once and (next_one := next(waiting, None)) is not None:
                key, task = next_one
                child = _Child(_obeying, work, pickle.dumps(task), context.run)  # tensors as numbers, not as handles
                children[child.receiver] = key, child
            if not children:
                return
            context.watch()
            yield from _ended(children, context, listen)
    except Stopped:
        yield from _last_words(children)
        raise
    finally:
        for _, child in children.values():
            child.end()


def _ended(children: dict[Connection, tuple[Any, _Child]], context: JobContext, listen: Listen) -> Iterator[Outcome]:
    """Hear what they say within POLL_S; those that have ended are taken out."""
    for receiver in cast(list[Connection], wait(list(children), timeout=POLL_S)):
        key, child = children[receiver]
        outcome = _outcome(key, child, context, listen)
        if outcome is not None:
            del children[receiver]
            child.end()
            yield outcome


def attempt(key: Any, do: Callable[[], Any]) -> Outcome:
    """Do one task in this process: what came of it, or the error that it failed with. Raises Stopped and OSError."""
    try:
        return Outcome(key, do())
    except (Stopped, OSError):
        raise
    except Exception as error:
        if (full := disk.as_os_error(error)) is not None:
            raise full from error
        said = explained(error)
        return Outcome(key, error=said.with_traceback(None))  # the traceback would keep the task's tensors alive


def _outcome(key: Any, child: _Child, context: JobContext, listen: Listen) -> Outcome | None:
    """What the child's next message means; None while it goes on."""
    try:
        kind, value = child.read()
    except ModelError as error:
        time.sleep(POLL_S)  # a signal to all reaches one before the other: then it was a stop
        context.watch()
        return Outcome(key, error=error, killed=True)
    if kind == "told":
        listen(key, value)
        return None
    if kind == "stopped":
        time.sleep(POLL_S)
        context.watch()
        return Outcome(key, error=ModelError("The process of this model was asked to end.", "Resume."), killed=True)
    if kind == "broken":
        raise OSError(*value)
    return Outcome(key, error=value) if kind == "error" else Outcome(key, value)


def _last_words(children: dict[Connection, tuple[Any, _Child]]) -> Iterator[Outcome]:
    """Wait until all have obeyed, together no longer than STOP_S; the results that were there already."""
    deadline = time.monotonic() + STOP_S
    for _, child in children.values():
        child.ask_to_stop()
    for key, child in children.values():
        last = child.last_message(deadline)
        if last is not None and last[0] == "end":
            yield Outcome(key, last[1])


def _obeying(sender: Connection, work: Work, pickled: bytes, run: Run) -> None:
    """A child that takes the run's commands itself: a pause holds it at its own next step."""

    def tell(news: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # the parent was killed: the next check notices, and all is saved
            sender.send(("told", news))

    orphans.end_with_parent(STOP_S)
    with _ChildControl(run) as control, contextlib.suppress(BrokenPipeError):
        try:
            task = pickle.loads(pickled)  # noqa: S301 - by the parent
            sender.send(("end", work(task, tell, control.check)))
        except Stopped:
            sender.send(("stopped", None))
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - one task's failure is its own
            system = error if isinstance(error, OSError) else disk.as_os_error(error)
            sender.send(("error", explained(error)) if system is None else ("broken", (system.errno, system.strerror)))


class _ChildControl(Control):
    """The commands of the run for one of its children: the run's own process alone says that the run is paused."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._stepped = run.control()[1]  # a step that was asked for before is none for this child

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
        with contextlib.suppress(BrokenPipeError):  # killed before it had read its task: `read` says so
            self._process.start()
        sender.close()

    def read(self) -> tuple[str, Any]:
        """The next message. Raises ModelError where there will be none."""
        try:
            kind, value = self.receiver.recv()
            return kind, value
        except (EOFError, OSError):  # OSError: it ended in the middle of a result
            if self._process.pid is not None:
                self._process.join()
            raise ModelError(_epitaph(self._process.exitcode), "Choose a smaller model, batch or length.") from None

    def ask_to_stop(self) -> None:
        """SIGTERM, where there is one: a child that obeys writes its checkpoint first. On Windows terminating is
        killing; there children see the run's command by themselves."""
        if sys.platform != "win32" and self._process.pid is not None:
            self._process.terminate()

    def last_message(self, deadline: float) -> tuple[str, Any] | None:
        """Wait until it ends or the time is over; the last thing that it said."""
        last: tuple[str, Any] | None = None
        with contextlib.suppress(EOFError, OSError):  # it has ended
            while (left := deadline - time.monotonic()) > 0:
                if self.receiver.poll(left):
                    last = self.receiver.recv()
        return last

    def end(self) -> None:
        """It is over for this child, whatever it does."""
        self.receiver.close()
        if self._process.is_alive():
            self._process.kill()
        if self._process.pid is not None:
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
    if disk.is_full(error):
        return RunError(disk.MESSAGE, disk.HINT)
    if capacity.ran_out_of_memory(error):
        return ModelError("Not enough memory.", "Choose a smaller model, batch or length.")
    traceback.print_exception(error)
    text = (str(error).strip().splitlines() or [""])[0][:200]
    return ModelError(f"{type(error).__name__}: {text}", "The log of the run has the details.")
