"""Runs as jobs of a Ray cluster, for page servers and workers that share one runs folder.

The run's directory says what is wanted, Ray says what is at work, and `tick` brings both together; any page server may
call it. A run's first job has the run's id; a resumed one gets another job, since Ray takes no id twice. Life is told
by Ray's job status, because an OS lock may not travel between machines: a run at work whose job has ended, or that the
head no longer knows, is lost.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from pathlib import Path
from typing import Any

from distill_core.errors import DistillError
from distill_core.launch import processes, queue
from distill_core.launch.base import Launcher, resumable
from distill_core.launch.execution import RESUME_HINT
from distill_core.launch.ray import Cluster, Job, Request
from distill_core.plans import preflight
from distill_core.results import LIVE
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import PROJECT, Settings, settings
from distill_core.specs import Spec
from distill_core.units import now

_FALSE_STARTS = 3  # jobs that ended before their run began; a resumed run has used one
_TICK_S = 5.0  # a tick that takes longer leaves the rest to the next one
_REST_S = 10.0  # after a cluster that did not answer


class RayLauncher(Launcher):
    """`command` is what a run's process is. `grace_s` is the time from a stop to Ray's SIGTERM, and how long a job must
    have ended before its run counts as lost: the last word may take a while through shared storage."""

    def __init__(
        self,
        store: RunStore,
        cluster: Cluster | None = None,
        command: tuple[str, ...] = processes.WORKER,
        grace_s: float = 5.0,
    ) -> None:
        super().__init__(store)
        self._cluster = cluster or Cluster()
        self._command = command
        self._grace_s = grace_s
        self._since: dict[tuple[str, str], float] = {}
        self._rests_until = 0.0

    def submit(self, spec: Spec, token: str | None = None, owner: str = "") -> Run:
        preflight.check(spec, self.store)
        jobs = self._cluster.jobs()  # before a run is made: a cluster that is away gets none
        with queue.locked(self.store):
            known = queue.with_token(self.store, token) if token else None
            if known is not None:
                return known
            queue.check_disk(self.store)
            queue.check_length(self.store, _at_once(), owner)
            queue.check_kept(self.store, owner)
            run = self.store.create(spec, {"launcher": "ray", "token": token, "owner": owner})
            with contextlib.suppress(DistillError, OSError):  # else the next tick submits it
                self._follow(run, jobs)
        return run

    def tick(self) -> None:
        if time.monotonic() < self._rests_until:
            return
        try:
            with queue.locked(self.store, wait_s=0):
                self._advance()
        except DistillError:
            self._rests_until = time.monotonic() + _REST_S
        except OSError:  # shared storage that is away for a moment
            return

    def stop(self, run_id: str) -> None:
        """As `Launcher.stop`, without the cluster: a run at work reads the command, and a job that waits finds a run
        that is not queued, so that it ends at once when its turn comes."""
        run = self.store.get(run_id)
        if run.state().state not in LIVE:
            return
        run.command("stop")  # first: a process that begins at this moment sees it
        if run.fresh_state().state == "queued" or not (_is_ours(run) or run.is_alive()):
            _end(run, "stopped", "Stopped before it began.", RESUME_HINT)

    def resume(self, run_id: str) -> Run:
        jobs = self._cluster.jobs()
        with queue.locked(self.store):
            run = resumable(self.store, run_id)
            queue.check_disk(self.store)
            queue.check_length(self.store, _at_once(), run.owner)
            queue.requeue(run)
            run.set_launch_info({**run.launch_info(), "launcher": "ray", "starts": 0})
            with contextlib.suppress(DistillError, OSError):
                self._follow(run, jobs)
        return run

    def queue_position(self, run_id: str) -> int | None:
        self.store.get(run_id)
        ids = [run.id for run in queue.waiting(self.store)]
        return ids.index(run_id) + 1 if run_id in ids else None

    # ── one tick, under the queue's lock ─────────────────────────────────────────────────────────────────────

    def _advance(self) -> None:
        """Raises LaunchError when the cluster does not answer."""
        live = [run for run in self.store.list() if run.state().state in LIVE and _is_ours(run)]
        self._since = {key: since for key, since in self._since.items() if key[1] in {run.id for run in live}}
        if not live:
            return
        began = time.monotonic()
        jobs = self._cluster.jobs()
        for run in live:
            if time.monotonic() - began > _TICK_S:
                return
            with contextlib.suppress(OSError):  # one run's damage is its own
                self._follow(run, jobs)

    def _follow(self, run: Run, jobs: dict[str, Job]) -> None:
        """One run that is queued or at work. Raises LaunchError when the cluster does not answer."""
        info = run.launch_info()
        job_id = info.get("job", run.id)
        job = jobs.get(job_id)
        state = run.fresh_state().state
        if state == "queued":
            if run.control()[0] == "stop":
                _end(run, "stopped", "Stopped before it began.", RESUME_HINT)
            elif job is None or job.ended:
                self._start(run, info, job)
        elif state in LIVE:
            gone = (job is None or job.ended) and not run.is_alive()
            if self._lasts("gone", run, gone):
                _bury(run, job)
            if self._lasts("stop", run, not gone and run.control()[0] == "stop"):
                self._cluster.stop(job_id)

    def _lasts(self, what: str, run: Run, holds: bool) -> bool:
        """Whether this has held at every look since at least the grace."""
        if not holds:
            self._since.pop((what, run.id), None)
            return False
        return time.monotonic() - self._since.setdefault((what, run.id), time.monotonic()) >= self._grace_s

    def _start(self, run: Run, info: dict[str, Any], before: Job | None) -> None:
        """Submit a job for a waiting run. `before` is its last one, which has ended."""
        try:
            spec = run.spec()
        except DistillError as error:
            _end(run, "damaged", error.message, error.hint)
            return
        false_starts = info.get("starts", 0) + (before is not None and not before.gave_up)
        if before is not None and false_starts >= _FALSE_STARTS:
            reason = (before.message.strip().splitlines() or [""])[-1][:300]
            _end(run, "failed", f"The run's job ended {false_starts} times before it began. {reason}", "See its log.")
            return
        number = info.get("jobs", 0) + (before is not None) or 1
        job_id = run.id if number == 1 else f"{run.id}-{number}"
        run.set_launch_info({**info, "starts": false_starts, "jobs": number, "job": job_id})
        cpus, gpus = needs(spec)
        self._cluster.submit(Request(job_id, shell_command(self._command, run), cpus, gpus, environment(cpus, gpus)))


def needs(spec: Spec) -> tuple[float, float]:
    """CPUs and GPUs that a run occupies in the cluster: a request that names a device decides about the GPU."""
    device = spec.device if spec.device != "auto" else settings().device
    gpus = settings().ray_gpus
    if device != "auto":
        gpus = 0.0 if device == "cpu" else gpus or 1.0
    return float(spec.threads or settings().ray_cpus), gpus


def shell_command(command: tuple[str, ...], run: Run) -> str:
    """What Ray gives to a shell: the run's process in this working directory, its words in the run's log."""
    line = shlex.join([*command, str(run.path)])
    return f"cd {shlex.quote(str(Path.cwd()))} && exec {line} >> {shlex.quote(str(run.log_file))} 2>&1"


def environment(cpus: float, gpus: float) -> dict[str, str]:
    """The settings of this server for the run's process, which starts no other run and takes what was asked alone.

    No secret is among them: Ray's dashboard shows a job's environment.
    """
    fields = Settings.model_fields.items()
    names = [f"DISTILL_{name.upper()}" for name, field in fields if "Secret" not in str(field.annotation)]
    given = {name: os.environ[name] for name in names if os.environ.get(name)}
    path = os.environ.get("PYTHONPATH")
    own = {"DISTILL_LAUNCHER": "inline", "PYTHONPATH": f"{PROJECT}{os.pathsep}{path}" if path else str(PROJECT)}
    own |= {} if settings().threads else {"DISTILL_THREADS": str(max(1, int(cpus)))}
    return {**given, **own, **({} if gpus else {"CUDA_VISIBLE_DEVICES": ""})}


def _is_ours(run: Run) -> bool:
    return run.launch_info().get("launcher") == "ray"


def _bury(run: Run, job: Job | None) -> None:
    """End a run whose job is over without a last word."""
    if run.control()[0] == "stop":
        _end(run, "stopped", "Stopped.", RESUME_HINT)
        return
    how = "the cluster no longer knows its job (the head was started anew)"
    if job is not None:
        how = "its job has ended (killed, out of memory, or its machine went down)"
        if job.exit_code in (-9, 137):
            how = "its process was killed (signal 9), most often because the memory ran out"
        elif job.exit_code:
            how = f"its process ended with exit code {job.exit_code}"
    _end(run, "lost", f"The run ended without a word: {how}.", RESUME_HINT)


def _end(run: Run, state: str, message: str, hint: str) -> None:
    run.set_state(state=state, message=message, hint=hint, eta_s=None, pid=None, ended_at=now())


def _at_once() -> int:
    """How many runs are reckoned with at a time for an estimate of the wait; the cluster itself decides."""
    slots = settings().slots
    return slots if isinstance(slots, int) else 1
