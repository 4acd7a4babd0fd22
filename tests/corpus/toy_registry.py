"""A registry of our own in a folder: small archives of every kind, and ratings with a test split."""

from __future__ import annotations

import hashlib
import io
import lzma
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from distill_core.assets import archives
from distill_core.assets.archives import Asset
from distill_core.corpus.sources import Source

RATED = ("movies", "amazon", "nyt", "tweets")
FILES = {
    "movies": "movieReviewSnippets_GroundTruth.txt",
    "amazon": "amazonReviewSnippets_GroundTruth.txt",
    "nyt": "nytEditorialSnippets_GroundTruth.txt",
    "tweets": "tweets_GroundTruth.txt",
}
_LINES = {
    "movies": "{n}\t{mean}\tfilm {n} has a plot number {n} and a cast number {n}",
    "amazon": "{d}_{n}\t{mean}\tproduct {n} came on day {n} in a box of size {n}",
    "nyt": "{d}_{n}\t{mean}\tthe senator of state {n} spoke for {n} hours about bill {n}",
    "tweets": "{n}\t{mean}\tsunny day {n} at beach {n} :)",
}


def ratings(name: str) -> str:
    """150 lines of one data set: a third each bad, neutral and good; five in a document."""
    rows = [_LINES[name].format(n=n, d=n // 5, mean=(-2, 0.1, 2)[n % 3]) for n in range(150)]
    return "\n".join(rows) + "\n"


def tar(members: dict[str, str], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tarred:  # type: ignore[call-overload]
        for name, text in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tarred.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def debian_package(members: dict[str, str]) -> bytes:
    """ar: a line of magic, and for each file 60 bytes of header and an even number of bytes."""
    files = {"debian-binary": b"2.0", "control.tar.xz": b"odd", "data.tar.xz": lzma.compress(tar(members, "w:"))}
    packed = b"!<arch>\n"
    for name, content in files.items():
        packed += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        packed += content + b"\n" * (len(content) % 2)
    return packed


@dataclass
class Registry:
    """The mirror folder, and the tables that name its archives."""

    folder: Path
    rows: dict[str, Source] = field(default_factory=dict)

    def add(self, name: str, texts: dict[str, str], registry: str = "npm", **about: object) -> Source:
        """An archive with these files below package/, and a source that reads them."""
        members = {f"package/{path}": text for path, text in texts.items()}
        content = debian_package(members) if registry == "debian" else tar(members)
        file = f"{name}.deb" if registry == "debian" else f"{name}.tgz"
        (self.folder / file).write_bytes(content)
        archive = asset(name, file, content, "package/", texts, registry)
        fields = {"files": "*.txt", "reader": "plain", "ordered": True, **about}
        self.rows[name] = Source(name, name.title(), "CC0-1.0", archive, **fields)  # type: ignore[arg-type]
        return self.rows[name]

    def take_away(self, name: str) -> None:
        (self.folder / self.rows[name].archive.file).unlink()


def asset(name: str, file: str, content: bytes, prefix: str, texts: dict[str, str], registry: str = "pypi") -> Asset:
    members = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in texts.items()}
    return Asset(
        name=name,
        title=name.title(),
        purpose="Tests.",
        package=name,
        version="1.0",
        file=file,
        sha256=hashlib.sha256(content).hexdigest(),
        archive_bytes=len(content),
        prefix=prefix,
        license="CC0-1.0",
        source="here",
        members={},
        files=len(members),
        digest=archives.digest(members),
        registry=registry,
    )
