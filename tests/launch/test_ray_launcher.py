"""What the launcher of a cluster decides, with a cluster that is a table of jobs. tests/cluster has a real one."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace

import pytest
from pydantic import SecretStr

from distill_core.errors import LaunchError, RunError
from distill_core.files import locks
from distill_core.launch import launchers, ray, ray_launcher
from distill_core.launch.inline import InlineLauncher
from distill_core.launch.ray import Job
from distill_core.launch.ray_launcher import RayLauncher
from distill_core.settings import Settings, settings

WAITS = AT_WORK = Job(ended=False)
ENDED = Job(ended=True, exit_code=0, message="Job finished successfully.")


class FakeCluster:
    """A table of jobs; `away` is a head that does not answer."""

    def __init__(self):
        self.table, self.requests, self.stopped, self.asked, self.away = {}, [], [], 0, False

    def jobs(self):
        self.asked += 1
        if self.away:
            raise LaunchError("The Ray cluster does not answer.", "Check it.")
        return dict(self.table)

    def submit(self, request):
        self.jobs()
        assert request.id not in self.table, "Ray takes no id twice"
        self.requests.append(request)
        self.table[request.id] = WAITS

    def stop(self, job_id):
        self.stopped.append(job_id)

    @property
    def submitted(self):
        return [request.id for request in self.requests]


@pytest.fixture
def cluster():
    return FakeCluster()


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(ray_launcher, "time", clock)
    return clock


@pytest.fixture
def launcher(store, cluster, limits, clock):
    return RayLauncher(store, cluster, grace_s=5)


@pytest.fixture
def at_work(launcher, cluster, make_spec):
    """A run whose process, on another machine, has begun."""
    run = launcher.submit(make_spec("a"))
    run.set_state(state="running", pid=1)
    return run


def test_a_run_is_submitted_under_its_own_id(launcher, cluster, make_spec):
    run = launcher.submit(make_spec("a"), token="click", owner="ann")
    assert cluster.submitted == [run.id]
    assert launcher.submit(make_spec("a"), token="click") == run
    launcher.tick()
    assert cluster.submitted == [run.id]
    assert run.owner == "ann"
    assert run.state().state == "queued"


def test_places_in_the_queue(launcher, make_spec):
    runs = [launcher.submit(make_spec(name)) for name in "abc"]
    runs[0].set_state(state="running")
    assert [launcher.queue_position(run.id) for run in runs] == [None, 1, 2]


def test_the_command_is_one_shell_line_that_writes_the_log(launcher, cluster, make_spec, tmp_path, monkeypatch):
    """Quotes and blanks in a path are no part of the command."""
    odd = tmp_path / "a 'b' $(touch never)"
    odd.mkdir()
    monkeypatch.chdir(odd)
    run = launcher.submit(make_spec("a"))
    assert str(run.path) in shlex.split(cluster.requests[0].command)
    line = ray_launcher.shell_command(("sh", "-c", 'pwd; echo "$0"'), run)
    subprocess.run(line, shell=True, check=True)  # noqa: S602 - as Ray does
    assert run.log_tail().splitlines() == [str(odd), str(run.path)]
    assert list(odd.iterdir()) == []


def test_what_a_run_occupies(make_spec, monkeypatch):
    spec = make_spec("a")
    assert ray_launcher.needs(spec) == (1.0, 0.0)
    assert ray_launcher.needs(spec.model_copy(update={"threads": 3, "device": "cuda"})) == (3.0, 1.0)
    monkeypatch.setenv("DISTILL_RAY_GPUS", "0.5")
    monkeypatch.setenv("DISTILL_RAY_CPUS", "4")
    settings.cache_clear()
    assert ray_launcher.needs(spec) == (4.0, 0.5)
    assert ray_launcher.needs(spec.model_copy(update={"device": "cpu"})) == (4.0, 0.0)


class WithSecret(Settings):
    passcode: SecretStr | None = None


def test_the_process_gets_the_settings_and_no_more(monkeypatch):
    monkeypatch.setattr(ray_launcher, "Settings", WithSecret)
    monkeypatch.setenv("DISTILL_PASSCODE", "x")
    monkeypatch.setenv("DISTILL_NICENESS", "7")
    monkeypatch.setenv("DISTILL_LAUNCHER", "ray")
    monkeypatch.setenv("SOME_SECRET", "x")
    given = ray_launcher.environment(2, 0)
    assert given["DISTILL_NICENESS"] == "7"
    assert given["DISTILL_LAUNCHER"] == "inline"  # it starts no other run
    assert given["DISTILL_THREADS"] == "2"
    assert given["CUDA_VISIBLE_DEVICES"] == ""  # no GPU was asked for: it takes no neighbour's
    assert not {"SOME_SECRET", "DISTILL_PASSCODE"} & given.keys()
    assert "CUDA_VISIBLE_DEVICES" not in ray_launcher.environment(2, 0.5)


# ── the cluster away ─────────────────────────────────────────────────────────────────────────────────────────


def test_no_run_is_made_while_the_cluster_is_away(launcher, cluster, store, make_spec):
    cluster.away = True
    with pytest.raises(LaunchError, match="does not answer"):
        launcher.submit(make_spec("a"))
    assert store.list() == []


def test_a_cluster_that_goes_away_in_between_gets_the_run_later(launcher, cluster, make_spec, monkeypatch, clock):
    jobs = cluster.jobs

    def once():
        cluster.away, found = True, jobs()
        return found

    monkeypatch.setattr(cluster, "jobs", once)
    run = launcher.submit(make_spec("a"))
    monkeypatch.setattr(cluster, "jobs", jobs)
    assert cluster.submitted == []
    for _ in range(5):  # nothing of this counts as a start
        launcher.tick()
        clock.now += 60
    cluster.away = False
    launcher.tick()
    assert cluster.submitted == [run.id]
    assert run.state().state == "queued"


def test_a_tick_rests_after_a_cluster_that_did_not_answer(launcher, cluster, at_work, clock):
    cluster.away, before = True, cluster.asked
    for _ in range(3):
        launcher.tick()
    assert cluster.asked == before + 1
    clock.now += 11
    launcher.tick()
    assert cluster.asked == before + 2
    assert at_work.state().state == "running"


def test_a_run_can_be_stopped_while_the_cluster_is_away(launcher, cluster, at_work, make_spec):
    waiting = launcher.submit(make_spec("b"))
    cluster.away = True
    launcher.stop(at_work.id)
    launcher.stop(waiting.id)
    assert at_work.control()[0] == "stop"
    assert waiting.state().state == "stopped"


# ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (ENDED, "its job has ended"),
        (replace(ENDED, exit_code=-9), "signal 9"),
        (replace(ENDED, exit_code=3), "exit code 3"),
        (None, "no longer knows its job"),
    ],
)
def test_a_run_whose_job_is_over_is_lost_after_a_while(launcher, cluster, at_work, clock, job, words):
    """Its last word may be on its way through shared storage."""
    cluster.table = {at_work.id: job} if job else {}
    launcher.tick()
    clock.now += 4
    launcher.tick()
    assert at_work.state().state == "running"
    clock.now += 2
    launcher.tick()
    assert at_work.state().state == "lost"
    assert words in at_work.state().message


def test_a_last_word_that_comes_late_counts(launcher, cluster, at_work, clock):
    cluster.table[at_work.id] = ENDED
    launcher.tick()
    at_work.set_state(state="done")
    clock.now += 60
    launcher.tick()
    assert at_work.state().state == "done"


def test_a_job_that_is_found_again_is_not_lost(launcher, cluster, at_work, clock):
    cluster.table = {}
    launcher.tick()
    cluster.table = {at_work.id: AT_WORK}
    clock.now += 60
    launcher.tick()
    cluster.table = {}
    clock.now += 60
    launcher.tick()
    assert at_work.state().state == "running"


def test_a_process_that_holds_its_lock_here_is_alive_whatever_the_head_says(launcher, cluster, at_work, clock):
    cluster.table = {}
    life = locks.take(at_work.lock_file)
    for _ in range(3):
        launcher.tick()
        clock.now += 10
    assert at_work.state().state == "running"
    life.release()
    for _ in range(2):
        launcher.tick()
        clock.now += 10
    assert at_work.state().state == "lost"


def test_a_new_head_gets_the_waiting_runs_again(launcher, cluster, make_spec):
    run = launcher.submit(make_spec("a"))
    cluster.table.clear()
    launcher.tick()
    assert cluster.submitted == [run.id, run.id]


def test_a_job_that_never_begins_ends_its_run_after_three(launcher, cluster, make_spec):
    run = launcher.submit(make_spec("a"))
    for number in range(1, 4):
        job_id = run.id if number == 1 else f"{run.id}-{number}"
        assert cluster.submitted[-1] == job_id
        cluster.table[job_id] = replace(ENDED, exit_code=1, message="failed:\nsh: no such file")
        launcher.tick()
    assert run.state().state == "failed"
    assert "3 times before it began. sh: no such file" in run.state().message


def test_waiting_long_for_a_place_is_no_fault(launcher, cluster, make_spec):
    """Ray gives a job up that found no place within RAY_JOB_START_TIMEOUT_SECONDS: the run goes on waiting."""
    run = launcher.submit(make_spec("a"))
    for _ in range(9):
        cluster.table[cluster.submitted[-1]] = replace(ENDED, gave_up=True, exit_code=None)
        launcher.tick()
    assert run.state().state == "queued"
    assert len(set(cluster.submitted)) == 10


# ── stop and resume ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_that_goes_on_after_a_stop_is_ended_by_ray(launcher, cluster, at_work, clock):
    launcher.stop(at_work.id)
    launcher.tick()
    assert cluster.stopped == []
    clock.now += 6
    launcher.tick()
    assert cluster.stopped == [at_work.id]
    cluster.table[at_work.id] = replace(ENDED, exit_code=None)
    launcher.tick()
    clock.now += 6
    launcher.tick()
    assert at_work.state().state == "stopped"


def test_a_resumed_run_gets_a_new_job(launcher, cluster, at_work):
    at_work.set_state(state="lost")
    cluster.table[at_work.id] = ENDED
    launcher.resume(at_work.id)
    assert cluster.submitted == [at_work.id, f"{at_work.id}-2"]
    launcher.tick()
    assert len(cluster.submitted) == 2
    with pytest.raises(RunError, match="is queued"):
        launcher.resume(at_work.id)


def test_a_run_that_was_stopped_in_the_queue_and_resumed_keeps_its_job(launcher, cluster, make_spec):
    run = launcher.submit(make_spec("a"))
    launcher.stop(run.id)
    launcher.resume(run.id)
    launcher.tick()
    assert cluster.submitted == [run.id]
    assert run.state().state == "queued"
    assert run.control()[0] is None


def test_a_stopped_runs_process_that_has_not_ended_yet_is_waited_for(launcher, cluster, at_work):
    at_work.set_state(state="stopped")  # its last word; Ray will say so a second later
    launcher.resume(at_work.id)
    assert cluster.submitted == [at_work.id]
    cluster.table[at_work.id] = ENDED
    launcher.tick()
    assert cluster.submitted == [at_work.id, f"{at_work.id}-2"]


# ── other launchers on the same folder ───────────────────────────────────────────────────────────────────────


def test_the_local_queue_leaves_runs_of_a_cluster_alone(at_work, launcher, make_launcher, make_spec):
    waiting = launcher.submit(make_spec("b"))
    local = make_launcher(slots=4)
    local.tick()
    assert at_work.state().state == "running"
    assert waiting.state().state == "queued"
    assert not waiting.is_alive()


def test_runs_of_this_machine_stay_readable_and_can_be_resumed_in_the_cluster(launcher, cluster, store, make_spec):
    done = store.create(make_spec("a"), {"launcher": "local"})
    left = store.create(make_spec("b"), {"launcher": "local"})
    done.set_state(state="done")
    left.set_state(state="running")
    launcher.tick()
    assert (done.state().state, left.state().state) == ("done", "running")
    launcher.stop(left.id)
    assert left.state().state == "stopped"
    launcher.resume(left.id)
    assert cluster.submitted == [left.id]


def test_a_run_that_cannot_be_read_is_damaged_alone(launcher, cluster, store, make_spec):
    broken = store.create(make_spec("a"), {"launcher": "ray"})
    (broken.path / "spec.json").write_text("{")
    other = store.create(make_spec("b"), {"launcher": "ray"})
    launcher.tick()
    assert broken.state().state == "damaged"
    assert cluster.submitted == [other.id]


# ── addresses, settings ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("address", ["", "auto", "10.0.0.7:6379", "ray://10.0.0.7:10001", "http://"])
def test_an_address_that_is_no_job_server_is_refused(address):
    with pytest.raises(LaunchError, match="no address") as caught:
        ray.check_address(address)
    assert "8265" in caught.value.hint


def test_on_the_network_a_token_is_demanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    ray.check_address("http://127.0.0.1:8265")
    with pytest.raises(LaunchError, match="no token") as caught:
        ray.check_address("http://10.0.0.7:8265")
    assert "RAY_AUTH_MODE=token" in caught.value.hint
    monkeypatch.setenv("RAY_AUTH_TOKEN", "x")
    with pytest.raises(LaunchError, match="no token"):
        ray.check_address("http://10.0.0.7:8265")  # the client sends none in this mode
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    ray.check_address("http://10.0.0.7:8265")
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    with pytest.raises(LaunchError, match="no token"):
        ray.check_address("https://head.example:443")
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("x")
    ray.check_address("https://head.example:443")


def test_the_setting_chooses_it(monkeypatch, store):
    monkeypatch.setenv("DISTILL_LAUNCHER", "ray")
    settings.cache_clear()
    assert isinstance(launchers.get_launcher(store), RayLauncher)
    monkeypatch.setenv("DISTILL_LAUNCHER", "inline")
    settings.cache_clear()
    assert isinstance(launchers.get_launcher(store), InlineLauncher)
