"""What was measured: frozen types with units in their names. A number that is missing is None, never 0 or a guess."""

from __future__ import annotations

from distill_core.results.compare import BenchmarkRow, ClassAccuracy, CompareResult
from distill_core.results.distill import DistillResult, FailedArm, ModelReport, StudentReport
from distill_core.results.finetune import FinetuneArmResult, FinetuneResult, Movement
from distill_core.results.pretrain import ClozeLook, Guess, PretrainResult
from distill_core.results.records import (
    FINAL,
    LIVE,
    Accuracy,
    Cut,
    Environment,
    ErrorInfo,
    Metric,
    Overlap,
    Provenance,
    Record,
    Result,
    Score,
    State,
    StateName,
)
from distill_core.results.students import StudentRow, StudentsResult, TeacherOfTen

__all__ = [
    "FINAL",
    "LIVE",
    "Accuracy",
    "BenchmarkRow",
    "ClassAccuracy",
    "ClozeLook",
    "CompareResult",
    "Cut",
    "DistillResult",
    "Environment",
    "ErrorInfo",
    "FailedArm",
    "FinetuneArmResult",
    "FinetuneResult",
    "Guess",
    "Metric",
    "ModelReport",
    "Movement",
    "Overlap",
    "PretrainResult",
    "Provenance",
    "Record",
    "Result",
    "Score",
    "State",
    "StateName",
    "StudentReport",
    "StudentRow",
    "StudentsResult",
    "TeacherOfTen",
]
