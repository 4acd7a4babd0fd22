"""Which texts are for training, validation and test: fixed by the texts themselves, so that every run agrees.

One rule for all data: a text with a high hash is a test text, whatever file it stands in. Texts that are equal after
`normalize` never stand in two splits, nor do texts of one parent document: a model would be asked what it was told.
They form a group, and the group goes to one split by the hash of its smallest normalized text.
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


def by_hash_in_classes(keys: Sequence[str], labels: Sequence[int], share: float = 0.1) -> list[str]:
    """`by_hash` for small files: in each class the groups of the highest hashes are the test, the next ones validation.

    A class has at least `share` of its groups in each of the two, one group at least, and one left for training; a
    class of fewer than three groups is for training alone. A text that `by_hash` tests is a test text here too.
    """
    label_of: dict[str, int] = {}
    for key, label in zip(keys, labels, strict=True):
        label_of.setdefault(key, label)
    in_class: dict[int, list[str]] = {}
    for key, label in label_of.items():
        in_class.setdefault(label, []).append(key)
    split_of = {key: split for own in in_class.values() for key, split in _ranked(own, share).items()}
    return [split_of[key] for key in keys]


def _ranked(keys: Sequence[str], share: float) -> dict[str, str]:
    """The splits of the groups of one class."""
    ranked = sorted(keys, key=fraction, reverse=True)
    if len(ranked) < len(SPLITS):
        return dict.fromkeys(ranked, TRAIN)
    least = max(1, round(share * len(ranked)))
    usual = by_hash(ranked, share, share)
    test = min(max(least, usual.count(TEST)), len(ranked) - 2)
    held_out = min(max(test + least, len(ranked) - usual.count(TRAIN)), len(ranked) - 1)
    splits = [TEST] * test + [VALIDATION] * (held_out - test) + [TRAIN] * (len(ranked) - held_out)
    return dict(zip(ranked, splits, strict=True))
