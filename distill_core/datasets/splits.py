"""Which texts are for training, validation and test: fixed by the texts themselves, so that every run agrees.

Texts that are equal after `normalize` never stand in two splits, nor do texts of one parent document: a model would be
asked what it has been told. They form a group, and the group goes to one split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)


def normalize(text: str) -> str:
    """Case folded, white space collapsed: what makes two texts the same text."""
    return " ".join(text.casefold().split())


def group_keys(texts: Sequence[str], parents: Sequence[Hashable] | None = None) -> list[str]:
    """For each text the smallest normalized text of its group: texts joined by equality or by a common parent."""
    keys = [normalize(text) for text in texts]
    if parents is None:
        return keys
    root: dict[Hashable, Hashable] = {}

    def find(node: Hashable) -> Hashable:
        while root.setdefault(node, node) != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for key, parent in zip(keys, parents, strict=True):
        root[find(("text", key))] = find(("parent", parent))
    smallest: dict[Hashable, str] = {}
    for key in keys:
        group = find(("text", key))
        smallest[group] = min(smallest.get(group, key), key)
    return [smallest[find(("text", key))] for key in keys]


def fraction(key: str) -> float:
    """A number from 0 to 1 that looks random and depends on the text alone."""
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "replace")).digest()[:8], "big") / 2**64


def by_hash(keys: Sequence[str], validation: float = 0.1, test: float = 0.1) -> list[str]:
    """The split of each group key, near the given shares; a text keeps its split when others come or go."""
    train = 1 - validation - test
    bounds = {key: fraction(key) for key in keys}
    return [TRAIN if bounds[key] < train else VALIDATION if bounds[key] < 1 - test else TEST for key in keys]


def by_rank(keys: Sequence[str], labels: Sequence[int], share: float = 0.1) -> list[str]:
    """The split of each group key for small files: in each class the groups with the lowest hashes go to the test and
    the next ones to validation, at least one each when the class has three groups."""
    label_of: dict[str, int] = {}
    for key, label in zip(keys, labels, strict=True):
        label_of.setdefault(key, label)
    split_of: dict[str, str] = {}
    for label in set(label_of.values()):
        ranked = sorted((key for key, own in label_of.items() if own == label), key=fraction)
        held_out = max(1, round(share * len(ranked))) if len(ranked) >= 3 else 0
        for rank, key in enumerate(ranked):
            split_of[key] = TEST if rank < held_out else VALIDATION if rank < 2 * held_out else TRAIN
    return [split_of[key] for key in keys]
