"""The table of arms: every list of arms is read from it, and a new arm is a row and, where it needs one, a function."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from distill_core import arms
from distill_core.arms import DISTILL, FINETUNE, STUDENTS, VARIANTS
from distill_core.jobs.learners import LEARNERS
from distill_core.settings import PROJECT

ROWS = (*FINETUNE, *DISTILL, *STUDENTS, *VARIANTS)


def test_a_new_arm_is_a_row_and_a_function():
    """The rows of `toy_arms.py` and one function reach all rooms: `jobs/added_arms.py` looks at each."""
    places = [str(PROJECT / "tests"), str(PROJECT / "tests" / "pages"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "toy_arms", "-p", "no:cacheprovider", "tests/jobs/added_arms.py"],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "passed" in done.stdout


def test_every_way_to_learn_a_task_has_its_function():
    assert set(LEARNERS) == {arm.key for arm in FINETUNE}


def test_rows_of_one_name_look_alike():
    looks = {}
    for arm in ROWS:
        look = (arm.title, arm.sentence, arm.color)
        assert looks.setdefault(arm.key, look) == look, arm.key
        assert arm.sentence.endswith(".")
        assert all(re.fullmatch("#[0-9A-F]{6}", color) for color in arm.color)
    assert {arm.key for arm in FINETUNE} & {arm.key for arm in DISTILL} == {"scratch"}


def test_numbered_arms_are_one_row():
    one, three = arms.finetune("top1"), arms.finetune("top3")
    assert (one.title, three.title) == ("Top layer", "Top 3 layers")
    assert one.sentence == "The head and the highest layer learn; all below stands still."
    assert three.sentence == "The head and the 3 highest layers learn; all below stands still."
    assert (three.layers, three.depth.title, three.depth.short) == (3, "Top 3 layers", "Top 3")
    assert three.row_key == one.row_key == "top"
    for name in ("top", "top0", "top100", "topic", "lora1"):
        assert arms.named(name) is None, name
        assert not re.fullmatch(arms.pattern("finetune"), name)
    assert all(re.fullmatch(arms.pattern("finetune"), name) for name in ("top1", "top99", "lora", "zero-shot"))


@pytest.mark.parametrize(
    ("arm", "passes"),
    [
        ("bow", None),
        ("frozen", None),
        ("zero-shot", None),
        ("head", 1),
        ("top3", 2),
        ("top6", 3),
        ("top99", 3),
        ("lora", 3.6),
        ("pretrained", 3),
        ("scratch", 3),
        ("adapted", 3),
    ],
)
def test_passes_through_six_layers(arm, passes):
    found = arms.finetune(arm).passes_through(6)
    assert found == (passes if passes is None else pytest.approx(passes))


def test_depths_are_in_order():
    mixed = map(arms.finetune, ("lora", "top4", "pretrained", "bow", "top2", "head"))
    assert [arm.key for arm in arms.by_depth(mixed)] == ["head", "top2", "top4", "pretrained", "lora"]


def test_forms_offer_what_a_model_can_take():
    assert arms.offered("fine-tune") == ("pretrained", "frozen", "scratch", "bow")
    assert arms.offered("curves") == ("pretrained", "frozen", "scratch", "bow", "zero-shot")
    assert arms.offered("curves", "bert@hub") == ("pretrained", "frozen", "scratch", "bow")
    assert set(arms.offered("domains")) == {"pretrained", "adapted", "bow", "frozen", "scratch"}


def test_the_help_explains_each_name():
    assert arms.described("distill") == (
        "distilled; labeled-only (taught, on the texts with a label alone); init-only (teacher's layers, labels "
        "alone); scratch; scratch-distilled."
    )
    assert "top1 … (highest layers); lora; adapted (first more" in arms.described("finetune")
