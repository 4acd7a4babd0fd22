"""THE table of the terms of a distillation's loss: one row a term.

    L = Σ weight · term          (DistilBERT, arXiv:1910.01108 §2–3, and what others have added)

To add a term, add one row here and its function in `training/term_functions.py`. The field of a request with its flag,
the formula, the ablation, the names and colors of figures and the distillation step all read this table. No torch here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# Of labels, of logits or of the last hidden states the cache of teacher outputs tells enough; for all hidden states,
# attention probabilities, or queries, keys and values the teacher runs beside the student.
Need = Literal["labels", "logits", "last_hidden", "hidden", "attention", "vectors"]
_LIVE: frozenset[Need] = frozenset({"hidden", "attention", "vectors"})


@dataclass(frozen=True, kw_only=True)
class Term:
    """One term. `key` is the field of a request; `function` a name in `training/term_functions.py`.

    `default` is its weight where none is given, `proposed` the one with which a full recipe of an ablation begins.
    `color` is that of the light theme and of the dark one (Paul Tol's, safe for color-blind eyes).
    """

    key: str
    title: str
    function: str
    need: Need
    latex: str
    description: str
    color: tuple[str, str]
    typical: str = ""
    default: float = 0.0
    proposed: float = 1.0

    @property
    def is_live(self) -> bool:
        """Whether the teacher must run beside the student."""
        return self.need in _LIVE

    @property
    def asks_the_teacher(self) -> bool:
        """Whether it compares the student with its teacher, and not with the labels alone."""
        return self.need != "labels"

    @property
    def compares_tokens(self) -> bool:
        """Whether teacher and student must split texts into the same tokens."""
        return self.need not in ("labels", "logits")


TERMS: tuple[Term, ...] = (
    Term(
        key="soft",
        title="Soft targets",
        function="soft_targets",
        need="logits",
        latex=r"\tau^2\,\mathrm{KL}(p_T^\tau \,\|\, p_S^\tau)",
        description="Weight of the soft-target loss.",
        color=("#AA4499", "#CC77BB"),
        typical="0.5",
        default=0.5,
        proposed=0.5,
    ),
    Term(
        key="hard",
        title="Labels",
        function="labels",
        need="labels",
        latex=r"\mathrm{CE}(y,\, p_S)",
        description="Weight of the cross-entropy with the true labels.",
        color=("#2F6DA8", "#7FB4E6"),
        typical="0.5",
        default=0.5,
        proposed=0.5,
    ),
    Term(
        key="cosine",
        title="Cosine",
        function="cosine",
        need="last_hidden",
        latex=r"(1-\cos(h_T, h_S))",
        description="Weight of the cosine loss on hidden states.",
        color=("#009988", "#22BBAA"),
        typical="0–1",
    ),
    Term(
        key="hidden",
        title="Hidden states",
        function="hidden_states",
        need="hidden",
        latex=r"\tfrac{1}{d}\lVert h_T - W h_S \rVert^2",
        description="Weight of the squared error of hidden states (TinyBERT).",
        color=("#332288", "#8F7FE0"),
    ),
    Term(
        key="attention",
        title="Attention",
        function="attention",
        need="attention",
        latex=r"\tfrac{1}{a n^2}\lVert A_T - A_S \rVert^2",
        description="Weight of the squared error of attention (TinyBERT).",
        color=("#B8860B", "#DDAA33"),
    ),
    Term(
        key="relations",
        title="Relations",
        function="relations",
        need="vectors",
        latex=r"\mathrm{KL}(R_T \,\|\, R_S)",
        description="Weight of the self-attention relations (MiniLMv2).",
        color=("#5F6B76", "#A9B2BA"),
    ),
)
BY_KEY: dict[str, Term] = {term.key: term for term in TERMS}
_TOKENS = [term.key for term in TERMS if term.compares_tokens]
TOKEN_TERMS = f"{', '.join(_TOKENS[:-1])} and {_TOKENS[-1]}"  # for sentences: "cosine, hidden, attention and relations"
LABELS_ALONE: dict[str, float] = {term.key: 0.0 if term.asks_the_teacher else 1.0 for term in TERMS}


@dataclass(frozen=True)
class LossWeights:
    """How much each term counts, and how logits are softened. A term that is not named has weight 0.

    `temperature` softens both distributions; `standardize` centers and scales logits before (arXiv:2403.01427).
    """

    by_term: Mapping[str, float]
    temperature: float = 2.0
    standardize: bool = False

    def __getitem__(self, key: str) -> float:
        return self.by_term.get(key, 0.0)

    @property
    def used(self) -> tuple[Term, ...]:
        """The terms whose weight is not 0, in the order of the table: that of their sum."""
        return tuple(term for term in TERMS if self[term.key])

    def needs(self, *any_of: Need) -> bool:
        """Whether a used term needs one of these."""
        return any(term.need in any_of for term in self.used)

    @property
    def asks_the_teacher(self) -> bool:
        """Whether anything is learned from the teacher, and not from the labels alone."""
        return any(term.asks_the_teacher for term in self.used)

    @property
    def needs_live_teacher(self) -> bool:
        """Whether a used term needs more of the teacher than the cache keeps."""
        return any(term.is_live for term in self.used)

    @property
    def compares_tokens(self) -> bool:
        """Whether teacher and student must split texts into the same tokens."""
        return any(term.compares_tokens for term in self.used)
