"""Many tasks in processes of their own, several at once: their results, their news, and what stops them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from distill_core.errors import DataError
from distill_core.jobs.isolation import side_by_side
from distill_core.runs.control import Control, JobContext, Stopped
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import PROJECT
from distill_core.specs import CompareSpec

DEADLINE_S = 30.0

# What the children do is found by name, so it stands here, not inside the tests.


def until(condition):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "the deadline has passed"
        time.sleep(0.005)


def double(number, tell, check):
    for part in range(number):
        tell((number, part))
    return os.getpid(), 2 * number


def meet(task, tell, check):
    """Ends only when the other one is at work too."""
    folder, mine, other = task
    Path(folder, mine).touch()
    until(Path(folder, other).exists)
    return mine


def fails(task, tell, check):
    if task == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if isinstance(task, Exception):
        raise task
    return task


def count(folder, tell, check):
    """Steps until it is stopped, and then takes its time to leave a last word."""
    mine = Path(folder, str(os.getpid()))
    steps = 0
    try:
        while True:
            check()
            steps += 1
            mine.write_text(str(steps))
            tell(steps)
            time.sleep(0.01)
    except Stopped:
        time.sleep(0.3)
        Path(folder, f"{os.getpid()}.stopped").write_text(str(steps))
        raise


@pytest.fixture
def run(tmp_path):
    run = RunStore(tmp_path / "runs").create(CompareSpec(models="bert@structure"))
    run.set_state(state="running")
    return run


@pytest.fixture
def context(run):
    with Control(run) as control:
        yield JobContext(run, RunStore(run.path.parent), control)


def ignore(key, news):
    return None


@pytest.mark.parametrize("at_once", [0, 1, 3])
def test_every_task_ends_with_its_result_and_is_heard_on_the_way(context, at_once):
    heard = []
    tasks = ((f"task {number}", number) for number in range(5))
    outcomes = list(side_by_side(double, tasks, at_once, context, lambda key, news: heard.append((key, news))))
    assert {outcome.key: outcome.result[1] for outcome in outcomes} == {f"task {n}": 2 * n for n in range(5)}
    assert sorted(heard) == [(f"task {n}", (n, part)) for n in range(5) for part in range(n)]
    pids = {outcome.result[0] for outcome in outcomes}
    assert (pids == {os.getpid()}) if at_once == 0 else (len(pids) == 5 and os.getpid() not in pids)


def test_they_really_go_at_once_and_no_more_of_them(context, tmp_path):
    read = []

    def tasks():
        for mine, other in (("a", "b"), ("b", "a"), ("c", "b")):
            read.append(mine)
            yield mine, (str(tmp_path), mine, other)

    results = side_by_side(meet, tasks(), 2, context, ignore)
    first = next(results)
    assert first.result in ("a", "b")
    assert read == ["a", "b"]  # the third is read when there is room
    assert {first.key, *(outcome.key for outcome in results)} == {"a", "b", "c"}


@pytest.mark.parametrize("at_once", [0, 2])
def test_a_failed_task_costs_its_own_result_alone(context, at_once):
    tasks = [("data", DataError("No texts.", "Add some.")), ("bug", ValueError("shapes differ\nmore")), ("good", 1)]
    ended = {outcome.key: outcome for outcome in side_by_side(fails, tasks, at_once, context, ignore)}
    assert (ended["data"].error.message, ended["data"].error.hint) == ("No texts.", "Add some.")
    assert ended["bug"].error.message == "ValueError: shapes differ"
    assert (ended["good"].result, ended["good"].error) == (1, None)
    assert not any(outcome.killed for outcome in ended.values())


def test_a_killed_task_costs_its_own_result_alone(context):
    tasks = [("kill", "kill"), ("good", 1), ("better", 2)]
    ended = {outcome.key: outcome for outcome in side_by_side(fails, tasks, 2, context, ignore)}
    assert "SIGKILL" in ended["kill"].error.message
    assert [ended[key].killed for key in ("kill", "good", "better")] == [True, False, False]
    assert (ended["good"].result, ended["better"].result) == (1, 2)


@pytest.mark.parametrize("at_once", [0, 2])
def test_a_full_disk_is_everybodys(context, at_once):
    tasks = [("full", OSError(28, "No space left on device")), ("good", 1)]
    with pytest.raises(OSError, match="No space left") as caught:
        list(side_by_side(fails, tasks, at_once, context, ignore))
    assert caught.value.errno == 28


def counters(folder):
    return [path for path in folder.iterdir() if path.suffix == "" and path.is_file()]


def steps(folder):
    return sorted(int(path.read_text() or 0) for path in counters(folder))


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "steps"
    place.mkdir()
    return place


@pytest.fixture
def visitor(folder, run):
    """Somebody who steers the run while the test's own thread does it. Errors of the visit are the test's."""
    threads, errors = [], []

    def visit(steer):
        def act():
            try:
                until(lambda: len(counters(folder)) == 2 and min(steps(folder)) > 2)
                steer()
            except BaseException as error:  # noqa: BLE001 - raised below
                errors.append(error)
            finally:
                run.command("stop")

        threads.append(threading.Thread(target=act))
        threads[0].start()

    yield visit
    threads[0].join(DEADLINE_S)
    assert not errors, errors[0]


def at_rest(folder):
    """The steps of both once nobody makes one any more."""
    before: list[int] = []
    while before != (now := steps(folder)):
        before = now
        time.sleep(0.3)
    return before


def test_a_pause_holds_all_of_them_and_one_step_is_one_each(context, run, folder, visitor):
    heard = []

    def steer():
        run.command("pause")
        until(lambda: run.fresh_state().state == "paused")
        still = at_rest(folder)
        heard.clear()
        run.command("step")
        until(lambda: steps(folder) == [n + 1 for n in still])
        until(lambda: len(heard) == 2)  # what they say in a pause is heard at once
        assert at_rest(folder) == [n + 1 for n in still]
        assert run.fresh_state().state == "paused"
        run.command("resume")
        until(lambda: min(steps(folder)) > max(still) + 2)
        until(lambda: run.fresh_state().state == "running")

    visitor(steer)
    with pytest.raises(Stopped):
        list(side_by_side(count, [(n, str(folder)) for n in range(2)], 2, context, lambda key, news: heard.append(key)))


@pytest.mark.parametrize("how", ["command", "signal"])
def test_a_stop_waits_for_the_last_words_of_all(context, run, folder, visitor, how):
    visitor(lambda: run.command("stop") if how == "command" else os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Stopped):
        list(side_by_side(count, [(n, str(folder)) for n in range(2)], 2, context, ignore))
    last = sorted(folder.glob("*.stopped"))
    assert len(last) == 2
    for path in last:
        assert int(path.read_text()) == int(path.with_suffix("").read_text())
        assert not _lives(int(path.stem))


def finishing(task, tell, check):
    """Ends in the very moment in which the run is stopped."""
    folder, run = task
    Path(folder, "ready").touch()
    until(lambda: Run(Path(run)).control()[0] == "stop")
    return "finished"


def test_what_was_finished_when_the_stop_came_is_kept(context, run, folder):
    tasks = [("counts", str(folder)), ("finishes", (str(folder), str(run.path)))]

    def listen(key, news):
        if (folder / "ready").exists():
            run.command("stop")

    results = side_by_side(either, tasks, 2, context, listen)
    assert next(results).result == "finished"
    with pytest.raises(Stopped):
        next(results)


def either(task, tell, check):
    return finishing(task, tell, check) if isinstance(task, tuple) else count(task, tell, check)


def test_a_child_that_is_asked_to_end_by_others_costs_its_own_task_alone(context, run, folder):
    def listen(key, news):
        for path in counters(folder):
            os.kill(int(path.name), signal.SIGTERM)

    (outcome,) = side_by_side(count, [("lone", str(folder))], 1, context, listen)
    assert outcome.killed
    assert "asked to end" in outcome.error.message


def killed_parent(folder, runs):
    """Runs two counters until this process is killed."""
    run = Run(Path(runs))
    context = JobContext(run, RunStore(run.path.parent), Control(run))
    list(side_by_side(count, [(n, folder) for n in range(2)], 2, context, ignore))


@pytest.mark.skipif(sys.platform == "win32", reason="kills as on Unix")
@pytest.mark.parametrize("paused", [False, True])
def test_children_end_with_a_killed_parent(run, folder, paused):
    code = f"import test_side_by_side as t; t.killed_parent({str(folder)!r}, {str(run.path)!r})"
    path = os.pathsep.join([str(PROJECT), str(Path(__file__).parent)])
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path})
    try:
        until(lambda: len(counters(folder)) == 2 and min(steps(folder)) > 1)
        if paused:
            run.command("pause")
            at_rest(folder)
        pids = [int(path.name) for path in counters(folder)]
        parent.kill()
        parent.wait()
        until(lambda: not any(_lives(pid) for pid in pids))
    finally:
        parent.kill()


def _lives(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
