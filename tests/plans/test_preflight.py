"""What is refused before a run is made: quickly, without torch, with the sentence that the job itself would give."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from distill_core import families, kinds
from distill_core.errors import DataError, DistillError, ModelError, RunError, SpecError
from distill_core.plans import preflight
from distill_core.runs.store import RunStore
from distill_core.settings import PROJECT, settings

ROWS = "".join(f"a {word} film {n},{label}\n" for n in range(12) for word, label in (("warm", "good"), ("dull", "bad")))


@pytest.fixture
def store():
    return RunStore(settings().runs_dir)


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own.csv").write_text(f"text,label\n{ROWS}")
    return f"file:{tmp_path / 'own.csv'}"


@pytest.fixture
def make_folder(tmp_path):
    """A model folder: its config alone, which is all that is looked at."""

    def make(model_type="bert", classifies=True, **config):
        folder = tmp_path / f"{model_type}-{classifies}"
        folder.mkdir(exist_ok=True)
        head = "XForSequenceClassification" if classifies else "XModel"
        values = {"model_type": model_type, "architectures": [head], "num_hidden_layers": 3, **config}
        (folder / "config.json").write_text(json.dumps(values))
        return f"path:{folder}"

    return make


@pytest.fixture
def check(store):
    return lambda **values: preflight.check(kinds.parse_spec(values), store)


@pytest.fixture
def from_page(store):
    return lambda **values: preflight.check_from_page(kinds.parse_spec(values), store)


def test_what_can_run_passes(check, make_folder, own):
    check(kind="compare", models="bert@structure,t5@hub,minilm")
    check(kind="compare", models="bert@structure", dataset=own)
    check(kind="finetune", dataset=own)
    check(kind="finetune", dataset="movies", model="bert@hub", domains="movies,tweets")
    check(kind="finetune", dataset=own, test_datasets=own)
    check(kind="distill", teacher=make_folder(), dataset=own, student_layers=3)
    check(kind="distill", teacher="bert@sst2", dataset="movies")


def test_one_student_that_is_there_is_enough(check, make_folder, own):
    """The others become rows with an error; a teacher must be whole, and somebody must learn."""
    student = make_folder(classifies=False)
    check(kind="students", students=f"{student},path:/no/such/model,bert@structure", dataset=own)
    with pytest.raises(ModelError, match="/no/such/model"):
        check(kind="students", students="path:/no/such/model", dataset=own)
    with pytest.raises(ModelError, match="no classification head"):
        check(kind="students", teacher=student, students=student, dataset=own)
    with pytest.raises(ModelError, match="random weights"):
        check(kind="students", base="bert@structure", students=student, dataset=own)
    with pytest.raises(SpecError, match="512 positions"):
        check(kind="students", students=student, max_length=600, dataset=own)
    check(kind="students", teacher=make_folder(), students=student, dataset=own)


def test_a_page_may_not_name_folders_in_a_list_of_students(from_page, make_folder):
    with pytest.raises(SpecError, match="a folder of the server"):
        from_page(kind="students", students=make_folder(classifies=False))


@pytest.mark.parametrize("kind", ["compare", "finetune", "distill"])
def test_an_unknown_data_set_is_refused_with_a_near_one(check, make_folder, kind):
    values = {"compare": {"models": "minilm"}, "finetune": {}, "distill": {"teacher": make_folder()}}[kind]
    with pytest.raises(DataError, match="'moviez'") as caught:
        check(kind=kind, dataset="moviez", **values)
    assert "Did you mean movies?" in caught.value.hint


@pytest.mark.parametrize("field", ["test_datasets", "domains"])
def test_further_data_sets_are_checked_too(check, own, tmp_path, field):
    with pytest.raises(DataError, match="'moviez'"):
        check(kind="finetune", dataset=own, **{field: f"{own},moviez"})
    with pytest.raises(DataError, match=r"gone\.csv"):
        check(kind="finetune", dataset=own, **{field: f"file:{tmp_path / 'gone.csv'}"})


def test_an_own_file_is_read_before_the_run(check, tmp_path):
    (tmp_path / "one.csv").write_text("text,label\n" + "".join(f"text {n},same\n" for n in range(30)))
    with pytest.raises(DataError):
        check(kind="finetune", dataset=f"file:{tmp_path / 'one.csv'}")


def test_training_needs_a_data_set_and_comparing_does_not(check, make_folder):
    check(kind="compare", models="minilm", dataset="none")
    for values in ({"kind": "finetune"}, {"kind": "distill", "teacher": make_folder()}):
        with pytest.raises(SpecError, match="nothing to learn from"):
            check(**values, dataset="none")


def test_random_weights_are_not_trained(check, own):
    for values in ({"kind": "finetune", "model": "bert@structure"}, {"kind": "distill", "teacher": "bert@structure"}):
        with pytest.raises(ModelError, match="bert@structure has random weights and no tokenizer"):
            check(**values, dataset=own)
    check(kind="finetune", model="bert@structure", arms="bow", dataset=own)


@pytest.mark.parametrize("family", [row for row in families.FAMILIES if row.max_positions], ids=lambda row: row.key)
def test_more_tokens_than_positions_are_refused_in_training(check, make_folder, own, family):
    model_type = "openai-gpt" if family.key == "gpt" else family.key
    refs = [f"{family.key}@hub", make_folder(model_type)]
    for ref in refs:
        check(kind="finetune", model=ref, dataset=own, max_length=family.max_positions)
        with pytest.raises(SpecError, match=f"{family.max_positions} positions, got a length of"):
            check(kind="finetune", model=ref, dataset=own, max_length=family.max_positions + 1)


def test_a_comparison_is_refused_only_when_no_model_reads_the_shortest_length(check):
    check(kind="compare", models="bert@structure,bart@structure", seq_lens="1024")
    check(kind="compare", models="bert@structure", seq_lens="512,1024")
    check(kind="compare", models="bert@structure,t5@structure", seq_lens="4096")
    with pytest.raises(SpecError, match="1,025 tokens is more than any") as caught:
        check(kind="compare", models="bert@structure,bart@structure", seq_lens="1025")
    assert "at most 1,024" in caught.value.hint


def test_arms_that_a_model_cannot_take_are_refused_before_the_others_run(check, make_folder, own):
    check(kind="finetune", dataset=own, model="bert@hub", arms="pretrained,adapted,top12")
    for ref in ("gpt@hub", "t5@sst2", "xlnet@hub", make_folder("bart")):
        with pytest.raises(ModelError, match="does not learn from masked words"):
            check(kind="finetune", dataset=own, model=ref, arms="pretrained,adapted")
    for ref, arm, words in (
        ("minilm", "top7", "this model has 6"),
        ("albert@hub", "top1", "layers of their own"),
        (make_folder(), "top4", "this model has 3"),
    ):
        with pytest.raises(SpecError, match=words):
            check(kind="finetune", dataset=own, model=ref, arms=f"pretrained,{arm}")


def test_layers_are_checked_against_the_teachers_config(check, make_folder, own):
    teacher = make_folder()
    for values, words in (
        ({"student_layers": 4}, "4 layers, its teacher only 3"),
        ({"student_layers": 1, "layers": "3"}, "no layer 3"),
    ):
        with pytest.raises(SpecError, match=words):
            check(kind="distill", teacher=teacher, dataset=own, **values)
    shallow = make_folder("t5", num_layers=3, num_decoder_layers=1)
    with pytest.raises(SpecError, match="its teacher only 1"):
        check(kind="distill", teacher=shallow, dataset=own, student_layers=2)


def test_layers_that_config_json_leaves_out_are_those_of_transformers(check, own, tmp_path):
    for model_type, usual in (("bert", 12), ("distilbert", 6), ("t5", 6), ("bart", 12), ("xlnet", 24)):
        folder = tmp_path / f"silent-{model_type}"
        folder.mkdir()
        config = {"model_type": model_type, "architectures": ["XForSequenceClassification"]}
        (folder / "config.json").write_text(json.dumps(config))
        values = {"kind": "distill", "teacher": f"path:{folder}", "dataset": own}
        check(**values, student_layers=usual)
        with pytest.raises(SpecError, match=f"its teacher only {usual}"):
            check(**values, student_layers=usual + 1)
        with pytest.raises(SpecError, match=f"no layer {usual}"):
            check(**values, student_layers=1, layers=str(usual))


def test_a_teacher_needs_a_head(check, make_folder, own):
    with pytest.raises(ModelError, match="no classification head"):
        check(kind="distill", teacher=make_folder(classifies=False), dataset=own, student_layers=1)


def test_a_folder_or_run_without_a_model(check, store, own, tmp_path):
    with pytest.raises(ModelError, match="There is no model"):
        check(kind="compare", models=f"path:{tmp_path / 'nothing'}")
    with pytest.raises(RunError, match="There is no run"):
        check(kind="finetune", model="run:000009-abcdef", dataset=own)
    run = store.create(kinds.parse_spec({"kind": "compare", "models": "minilm"}))
    with pytest.raises(RunError, match="saved no model"):
        check(kind="distill", teacher=f"run:{run.id}", dataset=own)


@pytest.mark.parametrize("name", ["../../etc", "..", ".", "a/b", "%2e%2e"])
def test_a_run_id_is_no_path(check, own, name):
    with pytest.raises(DistillError) as caught:
        check(kind="finetune", model=f"run:{name}", dataset=own)
    assert caught.value.kind in ("spec", "run")


def test_zero_shot_is_for_sentence_models(check, own):
    check(kind="finetune", arms="zero-shot", dataset=own)
    with pytest.raises(SpecError, match="not trained to compare sentences"):
        check(kind="finetune", arms="zero-shot", model="bert@hub", dataset=own)


# ── from a browser ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "compare", "models": "minilm,path:/etc"},
        {"kind": "finetune", "model": "path:/etc", "dataset": "movies"},
        {"kind": "distill", "teacher": "path:/etc", "dataset": "movies"},
        {"kind": "distill", "teacher": "bert@sst2", "student": "path:/etc", "dataset": "movies"},
    ],
)
def test_a_browser_names_no_folder_of_the_server(from_page, values):
    with pytest.raises(SpecError, match="folder of the server"):
        from_page(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "compare", "models": "minilm", "dataset": "{}"},
        {"kind": "finetune", "dataset": "{}"},
        {"kind": "finetune", "dataset": "movies", "test_datasets": "{}"},
        {"kind": "finetune", "dataset": "movies", "domains": "movies,{}"},
    ],
)
def test_a_browser_names_no_file_of_the_server(from_page, own, values):
    with pytest.raises(SpecError, match="not uploaded here"):
        from_page(**{name: value.format(own) for name, value in values.items()})


def test_a_browser_may_use_what_was_uploaded(from_page):
    from distill_core.datasets import uploads

    kept = uploads.keep(f"text,label\n{ROWS}".encode())
    from_page(kind="finetune", dataset=kept)
    from_page(kind="finetune", dataset="movies", test_datasets=kept)


def test_it_needs_no_torch():
    code = "import sys; from distill_core.plans import preflight; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, timeout=60)
    assert done.stdout.strip() == "False", done.stderr


# ── pre-training ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"family": "bert", "corpus": "novels"}, DataError, "novels"),
        ({"family": "bert", "probe_dataset": "moovies"}, DataError, "moovies"),
        ({"family": "distilbert", "teacher": "run:000009-abcdef"}, RunError, "no run"),
        ({"family": "distilbert", "teacher": "bert@structure"}, ModelError, "random weights"),
    ],
)
def test_a_pretraining_that_cannot_run_is_refused(check, values, error, message):
    with pytest.raises(error, match=message):
        check(kind="pretrain", **values)


def test_a_pretraining_needs_no_data_set(check):
    check(kind="pretrain", family="bert", probe_dataset="none")


def test_a_distillation_is_checked_against_its_task(check, own, make_folder):
    """The arms, terms and families that a task's facts name, before any work is done."""
    general = {"kind": "distill", "mode": "general", "dataset": own, "student_layers": 2}
    check(**general, teacher=make_folder())
    with pytest.raises(SpecError, match="GPT does not fit masked words"):
        check(**general, teacher=make_folder("openai-gpt"))
    with pytest.raises(SpecError, match="labeled-only means nothing for masked words"):
        check(**general, teacher=make_folder(), arms="labeled-only", labeled_examples=5)


@pytest.mark.parametrize("labeled", [19, 4000])
def test_labeled_only_needs_texts_without_a_label(check, own, make_folder, labeled):
    """With all labels kept it would be the distilled student under another name."""
    from distill_core.datasets import catalogue

    size = catalogue.load(own).train_size
    values = {"kind": "distill", "dataset": own, "teacher": make_folder(), "student_layers": 2, "arms": "labeled-only"}
    with pytest.raises(SpecError) as caught:
        check(**values, labeled_examples=max(size, labeled))
    assert caught.value.message == (
        f"labeled-only shows what texts without a label add, and here all {size} texts keep theirs."
    )
    check(**values, labeled_examples=size - 1)
    with pytest.raises(SpecError, match="here all 7,984 texts keep theirs"):
        check(**{**values, "dataset": "movies", "train_examples": 0}, labeled_examples=7984)
