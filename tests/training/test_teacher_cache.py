"""The teacher's outputs: the same from the cache as from the teacher, each with its own text, never another's."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time

import pytest
import tiny
import torch

from distill_core import families
from distill_core.jobs import isolation
from distill_core.machine import devices
from distill_core.settings import settings
from distill_core.training import teacher_cache

CPU = devices.Device(torch.device("cpu"), "float32", 1)
TEXTS = [*tiny.SENTENCES, "", "a warm film"]


def make(key="bert", seed=0, **more):
    loaded = tiny.classifier(families.get(key), seed=seed, **more)
    return loaded.model, loaded.encode(TEXTS, 32)


def ask(model, encoded, keep_hidden=False, **more):
    return teacher_cache.outputs(model, encoded, CPU, keep_hidden=keep_hidden, **more)


def files():
    return sorted((settings().cache_dir / "teacher").glob("*.safetensors"))


@pytest.fixture
def passes(monkeypatch):
    """Counts how often the teacher had to read."""
    counted, compute = [], teacher_cache._compute

    def noted(*arguments):
        counted.append(1)
        return compute(*arguments)

    monkeypatch.setattr(teacher_cache, "_compute", noted)
    return counted


@pytest.mark.parametrize("key", ["bert", "xlnet", "gpt", "bart"])
def test_the_cache_says_what_the_teacher_says_of_each_text(key, passes):
    """Whatever the batch: hidden states of the real tokens, padded anew on the family's side."""
    model, encoded = make(key)
    first, second = ask(model, encoded, keep_hidden=True), ask(model, encoded, keep_hidden=True)
    assert len(passes) == 1
    assert first.seconds > 0
    assert second.seconds == 0
    assert torch.equal(first.logits, second.logits)
    rows = [8, 0, 3, 9, 5, 2]  # as a shuffled batch takes them
    batch = encoded.batch(rows)
    with torch.inference_mode():
        live = model(**batch, output_hidden_states=True)
    states = live.decoder_hidden_states if key == "bart" else live.hidden_states
    mask = batch["attention_mask"].unsqueeze(-1)
    for teacher_outputs in (first, second):
        torch.testing.assert_close(teacher_outputs.logits[rows], live.logits, rtol=0, atol=1e-5)
        hidden = teacher_outputs.padded_hidden(rows, batch["input_ids"].shape[1], encoded.padding_side)
        torch.testing.assert_close(hidden, states[-1] * mask, rtol=0, atol=1e-5)


def test_outputs_serve_as_targets_of_a_loss():
    model, encoded = make()
    teacher_outputs = ask(model, encoded, keep_hidden=True)
    assert not teacher_outputs.logits.is_inference()
    assert not teacher_outputs.hidden.is_inference()
    assert not teacher_outputs.logits.requires_grad
    assert teacher_outputs.logits.dtype == teacher_outputs.hidden.dtype == torch.float32


def test_the_key_changes_with_the_weights_the_tokens_and_what_is_kept(passes):
    model, encoded = make()
    ask(model, encoded)
    ask(model, encoded, keep_hidden=True)
    assert len(passes) == 2
    with torch.no_grad():
        model.classifier.bias[0] += 1e-4
    ask(model, encoded)
    assert len(passes) == 3
    reordered = type(encoded)(encoded.ids[::-1], encoded.pad_id, encoded.padding_side)
    teacher_outputs = ask(model, reordered)
    assert len(passes) == 4
    torch.testing.assert_close(teacher_outputs.logits, ask(model, encoded).logits.flip(0), rtol=0, atol=1e-5)
    fewer = type(encoded)(encoded.ids[:-1], encoded.pad_id, encoded.padding_side)
    ask(model, fewer)
    assert len(passes) == 5
    assert len(files()) == 5


def test_the_key_changes_with_the_shape_of_the_network(passes):
    """Four heads or two: the same weights, another function."""
    model, encoded = make()
    other, _ = make(num_attention_heads=4)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    first, second = ask(model, encoded).logits, ask(other, encoded).logits
    assert len(passes) == 2
    assert not torch.allclose(first, second, atol=1e-3)


DAMAGES = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-8]),
    "empty": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(os.urandom(500)),
    "another file": lambda path: path.write_text("<html>log in</html>"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_made_again(damage, passes):
    model, encoded = make()
    expected = ask(model, encoded).logits
    damage(files()[0])
    assert torch.equal(ask(model, encoded).logits, expected)
    assert len(passes) == 2
    ask(model, encoded)
    assert len(passes) == 2  # whole again


def test_a_full_disk_costs_the_cache_and_not_the_run(monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(teacher_cache, "save_file", full)
    model, encoded = make()
    assert ask(model, encoded).logits.shape == (len(TEXTS), 2)
    assert [path.suffix for path in (settings().cache_dir / "teacher").iterdir()] in ([], [".lock"])


def test_the_oldest_files_go_when_the_folder_grows(monkeypatch):
    model, encoded = make()
    ask(model, encoded, keep_hidden=True)
    (first,) = files()
    size = first.stat().st_size
    monkeypatch.setattr(teacher_cache, "LIMIT_BYTES", int(2.5 * size))
    os.utime(first, (time.time() - 300,) * 2)
    ask(make(seed=1)[0], encoded, keep_hidden=True)
    (second,) = set(files()) - {first}
    os.utime(second, (time.time() - 200,) * 2)
    ask(make(seed=2)[0], encoded, keep_hidden=True)
    assert len(files()) == 2
    assert first not in files()
    assert second in files()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_file_that_another_run_takes_away_at_the_same_moment_is_no_error(monkeypatch):
    """Seen in the folder, gone when its age is asked: as a link to nothing."""
    monkeypatch.setattr(teacher_cache, "LIMIT_BYTES", 1)
    model, encoded = make()
    ask(model, encoded)
    (files()[0].parent / "gone.safetensors").symlink_to("nowhere")
    logits = ask(make(seed=1)[0], encoded).logits
    assert torch.isfinite(logits).all()
    assert len([path for path in files() if path.is_file()]) == 1


def test_use_keeps_a_file_young(monkeypatch):
    model, encoded = make()
    ask(model, encoded)
    (path,) = files()
    os.utime(path, (1e9, 1e9))
    ask(model, encoded)
    assert path.stat().st_mtime > time.time() - 60


def test_a_file_larger_than_the_limit_is_kept_until_the_next(monkeypatch, passes):
    monkeypatch.setattr(teacher_cache, "LIMIT_BYTES", 1)
    model, encoded = make()
    ask(model, encoded)
    ask(model, encoded)
    assert len(passes) == 1


def _ask_in_process(folder, start, cache):
    """What another run does: the same teacher, the same texts. Notes each pass of the teacher."""
    torch.set_num_threads(1)
    os.environ["DISTILL_CACHE_DIR"] = str(cache)
    settings.cache_clear()
    compute = teacher_cache._compute

    def slow(*arguments):
        (folder / f"pass-{os.getpid()}").touch()
        time.sleep(0.3)
        return compute(*arguments)

    teacher_cache._compute = slow
    model, encoded = make()
    start.wait(60)
    torch.save(ask(model, encoded).logits, folder / f"logits-{os.getpid()}")


def test_two_runs_at_once_ask_the_teacher_once(tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(isolation.PRELOAD)
    start = context.Barrier(2)
    cache = settings().cache_dir
    processes = [context.Process(target=_ask_in_process, args=(tmp_path, start, cache)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(90)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(list(tmp_path.glob("pass-*"))) == 1
    first, second = (torch.load(path, weights_only=True) for path in tmp_path.glob("logits-*"))
    assert torch.equal(first, second)


class Stop(Exception):
    pass


def test_a_run_that_waits_for_anothers_teacher_can_be_stopped(monkeypatch):
    model, encoded = make()
    inside, leave = threading.Event(), threading.Event()
    compute = teacher_cache._compute

    def blocked(*arguments):
        inside.set()
        leave.wait(60)
        return compute(*arguments)

    monkeypatch.setattr(teacher_cache, "_compute", blocked)
    first = threading.Thread(target=ask, args=(model, encoded))
    first.start()
    assert inside.wait(60)
    deadline = time.monotonic() + 0.3

    def check():
        if time.monotonic() > deadline:
            raise Stop

    second = []

    def wait_in_line():
        try:
            ask(model, encoded, check=check)
        except Stop:
            second.append("stopped")

    waiting = threading.Thread(target=wait_in_line)
    waiting.start()
    waiting.join(10)
    stopped_in_time = not waiting.is_alive()
    leave.set()
    first.join(60)
    waiting.join(60)
    assert stopped_in_time
    assert second == ["stopped"]


def test_a_stop_while_the_teacher_reads_leaves_nothing_behind(passes):
    model, encoded = make()

    def check():
        raise Stop

    with pytest.raises(Stop):
        ask(model, encoded, check=check)
    assert not files()
    ask(model, encoded)
    assert len(files()) == 1


def test_hidden_states_that_were_not_kept_are_not_invented():
    model, encoded = make()
    with pytest.raises(ValueError, match="not kept"):
        ask(model, encoded).padded_hidden([0], 5, "right")


def test_a_paused_run_does_not_hold_the_teacher_back_for_others(monkeypatch):
    """A pause in the middle of the pass: the other run asks the teacher itself, and both keep the same answers."""
    monkeypatch.setattr(teacher_cache, "PATIENCE_S", 0.5)
    model, encoded = make()
    inside, leave, found = threading.Event(), threading.Event(), []

    def paused():
        if threading.current_thread() is first:
            inside.set()
            assert leave.wait(60)

    first = threading.Thread(target=lambda: found.append(ask(model, encoded, check=lambda: started and paused())))
    started = []
    monkeypatch.setattr(teacher_cache, "_compute", _after(started, teacher_cache._compute))
    first.start()
    assert inside.wait(60)
    second = ask(model, encoded)
    assert second.seconds > 0
    leave.set()
    first.join(60)
    torch.testing.assert_close(found[0].logits, second.logits)


def _after(started, compute):
    def noted(*arguments):
        started.append(1)
        return compute(*arguments)

    return noted
