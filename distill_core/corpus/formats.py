"""Small readers of two file formats that hold books: R's lazy-load data base and the zText modules of SWORD.

Both read plain text out of fixed positions; nothing in the files is evaluated, and a wrong file ends in a DataError.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from distill_core.errors import DataError

_STRSXP = 16  # R's number for a vector of texts
_HEADER = b"X\n"  # serialized, big-endian


def r_texts(path: Path) -> list[list[str]]:
    """The vectors of texts in an Rdata.rdb: entries of (length in 4 bytes, zlib stream), one after the other.

    Serialization format 3 (R Internals, §1.8): version and writer in 14 bytes, the name of the encoding, then the type,
    the number of texts, and for each text flags, length in bytes, bytes.
    """
    packed = path.read_bytes()
    found = []
    try:
        while packed:
            stream = zlib.decompressobj()
            raw = stream.decompress(packed[4:])
            if not stream.eof:
                raise zlib.error("it ends in the middle")
            found.append(_r_vector(raw))
            packed = stream.unused_data
    except (zlib.error, struct.error, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error
    return found


def _r_vector(raw: bytes) -> list[str]:
    version, _, _, encoding = struct.unpack_from(">4i", raw, 2)
    at = 18 + encoding
    kind, count = struct.unpack_from(">2i", raw, at)
    if raw[:2] != _HEADER or version != 3 or kind & 0xFF != _STRSXP:
        raise zlib.error(f"version {version}, type {kind & 0xFF} instead of a vector of texts")
    at += 8
    texts = []
    for _ in range(count):
        _, length = struct.unpack_from(">2i", raw, at)  # -1: not available
        at += 8
        texts.append(raw[at : at + max(0, length)].decode("utf-8"))
        at += max(0, length)
    return texts


def sword_books(index: Path) -> list[str]:
    """The OSIS text of each book: the .bzs file holds (offset, packed size, size) for each zlib stream in the .bzz."""
    packed = index.with_suffix(".bzz").read_bytes()
    try:
        entries = struct.iter_unpack("<3I", index.read_bytes())
        return [zlib.decompress(packed[offset : offset + size]).decode("utf-8") for offset, size, _ in entries if size]
    except (zlib.error, struct.error, UnicodeDecodeError) as error:
        raise _damaged(index, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path.name} cannot be read: {error}.", f"Delete the folder {path.parent} and fetch it again.")
