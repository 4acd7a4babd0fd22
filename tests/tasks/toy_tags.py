"""A task that the project does not have, as its author would write it: is each word of a text short or long?"""

from __future__ import annotations

import torch
from transformers import AutoModelForTokenClassification

from distill_core.models import checkpoints, loading
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import ASKED, Encoded, PerToken
from distill_core.tasks.base import Task, texts_of
from distill_core.tasks.facts import TaskFacts

TAGS = ("short", "long")
FACTS = TaskFacts(
    key="toy-tags",
    title="Toy tags",
    module="toy_tags",
    fields=("text", "tags"),
    metrics=("accuracy",),
    positions="word",
    asked="words of the test texts",
    choices="classes",
    arms=("distilled", "init-only", "scratch"),
    terms=("soft", "hard", "cosine", "hidden"),
)


class Tags(Task):
    """A token classifier, asked at the first token of each word."""

    facts = FACTS

    def teacher(self, ref, dataset, store):
        path = checkpoints.locate(ref, store).path
        model = AutoModelForTokenClassification.from_pretrained(path)
        tokenizer = checkpoints.load_tokenizer(path, model.config)
        return LoadedModel(ref, loading.family_of(model.config), model, tokenizer, "fine-tuned", TAGS)

    learner = teacher

    def head(self, config):
        return AutoModelForTokenClassification.from_config(config)

    def encode(self, loaded, frame, max_length):
        rows = loaded.tokenizer(list(texts_of(frame)), truncation=True, max_length=max_length)
        ids, firsts, targets = [], [], []
        for row, tags in enumerate(frame["tags"]):
            words = rows.word_ids(row)
            first = [word is not None and word not in words[:place] for place, word in enumerate(words)]
            ids.append(torch.tensor(rows["input_ids"][row]))
            firsts.append(torch.tensor(first).long())
            targets.append(torch.tensor([int(tag) for tag in tags.split()][: sum(first)], dtype=torch.long))
        asked = {ASKED: PerToken(tuple(firsts))}
        return Encoded(tuple(ids), loaded.tokenizer.pad_token_id, loaded.family.padding_side, asked, tuple(targets))


TASK = Tags()
