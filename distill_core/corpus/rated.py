"""The rated texts without their labels: the training split, and the neutral texts that the label rule drops."""

from __future__ import annotations

from distill_core.assets import shelf
from distill_core.corpus.held_out import HeldOut
from distill_core.datasets import catalogue, prepare, splits

Document = list[str]


def documents(name: str, held_out: HeldOut) -> tuple[list[Document], str]:
    """The texts of a data set that are free for training, and a note on the others.

    Sentences of one review or editorial form a document. A neutral text has no split: it is left out when it comes
    from a held-out document, and a near-duplicate of any held-out text is left out wherever it stands.
    """
    info = catalogue.info(name)
    frame = catalogue.load(name).frame
    held_ids = set(frame.loc[frame["split"] != splits.TRAIN, "id"])
    held_parents = {_parent(row) for row in held_ids} if info.by_parent else held_ids
    found: dict[str, Document] = {}
    held = near = 0
    rows = prepare.rated_texts(info, shelf.ensure(info.asset))
    for row, text in zip(rows["id"], rows["text"], strict=True):
        key = _parent(row) if info.by_parent else row
        if key in held_parents:
            held += 1
        elif held_out.is_near(text):
            near += 1
        elif text:
            found.setdefault(key, []).append(text)
    note = f"{held:,} of {len(rows):,} texts are validation or test texts or stand in one document with them"
    return list(found.values()), f"{note}; {near:,} are near-duplicates of such a text. Neutral texts are in."


def _parent(row: str) -> str:
    return str(row).split("_")[0]
