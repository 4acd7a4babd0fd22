"""From the files of the sources to the corpus: clean, split, and leave out what is of no use or must not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from distill_core.assets import shelf
from distill_core.corpus import rated, readers, sentence_rules
from distill_core.corpus.held_out import CONTAINED_WORDS, HeldOut, Words, words
from distill_core.corpus.sources import Source
from distill_core.corpus.types import Corpus, Sentences, SourceText, text_digest


@dataclass
class _Sieve:
    """What has been kept so far; `counts` of one source says what happened to its sentences."""

    held_out: HeldOut
    seen: set[str] = field(default_factory=set)
    seen_words: set[Words] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    def kept(self, sentences: Iterable[str], whole: bool) -> Iterator[str]:
        """The sentences that may stay. A `whole` text is as long as it is and may consist of signs."""
        for sentence in sentences:
            own = words(sentence)
            reason = self._reason(sentence, own, whole)
            self.counts[reason] += 1
            if reason == "kept":
                self.seen.add(sentence)
                self.seen_words.add(own)
                yield sentence

    def _reason(self, sentence: str, own: Words, whole: bool) -> str:
        fault = None if whole else sentence_rules.fault(sentence)
        if fault is not None:
            return fault
        if sentence in self.seen:
            return "repeated"
        if own in self.seen_words:
            return "repeated in other signs"
        return "held out" if self.held_out.is_in(sentence, own) else "kept"


def build(sources: Sequence[Source], held_out: HeldOut, checked: Sequence[str]) -> Corpus:
    """The corpus of these sources, whose archives are there. Raises AssetError, DataError."""
    sieve = _Sieve(held_out)
    texts, notes = [], []
    documents: list[Sentences] = []
    source_of: list[str] = []
    for source in sources:
        sieve.counts = Counter()
        found, note = _documents(source, held_out)
        kept = [tuple(sieve.kept(_sentences(document, source), source.is_rated)) for document in found]
        kept = [document for document in kept if document]
        documents += kept
        source_of += [source.name] * len(kept)
        texts.append(_counted(source, kept))
        notes.append(f"{source.title}: {note}{_told(sieve.counts)}")
    notes.append(
        f"No sentence equals one of the {len(held_out):,} validation and test texts of {', '.join(checked)}, nor "
        f"contains one of at least {CONTAINED_WORDS} words."
    )
    return Corpus(tuple(texts), tuple(documents), tuple(source_of), tuple(notes), text_digest(source_of, documents))


def _documents(source: Source, held_out: HeldOut) -> tuple[Iterable[readers.Document], str]:
    if source.is_rated:
        found, note = rated.documents(source.name, held_out)
        return found, f"{note} "
    folder = shelf.fetch(source.archive)
    paths = sorted(path for path in folder.rglob("*") if path.relative_to(folder).match(source.files))
    read = readers.READERS[source.reader]
    return (document for path in paths for document in read(path)), ""


def _sentences(document: Iterable[str], source: Source) -> Iterator[str]:
    for paragraph in document:
        if source.is_rated and len(paragraph.split()) <= sentence_rules.MAX_WORDS:
            yield " ".join(paragraph.split())  # as the data set has it: a model will be fine-tuned on these very texts
        else:
            yield from sentence_rules.split(sentence_rules.clean(paragraph))


def _counted(source: Source, documents: Sequence[Sentences]) -> SourceText:
    sentences = sum(map(len, documents))
    count = sum(len(sentence.split()) for document in documents for sentence in document)
    return SourceText(
        source.name, source.title, source.license, source.ordered, source.is_rated, len(documents), sentences, count
    )


_REASONS = {
    "short": f"had fewer than {sentence_rules.MIN_WORDS} words",
    "long": f"had more than {sentence_rules.MAX_WORDS} words",
    "symbols": "were mostly digits or signs",
    "repeated": "repeated an earlier one",
    "repeated in other signs": "repeated an earlier one but for signs and case",
    "held out": "held a validation or test text",
}


def _told(counts: Counter[str]) -> str:
    left_out = [f"{counts[reason]:,} {text}" for reason, text in _REASONS.items() if counts[reason]]
    return f"{counts['kept']:,} of {counts.total():,} sentences stay; {', '.join(left_out) or 'none was left out'}."
