"""A function in a process of its own: results as they come, and whatever happens to the child stays with the child."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from distill_core.errors import DataError, ModelError
from distill_core.jobs.isolation import run_isolated

# Functions are found by name in the child, so they stand here, not inside the tests.


def three(offset):
    yield from (offset, offset + 1, offset + 2)


def nothing():
    return iter(())


def first_then_wait(path):
    yield os.getpid()
    while not os.path.exists(path):
        time.sleep(0.01)
    yield "seen"


def first_then_kill(number):
    yield os.getpid()
    os.kill(os.getpid(), number)
    yield "never"


def first_then_raise(error):
    yield 1
    raise error


def leave(code):
    yield 1
    sys.stdout.flush()
    os._exit(code)


def big():
    yield "x" * 5_000_000
    yield "y" * 5_000_000


def first_then_big():
    yield os.getpid()
    yield "x" * 50_000_000


def unsendable():
    yield 1
    yield lambda: None


def greedy():
    yield 1
    raise MemoryError


def kinds():
    import torch

    yield torch.get_num_threads() > 0


def ready():
    """What is there before the function imports anything."""
    names = set(sys.modules)
    from transformers import conversion_mapping

    yield {"torch", "transformers.modeling_utils", "distill_core.measure.benchmark"} - names
    yield conversion_mapping._checkpoint_conversion_mapping_cache is not None


class Stop(Exception):
    pass


def children():
    return [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]


def is_gone(pid):
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_all_results_arrive_in_order():
    assert list(run_isolated(three, 5)) == [5, 6, 7]
    assert list(run_isolated(nothing)) == []
    assert [len(text) for text in run_isolated(big)] == [5_000_000, 5_000_000]
    assert list(run_isolated(kinds)) == [True]


@pytest.mark.skipif("forkserver" not in multiprocessing.get_all_start_methods(), reason="children are spawned here")
def test_a_child_finds_loaded_what_would_count_as_its_models_loading_time():
    missing, compiled = run_isolated(ready)
    assert missing == set()
    assert compiled


def test_a_result_arrives_before_the_next_one_is_made(tmp_path):
    results = run_isolated(first_then_wait, str(tmp_path / "go"))
    pid = next(results)
    assert pid != os.getpid()
    (tmp_path / "go").touch()
    assert next(results) == "seen"
    assert list(results) == []
    assert is_gone(pid)


@pytest.mark.parametrize(("number", "name"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGSEGV, "SIGSEGV")])
def test_a_killed_child_costs_what_it_had_not_sent(number, name):
    results = run_isolated(first_then_kill, number)
    assert isinstance(next(results), int)
    with pytest.raises(ModelError, match=name) as caught:
        next(results)
    assert ("memory" in caught.value.message) == (name == "SIGKILL")
    assert caught.value.hint
    assert list(run_isolated(three, 0)) == [0, 1, 2]  # the next model is none the worse


def test_a_child_killed_in_the_middle_of_a_result_costs_that_result():
    results = run_isolated(first_then_big)
    child = psutil.Process(next(results))
    deadline, asleep = time.monotonic() + 10, 0
    while asleep < 10:  # the pipe is full
        assert time.monotonic() < deadline
        asleep = asleep + 1 if child.status() == psutil.STATUS_SLEEPING else 0
        time.sleep(0.01)
    child.kill()
    with pytest.raises(ModelError, match="SIGKILL"):
        next(results)


def test_a_child_that_just_leaves_is_an_error():
    results = run_isolated(leave, 3)
    assert next(results) == 1
    with pytest.raises(ModelError, match="exit 3"):
        next(results)


def test_an_error_in_the_users_terms_arrives_whole():
    results = run_isolated(first_then_raise, DataError("No texts.", "Add some."))
    assert next(results) == 1
    with pytest.raises(DataError) as caught:
        next(results)
    assert (caught.value.message, caught.value.hint, caught.value.kind) == ("No texts.", "Add some.", "data")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("shapes differ\nsecond line"), "ValueError: shapes differ"),
        (RuntimeError("x" * 10_000), "RuntimeError: xxx"),
        (KeyError(), "KeyError: "),
    ],
)
def test_any_other_error_becomes_one_sentence(error, text):
    results = run_isolated(first_then_raise, error)
    assert next(results) == 1
    with pytest.raises(ModelError) as caught:
        next(results)
    assert caught.value.message.startswith(text)
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300


def test_a_lack_of_memory_is_said_in_words():
    with pytest.raises(ModelError, match="Not enough memory"):
        list(run_isolated(greedy))


def test_a_result_that_cannot_be_sent_is_an_error():
    with pytest.raises(ModelError):
        list(run_isolated(unsendable))


def test_a_stop_ends_the_child(tmp_path):
    wanted = []

    def check():
        if wanted:
            raise Stop

    results = run_isolated(first_then_wait, str(tmp_path / "never"), check=check)
    pid = next(results)
    wanted.append("stop")
    start = time.monotonic()
    with pytest.raises(Stop):
        next(results)
    assert time.monotonic() - start < 5
    assert is_gone(pid)


def test_leaving_the_loop_ends_the_child(tmp_path):
    results = run_isolated(first_then_wait, str(tmp_path / "never"))
    pid = next(results)
    results.close()
    assert is_gone(pid)


def test_ctrl_c_is_for_the_parent():
    results = run_isolated(first_then_kill, signal.SIGINT)
    next(results)
    assert next(results) == "never"
    results.close()


def test_no_child_is_left_behind():
    before = {child.pid for child in children()}
    for _ in range(3):
        list(run_isolated(three, 0))
    left = [child for child in children() if child.pid not in before]
    assert len(left) <= 2  # the fork server and its resource tracker, where they were not there before


# ── the run is killed ────────────────────────────────────────────────────────────────────────────────────────────


def first_then_compute(path):
    """Never looks up: only a thread or the kernel can end it."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))
    yield 0
    while True:
        sum(range(1000))


def first_then_hold_the_interpreter(path):
    """No other thread of this process comes to its turn."""
    yield from iter([0])
    sys.setswitchinterval(1000)
    yield from first_then_compute(path)


RUN = """
import sys
from pathlib import Path
sys.path[:0] = [{project!r}, {tests!r}]
import test_isolation
from distill_core.jobs.isolation import run_isolated
list(run_isolated(getattr(test_isolation, sys.argv[1]), sys.argv[2]))
"""


@pytest.mark.skipif(os.name == "nt", reason="kill -9")
@pytest.mark.parametrize("function", ["first_then_compute", "first_then_hold_the_interpreter"])
def test_a_child_whose_run_was_killed_ends_within_seconds(tmp_path, function):
    path, here = tmp_path / "pid", os.path.dirname(__file__)
    script = RUN.format(project=os.path.dirname(os.path.dirname(here)), tests=here)
    if function == "first_then_hold_the_interpreter" and sys.platform != "linux":
        pytest.skip("the kernel's help is Linux's")
    process = subprocess.Popen([sys.executable, "-c", script, function, str(path)], start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not path.exists() or not path.read_text():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        pid = int(path.read_text())
        process.kill()
        process.wait()
        start = time.monotonic()
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() - start < 5
            time.sleep(0.02)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
