"""Compressed files: which compression it is, and the bytes that are in them."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pytest_cutover.errors import BackupError

CHUNK_BYTES = 1 << 20

# How compressed files begin.
GZIP = b"\x1f\x8b"
_READABLE = {GZIP: "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
_UNREADABLE = {
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd -d"),
    b"\x04\x22\x4d\x18": ("lz4", "lz4 -d"),
    b"PK\x03\x04": ("zip", "unzip"),
    b"7z\xbc\xaf\x27\x1c": ("7-Zip", "7z x"),
}


def compression(start: bytes, path: Path) -> str | None:
    """The name of the compression of a file that begins so; None where it is not compressed.

    Raises:
        BackupError: it is compressed in a form that cannot be read here.
    """
    for magic, (name, command) in _UNREADABLE.items():
        if start.startswith(magic):
            raise BackupError(
                f"The backup {path} is compressed with {name}, which is not read here.\nUnpack it first: {command} {path.name}"
            )
    return next((name for magic, name in _READABLE.items() if start.startswith(magic)), None)


@contextmanager
def open_plain(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a plain dump, decompressed where it is compressed."""
    with path.open("rb") as raw:
        packed = compression(raw.read(8), path)
        raw.seek(0)
        if packed is None:
            yield raw
        elif packed == "gzip":
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield unpacked  # type: ignore[misc]
        elif packed == "bzip2":
            with bz2.BZ2File(raw) as unpacked_bz2:
                yield unpacked_bz2
        else:
            with lzma.LZMAFile(raw) as unpacked_xz:
                yield unpacked_xz


@contextmanager
def open_gzip(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked where it is packed with gzip."""
    with path.open("rb") as plain:
        packed = plain.read(2) == GZIP
        plain.seek(0)
        if not packed:
            yield plain
            return
        with gzip.GzipFile(fileobj=plain) as unpacked:
            yield unpacked  # type: ignore[misc]


def cut_gzip(path: Path, error: BaseException) -> BackupError:
    """For a packed file that does not unpack to its end."""
    return BackupError(f"The backup {path} is cut or damaged ({error}). Take or copy it again.")
