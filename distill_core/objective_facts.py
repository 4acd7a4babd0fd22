"""What pages say about the ten pre-training objectives: idea, equation, source, where the code stands. No torch here.

`objectives` holds the code; a test compares the shares below with what it draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from distill_core import families
from distill_core.files import source_code

_ERNIE_1 = "ERNIE: Enhanced Representation through Knowledge Integration (1.0), arXiv:1904.09223"


@dataclass(frozen=True, kw_only=True)
class ObjectiveFacts:
    """One objective in words. `share` is the expected fraction of a long text's tokens that give a signal.

    `code` names the module, as its place in the core, and the definition in it that does the corruption or the loss.
    """

    key: str
    title: str
    idea: str
    equation: str
    section: str
    scored: str
    share: float
    code: tuple[str, str]

    @property
    def family(self) -> families.Family:
        """The family that was trained so."""
        return families.get(self.key)

    @property
    def paper(self) -> str:
        """The paper with its section. The first GPT is not on arXiv; ERNIE's masking is in the paper on 1.0."""
        if self.key == "ernie":
            return f"{_ERNIE_1}, {self.section}; one of the seven tasks of ERNIE 2.0"
        number, *_ = self.family.facts["arxiv_id"].split()
        source = "OpenAI technical report" if number == "none" else f"arXiv:{number}"
        return f"{self.family.facts['paper_title']}, {source}, {self.section}"

    def source(self) -> str:
        """The code, read from the file."""
        return source_code.definitions(":".join(self.code))


_MASKED = r"\mathcal{L}_{\mathrm{MLM}} = -\frac{1}{|M|} \sum_{i \in M} \log p(x_i \mid \tilde{x})"

OBJECTIVES: tuple[ObjectiveFacts, ...] = (
    ObjectiveFacts(
        key="bert",
        title="Masked words + next sentence",
        idea="Fill in 15 % of the tokens from both sides, and say whether the second part follows the first.",
        equation=_MASKED + r" \;-\; \log p(\text{next} \mid A, B)",
        section="§3.1",
        scored="the hidden tokens, and yes or no for the pair",
        share=0.15,
        code=("models/gaps", "hide"),
    ),
    ObjectiveFacts(
        key="gpt",
        title="Next token",
        idea="Read from left to right and say each next token.",
        equation=r"\mathcal{L} = -\frac{1}{n-1} \sum_{i=2}^{n} \log p(x_i \mid x_1, \dots, x_{i-1})",
        section="§3.1",
        scored="every token but the first",
        share=1.0,
        code=("objectives/causal", "CausalModeling"),
    ),
    ObjectiveFacts(
        key="roberta",
        title="Masked words, drawn anew each time",
        idea="BERT's gaps, but other ones each time a text is read, full rows, and no question about a pair.",
        equation=_MASKED + r", \qquad M \text{ drawn anew in each epoch}",
        section="§4.1–4.2",
        scored="the hidden tokens",
        share=0.15,
        code=("objectives/masking", "single_tokens"),
    ),
    ObjectiveFacts(
        key="t5",
        title="Span corruption",
        idea="Cut spans out, put one numbered sentinel for each, and write down what was cut out.",
        equation=r"\mathcal{L} = -\frac{1}{|y|} \sum_t \log p(y_t \mid y_{<t}, \tilde{x}), \qquad"
        r" y = s_0\, x_{S_0}\, s_1\, x_{S_1} \dots s_k",
        section="§3.1.4 and §3.3.4",
        scored="the cut tokens and the sentinels between them",
        share=0.15,
        code=("objectives/spans", "draw_spans"),
    ),
    ObjectiveFacts(
        key="xlnet",
        title="Any order",
        idea="Predict the last sixth of a random order; each token sees only those that come before it in that order.",
        equation=r"\mathcal{L} = -\frac{1}{n-c} \sum_{t>c} \log p(x_{z_t} \mid x_{z_1}, \dots, x_{z_{t-1}}),"
        r" \qquad z \text{ a random order}",
        section="§2.2–2.3",
        scored="the last sixth of the order",
        share=1 / 6,
        code=("objectives/permutation", "visibility"),
    ),
    ObjectiveFacts(
        key="albert",
        title="Masked n-grams + sentence order",
        idea="Hide one to three whole words in a row, and say whether two neighboring parts were swapped.",
        equation=_MASKED + r" \;-\; \log p(\text{order} \mid A, B), \qquad"
        r" p(n) = \frac{1/n}{\sum_{k=1}^{3} 1/k}",
        section="§3.1 and §4.1",
        scored="the hidden tokens, and in order or swapped",
        share=0.15,
        code=("objectives/masking", "ngrams"),
    ),
    ObjectiveFacts(
        key="distilbert",
        title="Masked words + a teacher",
        idea="Fill the gaps as BERT does, and at every token copy the teacher's shares and hidden state.",
        equation=r"\mathcal{L} = 5\,\tau^2\, \mathrm{KL}(p_T \,\|\, p_S) + 2\,\mathcal{L}_{\mathrm{MLM}}"
        r" + (1 - \cos(h_T, h_S)), \qquad \tau = 2",
        section="§2–3",
        scored="the teacher's answer at every token; the hidden tokens also by themselves",
        share=1.0,
        code=("objectives/distilled", "TripleLoss"),
    ),
    ObjectiveFacts(
        key="ernie",
        title="Masked words, phrases and names",
        idea="Hide a whole word, phrase or name, so that its own pieces cannot give it away (ERNIE 1.0).",
        equation=_MASKED + r", \qquad M \text{ a union of whole units}",
        section="§3.2",
        scored="the tokens of the hidden units",
        share=0.15,
        code=("objectives/knowledge", "whole_units"),
    ),
    ObjectiveFacts(
        key="electra",
        title="Replaced tokens",
        idea="A small generator fills the gaps; say of every token whether it is the original or replaced.",
        equation=r"\mathcal{L} = \mathcal{L}_{\mathrm{MLM}}(G) + 50 \cdot \frac{1}{n} \sum_{i=1}^{n}"
        r" \mathrm{BCE}\big(y_i, D(\hat{x})_i\big)",
        section="§2",
        scored="original or replaced, for every token",
        share=1.0,
        code=("objectives/replaced", "ReplacedTokens"),
    ),
    ObjectiveFacts(
        key="bart",
        title="Text infilling + sentence order",
        idea="Shuffle the sentences, hide spans of unknown length, and write the whole text again.",
        equation=r"\mathcal{L} = -\frac{1}{n} \sum_t \log p(x_t \mid x_{<t}, \tilde{x}), \qquad"
        r" |S| \sim \mathrm{Poisson}(3)",
        section="§2.2 and §5.1",
        scored="every token of the text, also those it can copy",
        share=1.0,
        code=("objectives/infilling", "draw_lengths"),
    ),
)

BY_KEY: MappingProxyType[str, ObjectiveFacts] = MappingProxyType({row.key: row for row in OBJECTIVES})
