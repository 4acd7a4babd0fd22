"""The pre-training objectives of the ten families: what is hidden from a network, and what it must say.

Each corrupts a batch of documents, builds the network with its heads (transformers' own classes) and computes the loss;
everything random comes from the generator that is passed in. What pages say about them, without torch, stands in
`objective_facts`.
"""

from __future__ import annotations

from types import MappingProxyType

from distill_core.errors import SpecError
from distill_core.objectives.batch import Objective
from distill_core.objectives.causal import CausalModeling
from distill_core.objectives.distilled import TripleLoss
from distill_core.objectives.infilling import Infilling
from distill_core.objectives.knowledge import whole_units
from distill_core.objectives.masking import MaskedModeling, ngrams
from distill_core.objectives.permutation import PermutationModeling
from distill_core.objectives.replaced import ReplacedTokens
from distill_core.objectives.spans import SpanCorruption

OBJECTIVES: MappingProxyType[str, Objective] = MappingProxyType(
    {
        row.key: row
        for row in (
            MaskedModeling("bert", "BertForPreTraining", pair="next"),
            CausalModeling("gpt", "OpenAIGPTLMHeadModel"),
            MaskedModeling("roberta", "RobertaForMaskedLM", types=False),
            SpanCorruption("t5", "T5ForConditionalGeneration"),
            PermutationModeling("xlnet", "XLNetLMHeadModel"),
            MaskedModeling("albert", "AlbertForPreTraining", choose=ngrams, pair="order"),
            TripleLoss("distilbert", "DistilBertForMaskedLM", types=False),
            MaskedModeling("ernie", "ErnieForMaskedLM", choose=whole_units),
            ReplacedTokens("electra", "ElectraForPreTraining"),
            Infilling("bart", "BartForConditionalGeneration"),
        )
    }
)


def get(key: str) -> Objective:
    """The objective of this family. Raises SpecError that lists the ten."""
    if key not in OBJECTIVES:
        raise SpecError(f"Unknown family {key[:100]!r}.", f"Choose one of: {', '.join(OBJECTIVES)}.")
    return OBJECTIVES[key]
