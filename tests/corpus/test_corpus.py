"""The corpus from a registry in a folder: what stays, what goes, what is missing, and a cache that may be damaged."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from toy_registry import RATED, Registry

from distill_core.corpus import build, cache, held_out, library, sources, types
from distill_core.datasets import catalogue, splits
from distill_core.errors import AssetError, DataError
from distill_core.settings import settings

BOOK = "The first sentence of the book.  The second one is here!\n\nA new paragraph begins with this."
BOOK_SENTENCES = ("The first sentence of the book.", "The second one is here!", "A new paragraph begins with this.")


def held_out_texts(name: str) -> list[str]:
    frame = catalogue.load(name).frame
    return list(frame.loc[frame["split"] != splits.TRAIN, "text"])


def of(made: types.Corpus, name: str) -> list[tuple[str, ...]]:
    return [document for document, source in zip(made.documents, made.source_of, strict=True) if source == name]


def note(made: types.Corpus, start: str) -> str:
    return next(line for line in made.notes if line.startswith(start))


# ── what stays ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["npm", "debian"])
def test_a_source_from_each_kind_of_archive(registry: Registry, kind: str) -> None:
    registry.add("book", {"one.txt": BOOK, "two.txt": "Another file is another document."}, kind)
    made = library.load(["book"])
    assert of(made, "book") == [BOOK_SENTENCES, ("Another file is another document.",)]
    assert (made.titles, made.licenses) == ({"book": "Book"}, {"book": "CC0-1.0"})
    assert (len(made), made.words) == (4, 6 + 5 + 6 + 5)
    assert note(made, "Book: ") == "Book: 4 of 4 sentences stay; none was left out."


def test_the_order_is_that_of_the_table_and_the_digest_that_of_the_text(registry: Registry) -> None:
    registry.add("book", {"a.txt": BOOK})
    registry.add("other", {"a.txt": "This stands in the other source."})
    made = library.load(["other", "book"])
    assert made.source_of == ("book", "other")
    written = "".join(
        "\n".join((name, *text, "", "")) for name, text in zip(made.source_of, made.documents, strict=True)
    )
    assert made.digest == hashlib.sha256(written.encode()).hexdigest()


def test_rated_texts_come_whole_with_the_neutral_ones(registry: Registry) -> None:
    made = library.load()
    assert [source.name for source in made.sources] == list(RATED)
    movies = {text for document in of(made, "movies") for text in document}
    train = catalogue.load("movies").split(splits.TRAIN)["text"]
    assert set(train) < movies
    assert "film 1 has a plot number 1 and a cast number 1" in movies  # its mean is 0.1
    assert ("sunny day 1 at beach 1 :)",) in of(made, "tweets")
    assert max(map(len, of(made, "movies"))) == 1
    assert max(map(len, of(made, "amazon"))) == 5


def test_no_text_of_a_held_out_document_stays(registry: Registry) -> None:
    made = library.load(["nyt"])
    frame = catalogue.load("nyt").frame
    held = {row.split("_")[0] for row in frame.loc[frame["split"] != splits.TRAIN, "id"]}
    assert held
    numbers = {str(int(text.split()[4]) // 5) for document in made.documents for text in document}
    assert numbers.isdisjoint(held)
    assert len(numbers | held) == 30  # all the others are there


# ── what goes ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_planted_test_text_disappears(registry: Registry) -> None:
    planted = [held_out_texts(name)[0] for name in RATED]
    lines = [text.upper() for text in planted] + [f"He wrote: “{text}”, and meant it." for text in planted]
    registry.add("book", {"a.txt": "\n\n".join([*lines, BOOK])})
    made = library.load()
    assert of(made, "book") == [BOOK_SENTENCES]
    assert "8 held a validation or test text" in note(made, "Book")
    whole = "\n".join(" ".join(held_out.words(text)) for document in made.documents for text in document)
    for name in RATED:
        for text in held_out_texts(name):
            assert " ".join(held_out.words(text)) not in whole.split("\n")


def test_the_check_would_fail_without_the_sieve(registry: Registry) -> None:
    registry.add("book", {"a.txt": f"{held_out_texts('movies')[0]}\n\n{BOOK}"})
    made = build.build([registry.rows["book"]], held_out.HeldOut([]), [])
    assert len(made) == 4


def test_a_neutral_near_duplicate_of_a_test_text_goes(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {text for document in of(library.load(["movies"]), "movies") for text in document}
    neutral = "film 1 has a plot number 1 and a cast number 1"
    assert neutral in kept
    monkeypatch.setattr(held_out.HeldOut, "is_near", lambda self, text: text == neutral)
    made = build.build([registry.rows["movies"]], *held_out.load())
    assert {text for document in made.documents for text in document} == kept - {neutral}
    assert "; 1 are near-duplicates" in note(made, "Movies")


def test_repetitions_stay_once_over_all_sources(registry: Registry) -> None:
    registry.add("book", {"a.txt": BOOK, "b.txt": "The first sentence of the book."})
    registry.add("copy", {"a.txt": "THE SECOND ONE -- is here\n\nOnly this one is new here."})
    made = library.load(["book", "copy"])
    assert of(made, "book") == [BOOK_SENTENCES]
    assert of(made, "copy") == [("Only this one is new here.",)]
    assert note(made, "Book").endswith("3 of 4 sentences stay; 1 repeated an earlier one.")
    assert note(made, "Copy").endswith("1 of 2 sentences stay; 1 repeated an earlier one but for signs and case.")


def test_useless_lines_go_and_are_counted(registry: Registry) -> None:
    registry.add("book", {"a.txt": f"Too short.\n\n1 2 3 4 5 6 7 8\n\n{'word ' * 61}\n\n{BOOK}"})
    told = note(library.load(["book"]), "Book")
    assert "3 of 6 sentences stay; 1 had fewer than 5 words, 1 had more than 60 words, 1 were mostly digits" in told


# ── samples ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def mixed(registry: Registry) -> types.Corpus:
    registry.add("small", {"a.txt": "\n\n".join(f"This is line {n} of the small text." for n in range(20))})
    registry.add("large", {"a.txt": "\n\n".join(f"This is line {n} of the large text." for n in range(300))})
    return library.load()


def test_a_sample_has_all_rated_texts_and_even_shares_of_the_rest(mixed: types.Corpus) -> None:
    rated = [text for text, name in zip(mixed.documents, mixed.source_of, strict=True) if name in RATED]
    texts = {text for document in rated for text in document}
    sample = mixed.sentences(len(texts) + 30, seed=1)
    assert len(sample) == len(set(sample)) == len(texts) + 30
    assert texts <= set(sample)
    assert sum("small text" in text for text in sample) == sum("large text" in text for text in sample) == 15
    sample = mixed.sentences(len(texts) + 100, seed=1)
    assert sum("small text" in text for text in sample) == 20
    assert sum("large text" in text for text in sample) == 80


def test_a_sample_is_fixed_by_its_seed(mixed: types.Corpus) -> None:
    assert mixed.sentences(350, seed=3) == mixed.sentences(350, seed=3)
    assert mixed.sentences(350, seed=3) != mixed.sentences(350, seed=4)
    assert sorted(mixed.sentences()) == sorted(text for document in mixed.documents for text in document)
    assert mixed.sentences() != mixed.sentences(seed=1)


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_a_small_sample_is_rated_texts_alone(mixed: types.Corpus, n: int) -> None:
    sample = mixed.sentences(n)
    assert len(sample) == n
    assert not any("small text" in text or "large text" in text for text in sample)


def test_too_large_a_sample(mixed: types.Corpus) -> None:
    with pytest.raises(DataError, match=f"1 to {len(mixed)}"):
        mixed.sentences(len(mixed) + 1)


def test_passages_are_ordered_documents(registry: Registry) -> None:
    registry.add("book", {"a.txt": BOOK, "b.txt": "One sentence alone stands here."})
    registry.add("words", {"a.txt": "This is a gloss of something.\n\nThis is its first example."}, ordered=False)
    made = library.load(["amazon", "tweets", "book", "words"])
    assert list(made.passages()) == [document for document in of(made, "amazon") if len(document) > 1] + [
        BOOK_SENTENCES
    ]
    assert [len(passage) for passage in made.passages(5)] == [5] * len([d for d in of(made, "amazon") if len(d) == 5])


# ── what is missing ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_source_is_a_note(registry: Registry) -> None:
    registry.add("book", {"a.txt": BOOK})
    registry.add("other", {"a.txt": "This stands in the other source."})
    registry.take_away("other")
    made = library.load()
    assert "book" in made.titles
    assert "other" not in made.titles
    assert "npm is not installed" in note(made, "Other was left out.")
    assert "topics" in note(made, "Not checked against")


def test_two_sources_of_one_archive_ask_for_it_once(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    source = registry.add("book", {"a.txt": BOOK})
    registry.rows["second"] = replace(source, name="second")
    registry.take_away("book")
    asked: list[str] = []
    monkeypatch.setattr(
        "distill_core.assets.package_clients.fetch", lambda *what: asked.append(what[1]) or ("offline", "no answer")
    )
    assert set(library.fetch()) == {"book", "second"}
    assert asked == ["book"]


def test_damaged_archive_is_named_and_left_out(registry: Registry) -> None:
    source = registry.add("book", {"a.txt": BOOK})
    path = registry.folder / source.archive.file
    path.write_bytes(path.read_bytes()[:-1])
    made = library.load()
    assert f"its sha256 is not {source.archive.sha256}" in note(made, "Book was left out.")


def test_nothing_at_all(registry: Registry) -> None:
    registry.add("book", {"a.txt": BOOK})
    registry.take_away("book")
    with pytest.raises(AssetError, match=r"None of the texts book could be had.*npm is not installed"):
        library.load(["book"])


def test_without_the_ratings_no_promise_can_be_made(registry: Registry) -> None:
    registry.add("book", {"a.txt": BOOK})
    (registry.folder / "sentiment.tgz").write_bytes(b"damaged")
    with pytest.raises(AssetError, match=r"sentiment\.tgz"):
        library.load(["book"])


@pytest.mark.parametrize(("names", "message"), [(["bible", "nonsense"], "'nonsense'"), ([], "No text was named")])
def test_unknown_names(names: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        library.load(names)


# ── the cache ────────────────────────────────────────────────────────────────────────────────────────────────


def prepared() -> list[Path]:
    return sorted((settings().cache_dir / "corpora").glob("*.parquet"))


def test_the_second_load_reads_the_cache(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.add("book", {"a.txt": BOOK})
    first = library.load()
    monkeypatch.setattr(build, "build", lambda *_: pytest.fail("it was prepared again"))
    assert library.load() == first
    assert len(prepared()) == 1


@pytest.mark.parametrize("cut", [0, 100, -40])
def test_damaged_cache_is_made_again(registry: Registry, cut: int) -> None:
    registry.add("book", {"a.txt": BOOK})
    first = library.load()
    (path,) = prepared()
    good = path.read_bytes()
    path.write_bytes(good[:cut])
    assert library.load() == first
    assert cache.read(path) is not None


def test_a_cache_with_another_text_is_made_again(registry: Registry) -> None:
    registry.add("book", {"a.txt": BOOK})
    first = library.load()
    (path,) = prepared()
    cache.write(path, replace(first, documents=(("planted",), *first.documents[1:])))
    assert cache.read(path) is None
    assert library.load() == first


def test_a_full_disk_is_no_reason_to_fail(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    registry.add("book", {"a.txt": BOOK})
    monkeypatch.setattr(cache.pq, "write_table", full)
    assert len(library.load(["book"])) == 3
    assert [path.suffix for path in (settings().cache_dir / "corpora").iterdir()] in ([], [".lock"])


def test_another_text_or_rule_is_another_file(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    source = registry.add("book", {"a.txt": BOOK})
    paths = {cache.path_of([source], held_out.CHECKED), cache.path_of([source], RATED)}
    paths.add(cache.path_of([replace(source, ordered=False)], RATED))
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    paths.add(cache.path_of([source], RATED))
    assert len(paths) == 4


# ── the table ────────────────────────────────────────────────────────────────────────────────────────────────


def test_status_counts_once_it_is_prepared(registry: Registry) -> None:
    registry.add("book", {"a.txt": BOOK})
    registry.add("other", {"a.txt": "This stands in the other source."})
    registry.take_away("other")
    before = {row.name: row for row in library.status()}
    assert not before["book"].present
    assert before["book"].sentences is None
    library.load()
    after = {row.name: row for row in library.status()}
    assert (after["book"].present, after["book"].documents, after["book"].sentences, after["book"].words) == (
        True,
        1,
        3,
        17,
    )
    assert (after["other"].present, after["other"].sentences) == (False, None)


def test_every_row_of_the_real_table_is_pinned() -> None:
    rows = sources.table()
    assert list(rows)[:4] == list(RATED) == list(held_out.RATED)
    assert all(row.title and row.license for row in rows.values())
    for row in (row for row in rows.values() if not row.is_rated):
        archive = row.archive
        assert len(archive.sha256) == len(archive.digest) == 64
        assert archive.files
        assert archive.registry in ("pypi", "npm", "debian")
        assert archive.version in archive.file
        assert row.reader in build.readers.READERS
    assert "non-commercial" not in " ".join(row.license for row in rows.values())


@pytest.mark.assets
def test_the_real_rated_texts() -> None:
    """Against the plainest reading of the promise: no line of the corpus is a validation or test text."""
    made = library.load(RATED)
    lines = {splits.normalize(text) for document in made.documents for text in document}
    for name in held_out.CHECKED:
        assert lines.isdisjoint(map(splits.normalize, held_out_texts(name)))
    assert {source.name: source.sentences for source in made.sources} == {
        "movies": 8508,
        "amazon": 2728,
        "nyt": 4062,
        "tweets": 3339,
    }
    movies = {text for document in of(made, "movies") for text in document}
    train = catalogue.load("movies").split(splits.TRAIN)["text"]
    assert sum(" ".join(text.split()) in movies for text in train) > 0.99 * len(train)
