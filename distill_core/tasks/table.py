"""The code of each task, by its key. The table of tasks is `tasks/facts.py`."""

from __future__ import annotations

from importlib import import_module

from distill_core.tasks.base import Task
from distill_core.tasks.facts import TaskFacts


def code_of(facts: TaskFacts) -> Task:
    """The task's code: the `TASK` of its module."""
    task: Task = import_module(facts.module).TASK
    return task
