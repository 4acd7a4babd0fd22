"""What may be asked: limits, one sentence for each violation, and the same spec from flags, JSON and file."""

from __future__ import annotations

import json
import math

import pytest

from distill_core import data_ref, kinds, specs
from distill_core.errors import SpecError
from distill_core.model_ref import Ref
from distill_core.settings import DATA

COMPARE = {"kind": "compare", "models": "bert@structure"}
FINETUNE = {"kind": "finetune"}
DISTILL = {"kind": "distill", "teacher": "run:000001-abcdef"}
STUDENTS = {"kind": "students"}


def refused(data, **changes):
    with pytest.raises(SpecError) as caught:
        kinds.parse_spec({**data, **changes})
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 1000
    return text


def test_flags_json_and_file_give_the_same_spec():
    words = {"models": "bert@structure, minilm", "batch_sizes": "1,8", "min_time_s": "0.5"}
    values = {"models": ["bert@structure", "minilm"], "batch_sizes": [1, 8], "min_time_s": 0.5}
    flags, typed = kinds.parse_spec({**COMPARE, **words}), kinds.parse_spec({**COMPARE, **values})
    assert flags == typed
    assert flags.models == (Ref("structure", "bert"), Ref("minilm", "minilm"))
    assert kinds.parse_spec(json.loads(flags.model_dump_json())) == flags
    assert hash(flags) == hash(typed)


def test_one_value_serves_where_many_may_stand():
    assert kinds.parse_spec({**COMPARE, "batch_sizes": 8}).batch_sizes == (8,)
    assert kinds.parse_spec({**COMPARE, "models": Ref("minilm", "minilm")}).models == (Ref("minilm", "minilm"),)
    assert kinds.parse_spec({**FINETUNE, "train_examples": "200"}).train_examples == (200,)
    assert kinds.parse_spec({**DISTILL, "layers": 2, "student_layers": 1}).layers == (2,)


@pytest.mark.parametrize("data", [COMPARE, FINETUNE, DISTILL, STUDENTS])
def test_a_spec_is_frozen_and_round_trips(data):
    spec = kinds.parse_spec(data)
    with pytest.raises(ValueError, match="frozen"):
        spec.seed = 1
    assert kinds.parse_spec(spec.model_dump(mode="json")) == spec
    assert spec.kind == data["kind"]


@pytest.mark.parametrize(
    ("data", "name", "value", "limit"),
    [
        (COMPARE, "batch_sizes", "0", "≥ 1"),
        (COMPARE, "batch_sizes", "-1", "≥ 1"),
        (COMPARE, "batch_sizes", "1000000000", "≤ 1,024"),
        (COMPARE, "seq_lens", "3", "≥ 4"),
        (COMPARE, "seq_lens", "4097", "≤ 4,096"),
        (COMPARE, "min_time_s", "0", "> 0"),
        (COMPARE, "threads", "0", "≥ 1"),
        (COMPARE, "seed", "-1", "≥ 0"),
        (FINETUNE, "epochs", "0", "≥ 1"),
        (FINETUNE, "batch_size", 10**9, "≤ 1,024"),
        (FINETUNE, "learning_rate", "-1e-3", "> 0"),
        (FINETUNE, "warmup_fraction", "1", "< 1"),
        (FINETUNE, "train_examples", "1", "≥ 2"),
        (DISTILL, "temperature", "0", "> 0"),
        (DISTILL, "soft", "-0.1", "≥ 0"),
        (DISTILL, "student_layers", "0", "≥ 1"),
        (STUDENTS, "labels", "1", "≥ 2"),
        (STUDENTS, "label_epochs", "0", "≥ 1"),
    ],
)
def test_a_number_out_of_range_names_the_field_the_limit_and_the_value(data, name, value, limit):
    text = refused(data, **{name: value})
    assert text.startswith(f"{name} must be {limit}, got ")
    assert str(value)[:1] in text.partition("got ")[2]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", math.nan, math.inf, "abc", "", None, [], {}, "1e400", "0x10"])
def test_no_number_is_refused_as_a_number(value):
    for data, name in ((DISTILL, "temperature"), (FINETUNE, "learning_rate"), (FINETUNE, "epochs")):
        assert name in refused(data, **{name: value})


@pytest.mark.parametrize("value", ["1.5", 1.5, "1e2", "１２a", "9" * 5000])
def test_a_count_must_be_a_whole_number(value):
    assert "epochs" in refused(FINETUNE, epochs=value)


@pytest.mark.parametrize(
    ("data", "name", "value", "told"),
    [
        (COMPARE, "batch_sizes", [], "at least 1 entry, got none."),
        (COMPARE, "batch_sizes", "1,2,3,4,5,6,7,8,9", "at most 8 entries, got 9."),
        (COMPARE, "models", "", "at least 1 entry, got none."),
        (STUDENTS, "students", [], "at least 1 entry, got none."),
    ],
)
def test_the_length_of_a_list_is_told_in_entries(data, name, value, told):
    assert refused(data, **{name: value}).startswith(f"{name} must list {told}")


def test_a_typical_value_is_offered():
    assert refused(DISTILL, temperature="0") == "temperature must be > 0, got '0'. Typical: 1–10."


def test_words_are_told_from_a_list():
    text = refused(FINETUNE, arms="pretrained,magic")
    assert all(arm in text for arm in ("pretrained", "frozen", "scratch", "bow", "lora", "top1"))
    assert "'magic'" in text
    assert "device must be one of" in refused(COMPARE, device="tpu")


def test_missing_and_unknown_fields():
    assert refused({"kind": "compare"}).startswith("models is missing.")
    assert refused({"kind": "distill"}).startswith("teacher is missing.")
    text = refused(COMPARE, batchsize=3)
    assert text.startswith("batchsize is not a setting of compare.")
    assert "batch_sizes" in text


@pytest.mark.parametrize("kind", [None, "", "train", "COMPARE", 3, ["compare"], {"compare": 1}])
def test_an_unknown_kind_lists_the_known_ones(kind):
    assert "compare, finetune, distill" in refused({"kind": kind})


def test_compare_wants_distinct_models_and_a_known_baseline():
    assert "twice" in refused(COMPARE, models="minilm,minilm")
    assert "not among the models" in refused(COMPARE, baseline="minilm")
    assert kinds.parse_spec({**COMPARE, "baseline": "bert@structure"}).baseline == Ref("structure", "bert")


def test_distill_wants_something_to_learn_and_one_layer_for_each():
    assert "nothing would be learned" in refused(DISTILL, soft=0, hard=0)
    assert kinds.parse_spec({**DISTILL, "soft": 0, "hard": 0, "cosine": 1}).cosine == 1
    assert "2 teacher layers are listed for a student of 3" in refused(DISTILL, layers="0,1")
    assert kinds.parse_spec({**DISTILL, "layers": "0,1", "student_layers": 2}).layers == (0, 1)


def test_general_distillation_copies_layers():
    for given in ({"student": "minilm"}, {"student_width": 64}):
        assert "copies layers of the teacher" in refused(DISTILL, mode="general", **given)
    assert kinds.parse_spec({**DISTILL, "mode": "general", "hidden": 1, "attention": 1}).weights.needs_live_teacher


def test_the_weights_are_those_of_the_fields():
    spec = kinds.parse_spec({**DISTILL, "soft": 0.25, "relations": "2", "temperature": 4, "standardize": True})
    weights = spec.weights
    assert (weights.temperature, weights.standardize) == (4, True)
    assert [(term.key, weights[term.key]) for term in weights.used] == [("soft", 0.25), ("hard", 0.5), ("relations", 2)]
    assert weights.by_term.keys() <= spec.model_dump().keys()


@pytest.mark.parametrize(
    ("data", "name", "value", "twice"),
    [
        (COMPARE, "models", "minilm,bert@structure,minilm", "minilm"),
        (COMPARE, "batch_sizes", "8,1,8", "8"),
        (COMPARE, "seq_lens", [32, 32], "32"),
        (FINETUNE, "train_examples", "200,1000,200", "200"),
        (FINETUNE, "arms", "bow,bow", "bow"),
        (FINETUNE, "test_datasets", "tweets,tweets", "tweets"),
        (FINETUNE, "domains", "movies,movies", "movies"),
        (FINETUNE, "domains", "movies, file:a.csv#text=x,file:a.csv#text=x", "file:a.csv#text=x"),
        (DISTILL, "arms", "distilled,distilled", "distilled"),
        (DISTILL, "sweep_temperatures", "2,2.0", "2.0"),
        (DISTILL, "sweep_soft", "0.5,0.50", "0.5"),
        (DISTILL, "sweep_layers", "1,2,1", "1"),
    ],
)
def test_what_is_listed_twice_is_refused_and_not_counted_as_two(data, name, value, twice):
    assert refused(data, **{name: value}) == f"{twice} is listed twice in {name}. List each once."


@pytest.mark.parametrize(
    "data",
    [
        {"domains": "file:a.csv,file:a.csv#text=x"},
        {"dataset": "file:a.csv", "test_datasets": "file:a.csv#label=y"},
        {"test_datasets": "movies,file:a.csv#label=x,file:a.csv#label=y"},
    ],
)
def test_one_file_cannot_stand_for_two_data_sets(data):
    told = refused(FINETUNE, **data)
    assert "file:a.csv stands for two data sets" in told
    assert "copy it to a second file" in told


def test_the_data_set_itself_may_stand_among_the_tests_and_the_domains():
    assert kinds.parse_spec({**FINETUNE, "dataset": "movies", "test_datasets": "movies"}).test_datasets
    assert kinds.parse_spec({**FINETUNE, "dataset": "file:a.csv", "domains": "movies,file:a.csv#text=x"}).domains


def test_ten_students_want_each_student_and_arm_once_and_a_teacher_that_is_heard():
    assert "bert@mini is listed twice in students" in refused(STUDENTS, students="bert@mini,gpt@mini,bert@mini")
    assert "labels is listed twice in arms" in refused(STUDENTS, arms="labels,labels")
    assert "the teacher says nothing" in refused(STUDENTS, soft=0)
    assert "the teacher says nothing" in refused(STUDENTS, soft=0, arms="random-taught")
    assert kinds.parse_spec({**STUDENTS, "soft": 0, "arms": "labels,random"}).soft == 0
    assert kinds.parse_spec({**STUDENTS, "hard": 0}).hard == 0
    assert kinds.parse_spec(STUDENTS).teacher is None
    assert kinds.parse_spec({**STUDENTS, "teacher": "run:000001-abcdef"}).teacher == Ref("run", "000001-abcdef")


def test_a_setting_that_is_named_as_its_kind_is_named_in_the_message():
    assert refused(STUDENTS, students="gpt9@mini").startswith("Unknown family 'gpt9'")
    assert refused(STUDENTS, students={"bert": 1}).startswith("students")


def test_what_unlabeled_texts_add_needs_texts_without_a_label():
    assert "here every text has one" in refused(DISTILL, arms="distilled,labeled-only")
    spec = kinds.parse_spec({**DISTILL, "arms": "distilled,labeled-only", "labeled_examples": 100})
    assert spec.arms == ("distilled", "labeled-only")


def test_an_unknown_model_in_a_list_keeps_its_own_sentence():
    assert "Unknown family 'gpt9'" in refused(COMPARE, models="bert@structure,gpt9@hub")
    assert "Unknown model 'x'" in refused(DISTILL, teacher="x")


@pytest.mark.parametrize("name", ["title", "dataset", "text_column"])
def test_long_texts_are_refused_shortly(name):
    assert name in refused(FINETUNE, **{name: "x" * 10**6})


@pytest.mark.parametrize("kind", kinds.KINDS.values(), ids=kinds.KINDS)
def test_every_field_says_what_it_is(kind):
    for name, field in kind.spec.model_fields.items():
        if name != "kind":
            assert field.description, name
            assert field.description.endswith("."), name


# ── data sets ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_data_set_is_text_in_json_and_a_reference_inside():
    spec = kinds.parse_spec({**FINETUNE, "dataset": "nyt", "test_datasets": "movies,file:a.csv#text=x,label=y"})
    assert spec.dataset == data_ref.parse("nyt")
    assert spec.test_datasets == (data_ref.parse("movies"), data_ref.of_file("a.csv", "x", "y"))
    dumped = json.loads(spec.model_dump_json())
    assert (dumped["dataset"], dumped["test_datasets"]) == ("nyt", ["movies", "file:a.csv#text=x,label=y"])
    assert kinds.parse_spec(dumped) == spec
    assert kinds.parse_spec({**FINETUNE, "domains": ["movies", "tweets"]}) == kinds.parse_spec(
        {**FINETUNE, "domains": "movies, tweets"}
    )


def test_columns_beside_the_data_sets_are_those_of_the_files():
    """As flags, older files and addresses name them."""
    old = {"text_column": "review", "label_column": "stars"}
    own = data_ref.of_file("/a,b.csv", "review", "stars")
    assert kinds.parse_spec({**FINETUNE, **old, "dataset": "file:/a,b.csv"}).dataset == own
    assert kinds.parse_spec({**COMPARE, **old, "dataset": "file:/a,b.csv"}).dataset == own
    assert (
        kinds.parse_spec({"kind": "pretrain", "family": "bert", **old, "probe_dataset": "file:/a,b.csv"}).probe_dataset
        == own
    )
    spec = kinds.parse_spec({**FINETUNE, **old, "domains": ["movies", "file:/a%2Cb.csv", "file:c.csv#label=y"]})
    assert spec.domains == (data_ref.parse("movies"), own, data_ref.of_file("c.csv", label_column="y"))
    assert kinds.parse_spec({**FINETUNE, **old}) == kinds.parse_spec(FINETUNE)
    assert kinds.parse_spec({**FINETUNE, "text_column": "text", "label_column": "label"}) == kinds.parse_spec(FINETUNE)
    assert specs.FinetuneSpec(dataset="file:c.csv", label_column="stars").dataset.label_column == "stars"


@pytest.mark.parametrize("path", sorted(DATA.glob("recorded/*/spec.json")), ids=lambda path: path.parent.name)
def test_a_recorded_request_means_what_it_meant(path):
    recorded = json.loads(path.read_text(encoding="utf-8"))
    dumped = kinds.parse_spec(recorded).model_dump(mode="json")
    for name, value in recorded.items():
        if name in ("text_column", "label_column"):
            assert value == name.partition("_")[0]  # no recorded run has a file of its own
        else:
            assert dumped[name] == value, name
    assert kinds.parse_spec(dumped) == kinds.parse_spec(recorded)
