"""Forms are made from the specs: every number that is asked for has the label, range, start and help of its field."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
import sample_training as sample
from pydantic import TypeAdapter
from pydantic_core import PydanticUndefined
from streamlit.testing.v1 import AppTest
from training_pages import inline, open_page, own, recorded

from distill_core.kinds import KINDS
from distill_core.machine import device_defaults
from distill_core.settings import PROJECT
from distill_core.specs import DistillSpec, FinetuneSpec, PretrainSpec, Spec, StudentsSpec
from distill_core.tables.soft_labels import TEMPERATURES
from pages.parts.soft_labels.form import BY_HAND

__all__ = ["inline", "recorded"]
FORMS = [
    ("pretrain", {}),
    ("finetune", {}),
    ("transfer", {}),
    ("transfer", {"tl_tab": "Unfreezing"}),
    ("transfer", {"tl_tab": "Domains"}),
    ("soft_labels", {"sl_teacher": BY_HAND}),
    ("distill", {}),
    ("students", {}),
    ("take_apart", {"ta_ingredients": ["Soft targets", "Labels", "Cosine", "Hidden states", "Attention", "Relations"]}),
    ("take_apart", {"ta_question": "Temperature and weight"}),
    ("take_apart", {"ta_question": "Depth"}),
]
OPTIMIZER = {"lr": "learning_rate", "batch": "batch_size", "length": "max_length", "seed": "seed", "epochs": "epochs"}
WEIGHTS = ("soft", "hard", "cosine", "hidden", "attention", "relations")
# The widget's key, which is its name in the address → the field that it asks for.
FIELDS: dict[str, tuple[type[Spec], str]] = {
    **{f"ft_{key}": (FinetuneSpec, name) for key, name in OPTIMIZER.items()},
    **{f"tl_{key}": (FinetuneSpec, name) for key, name in OPTIMIZER.items()},
    **{f"d_{key}": (DistillSpec, name) for key, name in OPTIMIZER.items()},
    **{f"ta_{key}": (DistillSpec, name) for key, name in OPTIMIZER.items()},
    **{f"d_{name}": (DistillSpec, name) for name in WEIGHTS},
    **{f"ta_{name}": (DistillSpec, name) for name in WEIGHTS},
    "ft_seeds": (FinetuneSpec, "seeds"),
    "tl_seeds": (FinetuneSpec, "seeds"),
    "tl_decay": (FinetuneSpec, "layer_lr_decay"),
    "d_seeds": (DistillSpec, "seeds"),
    "d_tau": (DistillSpec, "temperature"),
    "d_layers": (DistillSpec, "student_layers"),
    "d_texts": (DistillSpec, "train_examples"),
    "d_labeled": (DistillSpec, "labeled_examples"),
    "ta_seeds": (DistillSpec, "seeds"),
    "ta_sweep_seeds": (DistillSpec, "seeds"),
    "ta_tau": (DistillSpec, "temperature"),
    "ta_layers": (DistillSpec, "student_layers"),
    "ta_texts": (DistillSpec, "train_examples"),
    "ta_labeled": (DistillSpec, "labeled_examples"),
    "ta_depth_soft": (DistillSpec, "soft"),
    "sl_tau": (DistillSpec, "temperature"),
    "sl_soft": (DistillSpec, "soft"),
    "sl_hard": (DistillSpec, "hard"),
    "ts_labels": (StudentsSpec, "labels"),
    "ts_epochs": (StudentsSpec, "epochs"),
    "ts_tau": (StudentsSpec, "temperature"),
    "ts_soft": (StudentsSpec, "soft"),
    "ts_seeds": (StudentsSpec, "seeds"),
    "pt_tokens": (PretrainSpec, "tokens"),
    "pt_lr": (PretrainSpec, "learning_rate"),
    "pt_batch": (PretrainSpec, "batch_size"),
    "pt_seed": (PretrainSpec, "seed"),
}
# What a form knows better than the field; the sample's teacher has six layers and a data set of 7,984 training texts.
SIZES = (50, 100, 200, 500, 1000, 2000, 4000)
OWN: dict[str, dict[str, Any]] = {
    **{f"ta_{name}": {"least": 0.05, "most": 100.0, "step": 0.25} for name in WEIGHTS},
    "ta_cosine": {"least": 0.05, "most": 100.0, "step": 0.25, "start": 1.0},
    "ta_hidden": {"least": 0.05, "most": 100.0, "step": 0.25, "start": 1.0},
    "ta_attention": {"least": 0.05, "most": 100.0, "step": 0.25, "start": 1.0},
    "ta_relations": {"least": 0.05, "most": 100.0, "step": 0.25, "start": 1.0},
    "ta_depth_soft": {"help": "The labels get the rest."},
    "ta_seeds": {"start": 3},
    "ta_texts": {"choices": (*SIZES, 0), "start": 2000},
    "ta_labeled": {"choices": (*SIZES[:5], 0)},
    "tl_epochs": {"start": 3},
    "tl_seeds": {"start": 2},
    "d_layers": {"most": 6},
    "ta_layers": {"most": 6},
    "d_texts": {"choices": (0, *SIZES)},
    "d_labeled": {"choices": (0, *SIZES)},
    "sl_tau": {
        "choices": TEMPERATURES,
        "start": 4.0,
        "help": "Logits are divided by τ before the softmax. Typical: 1–10.",
    },
    "sl_soft": {"help": ""},
    "sl_hard": {"help": ""},
    "ts_labels": {"choices": SIZES},
    "ts_soft": {"least": 0.05, "help": "The labels get the rest: soft + hard = 1."},
    "pt_tokens": {"start": 1_000_000},
}
TITLES = {
    "soft": "Soft targets",
    "hard": "Labels",
    "cosine": "Cosine",
    "hidden": "Hidden states",
    "attention": "Attention",
    "relations": "Relations",
}
NO_SETTING = ("sl_logit_", "sl_sure", "sl_no", "obj_draw", "tl_guess_")  # numbers that no run is made with
DIRECT = {"slider", "select_slider", "number_input"}


def numbers(app: AppTest) -> Iterator[Any]:
    """The widgets of a page that ask for a number of a run."""
    for widget in (*app.slider, *app.select_slider, *app.number_input):
        if not str(widget.key).startswith(NO_SETTING):
            yield widget


def expected(key: str) -> dict[str, Any]:
    """What the field and its form say, read from the field itself."""
    spec, name = FIELDS[key]
    info = spec.model_fields[name]
    extra: Any = info.json_schema_extra
    typical = f" Typical: {extra['typical']}." if extra["typical"] else ""
    said = {"help": f"{info.description}{typical}", "start": info.default, **extra["control"], **OWN.get(key, {})}
    if name in WEIGHTS:
        title = TITLES[name]
        said = {"least": 0.0, "most": 1.0, "step": 0.05, **said}
        said["label"] = title if OWN.get(key, {}).get("most") == 100.0 else f"Weight of {title.lower()}"
    if name == "student_layers":
        said["help"] = f"The teacher has 6. {said['help']}"
    return said


def as_number(shown: str) -> float:
    """`2,000` → 2000, `0.2 M` → 200000, `all` → 0."""
    if shown.endswith(" M"):
        return float(shown.removesuffix(" M")) * 1e6
    return 0.0 if shown == "all" else float(shown.replace(",", ""))


def offered(widget: Any) -> list[float]:
    """Everything that can be chosen, or the two ends of a range."""
    if widget.type == "select_slider":
        return [as_number(option) for option in widget.options]
    return [widget.min, widget.max]


@pytest.fixture
def seen(recorded: object) -> dict[str, Any]:
    """Every widget for a number of a run, on every form, by its key."""
    sample.finetune_run(own(), arms=("pretrained", "scratch"))
    found = {}
    for page, query in FORMS:
        app = open_page(f"pages/{page}.py", **query)
        assert not app.exception
        found |= {widget.key: widget for widget in numbers(app)}
    return found


def test_every_number_on_every_form_is_that_of_its_field(seen):
    """Label, help, first value and range are the field's, and all that is offered the field allows."""
    assert seen.keys() == FIELDS.keys()
    for key, widget in seen.items():
        said, check = expected(key), reader(*FIELDS[key])
        assert (widget.label, widget.help) == (said["label"], said["help"]), key
        assert widget.value == pytest.approx(said["start"]), key
        assert offered(widget) == pytest.approx(list(said.get("choices") or ends(key, said))), key
        if "choices" not in said:
            assert widget.step == pytest.approx(said.get("step", 1)), key
        for value in offered(widget):
            assert check.validate_python(value) == pytest.approx(value), key


def ends(key: str, said: dict[str, Any]) -> tuple[float, float]:
    """The range that is offered; where the control has no end, the spec's own."""
    spec, name = FIELDS[key]
    limits = {
        end: getattr(one, end) for one in spec.model_fields[name].metadata for end in ("ge", "le") if hasattr(one, end)
    }
    return said["least"] if "least" in said else limits["ge"], said["most"] if "most" in said else limits["le"]


def reader(spec: type[Spec], name: str) -> TypeAdapter[Any]:
    """Reads one field's values and refuses those that it does not allow."""
    return TypeAdapter(spec.model_fields[name].rebuild_annotation())


@pytest.mark.parametrize("spec", [kind.spec for kind in KINDS.values()])
def test_every_control_is_inside_what_its_field_allows(spec):
    for name, info in spec.model_fields.items():
        extra: Any = info.json_schema_extra
        if name == "kind":
            continue
        control, check = extra["control"], reader(spec, name)
        for end in {"least", "most"} & control.keys():
            assert check.validate_python(control[end]) == control[end], name
        for choice in control.get("choices", ()):
            check.validate_python(choice)
        if info.default is not PydanticUndefined and not isinstance(info.default, tuple) and "choices" in control:
            assert info.default in control["choices"], name


def test_a_number_of_a_run_is_asked_by_the_widgets_of_the_specs_alone():
    """A slider with numbers of its own would not follow its field."""
    direct = {
        path.relative_to(PROJECT / "pages" / "parts").as_posix()
        for path in (PROJECT / "pages").rglob("*.py")
        if direct_calls(path.read_text(encoding="utf-8"))
    }
    others = {"soft_labels/form.py", "transfer/guess.py", "classroom/teacher.py"}  # these ask for no setting of a run
    assert direct == {"shared/widget.py", "shared/address.py"} | others


def direct_calls(source: str) -> list[ast.Call]:
    """Calls of Streamlit's own widgets for numbers, on the page or on a container."""
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in DIRECT
        and ast.unparse(node.func.value) != "widget"
    ]


def test_the_source_check_would_notice():
    assert len(direct_calls("st.slider('Epochs', 1, 10)\nrow.number_input('Seed', 0)\nwidget.slider(S, 'a', 'b')")) == 2


@pytest.mark.parametrize(
    ("page", "keys"),
    [("finetune", ("ft_texts", "ft_arms", "ft_epochs")), ("transfer", ("tl_texts", "tl_arms", "tl_epochs"))],
)
def test_a_form_asks_from_what_then_how_then_how_long(page: str, keys: tuple[str, ...]) -> None:
    asked = [element.key for element in open_page(f"pages/{page}.py").main if getattr(element, "key", None)]
    assert [key for key in asked if key in keys] == list(keys)


def test_batch_and_number_format_follow_the_device() -> None:
    device_defaults.remember({"device": "cuda", "bfloat16": True})
    app = open_page("pages/finetune.py")
    batch = next(one for one in app.select_slider if one.key == "ft_batch")
    assert batch.value == device_defaults.stored().batch_size == 64
