"""The fair order as a pure function: by hand, and as a property over random classes."""

from __future__ import annotations

import random

import pytest

from distill_core.launch.order import fair


def test_one_owner_is_first_in_first_out():
    assert fair([("", 1), ("", 2), ("", 3)], [""]) == [1, 2, 3]


def test_turns_go_round_between_owners():
    waiting = [("ada", "a1"), ("ada", "a2"), ("ada", "a3"), ("bo", "b1"), ("bo", "b2"), ("", "own")]
    assert fair(waiting, []) == ["a1", "b1", "own", "a2", "b2", "a3"]


def test_who_has_just_had_a_turn_stands_behind_who_has_not():
    waiting = [("ada", "a2"), ("bo", "b1"), ("cy", "c2")]
    assert fair(waiting, ["cy", "ada"]) == ["b1", "c2", "a2"]
    assert fair(waiting, ["ada", "cy", "ada"]) == ["b1", "c2", "a2"], "the latest start counts"


def test_nothing_waits():
    assert fair([], ["ada"]) == []


@pytest.mark.parametrize("seed", range(20))
def test_nobody_waits_for_more_than_one_run_of_each_other_owner(seed):
    """A random class that goes on asking: from the time an owner's next run is there until it starts, each other owner
    starts one run at most; nothing is lost, and each owner's runs keep their order."""
    draw = random.Random(seed)
    owners = [f"visitor {number}" for number in range(draw.randint(2, 7))]
    waiting: list[tuple[str, int]] = []
    started: list[tuple[str, int]] = []
    passed: dict[str, list[str]] = {}
    for number in range(200):
        if draw.random() < 0.6 or not waiting:
            owner = draw.choice(owners)
            waiting.append((owner, number))
            passed.setdefault(owner, [])
        else:
            run = fair(waiting_with_owner(waiting), [owner for owner, _ in started])[0]
            waiting.remove(run)
            started.append(run)
            del passed[run[0]]
            for owner, seen in passed.items():
                seen.append(run[0])
                assert len(seen) == len(set(seen)), f"{owner} waited for two runs of one owner: {seen}"
            if any(owner == run[0] for owner, _ in waiting):
                passed[run[0]] = []
    for owner in owners:
        mine = [number for who, number in started if who == owner]
        assert mine == sorted(mine)


def waiting_with_owner(waiting):
    return [(owner, (owner, number)) for owner, number in waiting]
