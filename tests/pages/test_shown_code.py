"""The code and the formulas that pages show are those of the functions that run."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable

import numpy as np
import pytest
import torch

from distill_core import objective_facts
from distill_core.errors import SpecError
from distill_core.files import source_code
from distill_core.jobs import adapt, learners
from distill_core.maths import distributions, intervals, paired, ratios
from distill_core.measure import bag_of_words, representation
from distill_core.models import students as models_students
from distill_core.settings import PROJECT
from distill_core.tables import compare as tables_compare
from distill_core.terms import BY_KEY
from distill_core.training import losses, term_functions
from pages.parts.compare import results
from pages.parts.distill import view as distill_view
from pages.parts.finetune import view as finetune_view
from pages.parts.soft_labels import view as soft_labels_view
from pages.parts.students import view as students_view
from pages.parts.take_apart import view as take_apart_view
from pages.parts.transfer.words import WORDS

SOFT, HARD = losses.soft_target_loss, losses.hard_label_loss
NUMPY = (
    distributions.softmax,
    distributions.soft_loss,
    distributions.hard_loss,
    distributions.soft_gradient,
    distributions.hard_gradient,
)
SHOWN: dict[str, tuple[str, tuple[Callable[..., object], ...]]] = {
    "finetune": (finetune_view.CODE, (HARD,)),
    "distill": (distill_view.CODE, (SOFT,)),
    "students": (students_view.CODE, (SOFT, term_functions.labels, HARD)),
    "soft labels": (soft_labels_view.CODE, NUMPY),
    "compare": (results.CODE, (tables_compare.relative_to, tables_compare.pareto, ratios.paired_speedup)),
    "ingredients": (take_apart_view.CODE["ingredients"], (paired.over_seeds,)),
    "weights": (take_apart_view.CODE["weights"], (SOFT, HARD)),
    "layers": (take_apart_view.CODE["layers"], (intervals.ratio_interval,)),
    "curves": (WORDS["curves"].code, (bag_of_words.bag_of_words, intervals.wilson)),
    "unfreeze": (
        WORDS["unfreeze"].code,
        (models_students.freeze_below, models_students.with_lora, learners._lr_scale),
    ),
    "domains": (WORDS["domains"].code, (adapt.adapt, paired.compare)),
    "moved": (WORDS["moved"].code, (representation.linear_cka,)),
}


@pytest.mark.parametrize("place", SHOWN)
def test_the_code_on_a_page_is_the_source_of_what_runs(place: str) -> None:
    shown, functions = SHOWN[place]
    assert shown == "\n\n\n".join(inspect.getsource(function).rstrip("\n") for function in functions)


def test_no_page_holds_code_of_its_own() -> None:
    """Each CODE and each `code=` of a part of a page comes from the core; a string would drift away from it."""
    found = 0
    for path in sorted((PROJECT / "pages").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign) and any(getattr(to, "id", "") == "CODE" for to in node.targets):
                values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
            elif isinstance(node, ast.keyword) and node.arg == "code":
                values = [node.value]
            else:
                continue
            found += len(values)
            assert all(ast.unparse(value).startswith("source_code.definitions(") for value in values), path
    assert found == len(SHOWN)


@pytest.mark.parametrize("key", objective_facts.BY_KEY)
def test_the_code_of_an_objective_is_its_source(key: str) -> None:
    module, name = objective_facts.BY_KEY[key].code
    loaded = __import__(f"distill_core.{module.replace('/', '.')}", fromlist=[name])
    assert objective_facts.BY_KEY[key].source() == inspect.getsource(getattr(loaded, name)).rstrip("\n")


def test_a_definition_that_is_gone_is_noticed() -> None:
    with pytest.raises(SpecError, match="no_such_loss"):
        source_code.definitions("training/losses:soft_target_loss", "training/losses:no_such_loss")


def test_the_formula_of_the_domains_is_what_the_comparison_takes_the_mean_of() -> None:
    adapted, tuned = np.array([1, 1, 0, 1, 0.0]), np.array([1, 0, 0, 0, 1.0])
    found = paired.compare((adapted - tuned)[None])
    assert found is not None
    assert found.mean == pytest.approx(sum(adapted - tuned) / 5)
    assert r"\frac{1}{n}\sum_{i=1}^{n} (r_i^{\text{adapted}} - r_i^{\text{fine-tuned}})" in WORDS["domains"].formula


def test_the_formulas_of_hidden_states_and_attention_have_the_factor_of_the_mean() -> None:
    """1 / d of a token's width, 1 / (a n²) of the a heads and n tokens of a text, as the losses divide."""
    torch.manual_seed(0)
    d, a, n = 6, 2, 3
    mask = torch.ones(1, n)
    student, teacher = torch.randn(1, n, d), torch.randn(1, n, d)
    of_tokens = (student - teacher).norm(dim=-1) ** 2 / d
    torch.testing.assert_close(losses.hidden_mse_loss(student, teacher, mask), of_tokens.mean())
    assert r"\tfrac{1}{d}" in BY_KEY["hidden"].latex
    seen, shown = torch.rand(1, a, n, n), torch.rand(1, a, n, n)
    torch.testing.assert_close(losses.attention_mse_loss(seen, shown, mask), (seen - shown).norm() ** 2 / (a * n**2))
    assert r"\tfrac{1}{a n^2}" in BY_KEY["attention"].latex


def test_the_soft_loss_of_the_pages_is_a_mean_over_texts() -> None:
    """The numpy twin is written text by text: the mean over texts, not over texts and classes, is what is trained."""
    student, teacher = torch.randn(5, 2, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    each = distributions.soft_loss(student.numpy(), teacher.numpy(), 3.0)
    assert float(SOFT(student, teacher, 3.0)) == pytest.approx(each.mean())
    assert 'reduction="batchmean"' in students_view.CODE
