"""The kinds of run: one straight function each, `job(spec, context) → Result`. Imported when a run needs it."""

JOBS: dict[str, str] = {
    "compare": "distill_core.jobs.compare:run",
    "finetune": "distill_core.jobs.finetune:run",
    "distill": "distill_core.jobs.distill:run",
    "students": "distill_core.jobs.students:run",
    "pretrain": "distill_core.jobs.pretrain:run",
}
