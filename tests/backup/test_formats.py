"""Every format of pg_dump, from every version to every other one that can take it, comes back whole."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_cutover.backup.inspect import inspect_backup
from pytest_cutover.backup.restore import restore
from pytest_cutover.errors import BackupError
from pytest_cutover.sandbox import Sandboxes, Server
from pytest_cutover.sandbox.binaries import find_binaries
from pytest_cutover.target import Target

_SQL = """
CREATE TABLE parcels (id integer PRIMARY KEY, note text);
INSERT INTO parcels SELECT n, E'tab\\there, back\\\\slash, \\\\. and line\\n' || n FROM generate_series(1, 300) n;
CREATE FUNCTION shout(t text) RETURNS text LANGUAGE plpgsql AS $_$
/*
CREATE ROLE never;
\\! never
COPY parcels (id) FROM stdin;
*/
BEGIN
RETURN $$it's$$ || upper(t);
END $_$;
COMMENT ON TABLE parcels IS 'one line
-- PostgreSQL database
and another';
"""
_FORMATS = {
    "plain": ("--format=plain",),
    "plain with inserts": ("--format=plain", "--inserts"),
    "custom": ("--format=custom",),
    "custom, none": ("--format=custom", "--compress=0"),
    "custom, lz4": ("--format=custom", "--compress=lz4"),
    "custom, zstd": ("--format=custom", "--compress=zstd"),
    "directory": ("--format=directory",),
    "directory, none": ("--format=directory", "--compress=0"),
    "directory, lz4": ("--format=directory", "--compress=lz4"),
    "directory, zstd": ("--format=directory", "--compress=zstd"),
    "tar": ("--format=tar",),
}


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[int], Server]]:
    """A function that gives a server of a major version."""
    sandboxes = Sandboxes()
    yield lambda major: sandboxes.server(major, major)
    sandboxes.close()


_MAJORS = sorted({binaries.major for binaries in find_binaries()})


def _dump(program: Path, target: Target, path: Path, *options: str) -> None:
    subprocess.run(
        [program, "--file", path, *options, target.database], env=target.libpq_environment(os.environ), check=True
    )


def _content(target: Target) -> list[tuple[object, ...]]:
    with target.connect() as connection:
        return connection.execute("SELECT id, note, shout(note) FROM parcels ORDER BY id").fetchall()


@pytest.mark.parametrize("form", _FORMATS)
def test_every_format_comes_back_whole(
    server: Server, new_database: Callable[..., Target], tmp_path: Path, form: str
) -> None:
    live = new_database(_SQL)
    _dump(server.programs / "pg_dump", live, tmp_path / "backup", *_FORMATS[form])

    facts = inspect_backup(tmp_path / "backup")
    restored, _, warnings = restore(facts, server, "formats", [], None, lambda text: None)
    try:
        assert facts.format == form.split(",")[0].split(" with")[0]
        assert _content(restored) == _content(live)
        assert warnings == ()
    finally:
        server.drop("formats")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
def test_a_compressed_plain_dump_comes_back_whole(
    server: Server, new_database: Callable[..., Target], tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    live = new_database(_SQL)
    _dump(server.programs / "pg_dump", live, tmp_path / "plain")
    (tmp_path / "packed").write_bytes(pack((tmp_path / "plain").read_bytes()))

    facts = inspect_backup(tmp_path / "packed")
    restored, _, _ = restore(facts, server, "packed", [], None, lambda text: None)
    try:
        assert _content(restored) == _content(live)
    finally:
        server.drop("packed")


@pytest.mark.skipif(len(_MAJORS) < 2, reason="needs programs of two major versions of PostgreSQL (Debian: postgresql)")
@pytest.mark.parametrize("form", ["plain", "custom", "directory", "tar"])
@pytest.mark.parametrize("into", ["older", "newer"])
def test_a_newer_pg_dump_of_an_older_server_restores_into_either(
    servers: Callable[[int], Server], tmp_path: Path, form: str, into: str
) -> None:
    """The newer program sets what the older server does not know, and only a newer pg_restore reads its archive."""
    old, new = servers(_MAJORS[0]), servers(_MAJORS[-1])
    live = old.create("versions_live")
    with live.connect() as connection:
        connection.execute(_SQL)
    _dump(new.programs / "pg_dump", live, tmp_path / "backup", f"--format={form}")
    server = old if into == "older" else new

    facts = inspect_backup(tmp_path / "backup")
    restored, facts, _ = restore(facts, server, "versions", [], None, lambda text: None)
    try:
        assert facts.at_least == _MAJORS[0]
        assert _content(restored) == _content(live)
        if into == "older" and _MAJORS[0] < 17 <= _MAJORS[-1]:
            assert f"left out SET transaction_timeout, which PostgreSQL {_MAJORS[0]} does not know" in facts.handled
    finally:
        server.drop("versions")
        old.drop("versions_live")


@pytest.mark.skipif(len(_MAJORS) < 2, reason="needs programs of two major versions of PostgreSQL (Debian: postgresql)")
def test_a_damaged_archive_is_refused_on_the_way_through_psql(servers: Callable[[int], Server], tmp_path: Path) -> None:
    """psql sees only that its input ends, which is no error to it."""
    old, new = servers(_MAJORS[0]), servers(_MAJORS[-1])
    live = old.create("damaged_live")
    with live.connect() as connection:
        connection.execute(_SQL)
    _dump(new.programs / "pg_dump", live, tmp_path / "backup", "--format=custom")
    data = (tmp_path / "backup").read_bytes()
    (tmp_path / "backup").write_bytes(data[:-500])
    try:
        with pytest.raises(BackupError, match="could not read from input file"):
            restore(inspect_backup(tmp_path / "backup"), old, "damaged", [], None, lambda text: None)
    finally:
        old.drop("damaged_live")


def test_a_line_of_any_length_is_not_held_in_memory(tmp_path: Path) -> None:
    """A dump may hold a value of a gigabyte, and a value is one line."""
    path = tmp_path / "long.sql"
    with path.open("wb") as stream:
        stream.write(b"--\n-- PostgreSQL database dump\n--\nCREATE TABLE t (x text);\nCOPY public.t (x) FROM stdin;\n")
        for _ in range(300):
            stream.write(b"x" * 1_000_000)
        stream.write(b"\nnext\n\\.\n--\n-- PostgreSQL database dump complete\n--\n")
    code = (
        "import resource, sys; from pathlib import Path; from pytest_cutover.backup.inspect import inspect_backup\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "inspect_backup(Path(sys.argv[1]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )

    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)

    kilobytes = int(done.stdout) // (1024 if sys.platform == "darwin" else 1)
    assert kilobytes < 50_000
