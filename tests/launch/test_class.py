"""A class on one server: turns between visitors, limits of each, a pause that holds a place, room for one more."""

from __future__ import annotations

import psutil
import pytest

from distill_core.errors import LaunchError
from distill_core.launch import room
from distill_core.launch.inline import InlineLauncher
from distill_core.launch.local import PLACE_GIVEN_AWAY
from distill_core.machine import capacity, device_defaults
from distill_core.plans import needs
from distill_core.settings import settings
from distill_core.specs import CompareSpec, FinetuneSpec, PretrainSpec

GIB = 2**30


def order_of(store):
    return (store.root / "order").read_text().split()


@pytest.fixture
def blocked(launcher, make_spec, until):
    """A queue whose slot is taken until `enough` is there."""
    first = launcher.submit(make_spec("steps"), owner="ada")
    until(lambda: (first.path / "steps").exists(), launcher)
    return first


# ── turns ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_turns_go_round_between_visitors(launcher, store, blocked, make_spec, until_state):
    ada = [launcher.submit(make_spec("quick"), owner="ada") for _ in range(3)]
    bo = [launcher.submit(make_spec("quick"), owner="bo") for _ in range(2)]
    own = launcher.submit(make_spec("quick"))
    wanted = [bo[0], own, ada[0], bo[1], ada[1], ada[2]]
    assert [launcher.queue_position(run.id) for run in wanted] == [1, 2, 3, 4, 5, 6]
    (blocked.path / "enough").touch()
    for run in wanted:
        until_state(run, "done", launcher)
    assert order_of(store) == [run.id for run in wanted]


def test_a_visitor_who_comes_late_waits_for_one_run_of_the_first(launcher, blocked, make_spec, until_state):
    ada = [launcher.submit(make_spec("quick"), owner="ada") for _ in range(3)]
    (blocked.path / "enough").touch()
    until_state(ada[0], "done", launcher)
    late = launcher.submit(make_spec("quick"), owner="bo")
    until_state(late, "done", launcher)
    assert late.state().started_at <= ada[2].state().started_at or ada[2].state().state == "queued"


# ── limits ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_visitor_may_have_so_many_runs_waiting(launcher, blocked, limits, make_spec):
    limits(max_queue_visitor=2)
    waiting = [launcher.submit(make_spec("quick"), owner="ada") for _ in range(2)]
    with pytest.raises(LaunchError, match="2 of your runs are waiting already") as refused:
        launcher.submit(make_spec("quick"), owner="ada")
    assert "Stop one" in refused.value.hint
    launcher.submit(make_spec("quick"), owner="bo")
    for _ in range(3):
        launcher.submit(make_spec("quick"))  # the machine's own user has no limit of one's own
    launcher.stop(waiting[0].id)
    launcher.submit(make_spec("quick"), owner="ada")
    with pytest.raises(LaunchError, match="your runs are waiting"):
        launcher.resume(waiting[0].id)


@pytest.mark.parametrize("inline", [False, True])
def test_a_visitor_may_keep_so_many_runs(launcher, store, limits, make_spec, set_job, inline):
    if inline:
        set_job(lambda spec, context: None)
        launcher = InlineLauncher(store)
    limits(max_runs_visitor=2)
    kept = [store.create(make_spec("quick"), {"owner": "ada"}) for _ in range(2)]
    for run in kept:
        run.set_state(state="done")
    with pytest.raises(LaunchError, match="You keep 2 runs") as refused:
        launcher.submit(make_spec("quick"), owner="ada")
    assert "Delete one" in refused.value.hint
    store.remove(kept[0].id)
    launcher.submit(make_spec("quick"), owner="ada")
    launcher.submit(make_spec("quick"))


def test_a_long_pause_gives_its_place_to_who_waits(launcher, blocked, limits, make_spec, until, until_state):
    limits(pause_limit_s=0)
    own = launcher.submit(make_spec("quick"), owner="ada")
    launcher.pause(blocked.id)
    until_state(blocked, "paused", launcher)
    launcher.tick()
    assert blocked.control()[0] == "pause", "only the same visitor's own run waits"
    other = launcher.submit(make_spec("quick"), owner="bo")
    until_state(other, "done", launcher)
    until_state(own, "done", launcher)
    assert (blocked.state().state, blocked.state().message) == ("stopped", PLACE_GIVEN_AWAY)
    assert "Resume continues" in blocked.state().hint
    steps = (blocked.path / "steps").stat().st_size
    launcher.resume(blocked.id)
    until(lambda: (blocked.path / "steps").stat().st_size > steps, launcher)
    launcher.stop(blocked.id)
    until_state(blocked, "stopped", launcher)
    assert blocked.state().message == "Stopped."


def test_a_pause_that_nobody_waits_for_keeps_its_place(make_launcher, limits, make_spec, until, until_state):
    """The other one has a slot of its own."""
    limits(pause_limit_s=0)
    launcher = make_launcher(slots=2)
    run = launcher.submit(make_spec("steps"), owner="ada")
    until(lambda: (run.path / "steps").exists(), launcher)
    launcher.pause(run.id)
    until_state(run, "paused", launcher)
    other = launcher.submit(make_spec("quick"), owner="bo")
    until_state(other, "done", launcher)
    launcher.tick()
    assert (run.state().state, run.control()[0]) == ("paused", "pause")


def test_a_short_pause_keeps_its_place(launcher, blocked, make_spec, until_state):
    launcher.pause(blocked.id)
    until_state(blocked, "paused", launcher)
    other = launcher.submit(make_spec("quick"), owner="bo")
    for _ in range(3):
        launcher.tick()
    assert (blocked.state().state, other.state().state) == ("paused", "queued")


# ── room ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_timing_has_the_machine_to_itself(make_launcher, make_spec, share_the_machine, store, until, until_state):
    launcher = make_launcher(slots=3)
    first = launcher.submit(make_spec("steps"))
    until(lambda: (first.path / "steps").exists(), launcher)
    share_the_machine(True)
    timing, behind = launcher.submit(make_spec("steps")), launcher.submit(make_spec("quick"))
    for _ in range(3):
        launcher.tick()
    assert [timing.state().state, behind.state().state] == ["queued", "queued"], "two slots are free, and stay so"
    (first.path / "enough").touch()
    until(lambda: (timing.path / "steps").exists(), launcher)
    launcher.tick()
    assert behind.state().state == "queued"
    (timing.path / "enough").touch()
    until_state(behind, "done", launcher)


def test_a_run_that_does_not_fit_waits_and_is_not_overtaken(make_launcher, make_spec, monkeypatch, until, until_state):
    launcher = make_launcher(slots=3)
    first = launcher.submit(make_spec("steps"))
    until(lambda: (first.path / "steps").exists(), launcher)
    monkeypatch.setattr(capacity, "available_bytes", lambda: 0)
    second, third = launcher.submit(make_spec("steps")), launcher.submit(make_spec("quick"))
    launcher.tick()
    assert [second.state().state, third.state().state] == ["queued", "queued"]
    (first.path / "enough").touch()
    until(lambda: (second.path / "steps").exists(), launcher)  # alone it may try
    monkeypatch.setattr(capacity, "available_bytes", lambda: 64 * GIB)
    until_state(third, "done", launcher)


def test_what_a_new_run_will_take_is_not_free(store, make_spec, monkeypatch):
    """A run that has just begun holds nothing yet; what it holds already is missing from the free memory."""
    begun, asked = store.create(make_spec("a")), store.create(make_spec("b"))
    needed = needs.of(asked.spec(), store).host_bytes
    monkeypatch.setattr(capacity, "available_bytes", lambda: needed + needed // 2)
    assert not room.is_there(asked, [begun], 2, store)
    begun.set_state(state="running", pid=psutil.Process().pid)
    monkeypatch.setattr(room, "_held", lambda run: needed)
    assert room.is_there(asked, [begun], 2, store)


def test_runs_share_a_card_as_far_as_its_memory_goes(store, make_spec, monkeypatch):
    monkeypatch.setattr(capacity, "available_bytes", lambda: 512 * GIB)
    spec = FinetuneSpec(batch_size=64)
    device_defaults.remember({"device": "cuda", "device_memory_mib": 80 * 1024})
    wanted = needs.of(spec, store)
    assert wanted.device == "cuda"
    assert GIB < wanted.device_bytes < 4 * GIB
    runs = [store.create(spec) for _ in range(9)]
    assert room.is_there(runs[0], runs[1:], 9, store)
    device_defaults.remember({"device": "cuda", "device_memory_mib": wanted.device_bytes * 5 // 2 // 2**20})
    assert room.is_there(runs[0], runs[1:2], 9, store)
    assert not room.is_there(runs[0], runs[1:3], 9, store)
    on_cpu = store.create(FinetuneSpec(device="cpu"))
    assert room.is_there(on_cpu, runs[1:3], 9, store)


def test_needs_grow_with_the_model_and_the_batch(store):
    small, base = FinetuneSpec(), FinetuneSpec(model="bert@hub")
    assert needs.of(base, store).host_bytes > needs.of(small, store).host_bytes > GIB
    assert needs.of(FinetuneSpec(batch_size=128), store).host_bytes > needs.of(small, store).host_bytes
    assert needs.of(PretrainSpec(family="bert"), store).host_bytes < 4 * GIB


def test_only_a_comparison_stands_alone(share_the_machine):
    share_the_machine(True)
    assert CompareSpec.ALONE
    assert not FinetuneSpec.ALONE


@pytest.mark.parametrize(
    ("cores", "gib", "report", "wanted"),
    [
        (2, 24, {}, 1),
        (16, 128, {}, 4),
        (64, 16, {}, 4),
        (256, 1024, {}, 8),
        (16, 128, {"device": "cuda", "device_memory_mib": 81_920}, 8),
        (16, 128, {"device": "cuda", "device_memory_mib": 8_192}, 1),
    ],
)
def test_automatic_slots_go_by_cores_and_memory(monkeypatch, cores, gib, report, wanted):
    monkeypatch.setenv("DISTILL_SLOTS", "auto")
    settings.cache_clear()
    device_defaults.remember(report)
    monkeypatch.setattr(capacity, "physical_cores", lambda: cores)
    memory = psutil.virtual_memory()._replace(total=gib * GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert room.slots() == wanted
