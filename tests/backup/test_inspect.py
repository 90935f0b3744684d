"""What a backup file is, and that no broken one is taken for a whole one."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_cutover.backup.inspect import inspect_backup
from pytest_cutover.backup.restore import restore
from pytest_cutover.errors import BackupError
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target

_SQL = """
CREATE ROLE test_backup_owner;
CREATE TABLE flights (id int PRIMARY KEY, callsign text);
INSERT INTO flights SELECT n, 'AB' || n FROM generate_series(1, 500) n;
ALTER TABLE flights OWNER TO test_backup_owner;
"""


@pytest.fixture
def dump(server: Server, new_database: Callable[..., Target], tmp_path: Path) -> Callable[..., Path]:
    """A function that takes a real dump of a small database with pg_dump."""
    target = new_database("DROP ROLE IF EXISTS test_backup_owner;" + _SQL)

    def take(*options: str, name: str = "backup.sql") -> Path:
        path = tmp_path / name
        subprocess.run(
            [server.programs / "pg_dump", "--file", path, *options, target.database],
            env=target.libpq_environment({}), check=True,
        )  # fmt: skip
        return path

    return take


@pytest.fixture(autouse=True)
def _drop_role(server: Server):  # type: ignore[no-untyped-def]
    yield
    with server.maintenance.connect() as connection:
        for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'restored%'").fetchall():
            server.drop(name)
        for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test_%'").fetchall():
            server.drop(name)
        connection.execute("DROP ROLE IF EXISTS test_backup_owner")


def _restore(path: Path, server: Server) -> tuple[Target, tuple[str, ...]]:
    target, facts, _ = restore(inspect_backup(path), server, "restored", [], None, lambda text: None)
    return target, facts.handled


@pytest.mark.parametrize("form", ["plain", "gzip", "custom", "tar", "directory"])
def test_every_format_of_pg_dump_comes_back_whole(dump, server: Server, form: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Rows, key and owner; the owner's role is made where it is missing."""
    path = dump(f"--format={'plain' if form == 'gzip' else form}")
    if form == "gzip":
        packed = tmp_path / "backup.sql.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path = packed

    facts = inspect_backup(path)
    target, _ = _restore(path, server)

    assert facts.format == ("plain, gzip" if form == "gzip" else form)
    assert facts.server_version is not None and facts.server_version.startswith(str(server.facts.major))
    with target.connect() as connection:
        assert connection.execute("SELECT count(*), min(callsign) FROM flights").fetchone() == (500, "AB1")
        assert connection.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'flights'").fetchone() == (
            "test_backup_owner",
        )


def test_a_missing_role_is_made_and_reported(dump, server: Server) -> None:  # type: ignore[no-untyped-def]
    path = dump()
    text = path.read_text().replace("test_backup_owner", "somebody_else_7")
    path.write_text(text)

    _, handled = _restore(path, server)

    assert any("created the roles somebody_else_7" in note for note in handled)
    server.drop("restored")
    with server.maintenance.connect() as connection:
        connection.execute("DROP ROLE somebody_else_7")


def _cut_in_copy(text: bytes) -> bytes:
    return text[: text.index(b"\n250\t") + 1]


_BAD: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda text: b"", "is empty"),
    "utf-16": (lambda text: text.decode().encode("utf-16"), "UTF-16"),
    "utf-16 without a mark": (lambda text: text.decode().encode("utf-16-le"), "UTF-16"),
    "windows line ends": (lambda text: text.replace(b"\n", b"\r\n"), "CRLF"),
    "cut on a line inside COPY": (_cut_in_copy, "ends in the data of public.flights"),
    "cut inside a line of COPY": (lambda text: _cut_in_copy(text)[:-3], "ends in the data of public.flights"),
    "cut before the last line": (lambda text: text[: text.index(b"-- PostgreSQL database dump complete")], "is cut"),
    "beginning missing": (lambda text: text[text.index(b"CREATE TABLE") :], "beginning is missing"),
    "twice in one file": (lambda text: text + text, "several dumps"),
    "rows put behind the end": (
        lambda text: text + b"COPY public.flights (id) FROM stdin;\n9999\n\\.\n",
        "goes on after",
    ),
    "another database": (
        lambda text: text.replace(b"CREATE TABLE", b"\\connect postgres\nCREATE TABLE", 1),
        "\\\\connect",
    ),
    "a shell command": (lambda text: text.replace(b"CREATE TABLE", b"\\! id\nCREATE TABLE", 1), "psql command"),
    "no dump at all": (lambda text: b"CREATE TABLE t (id int);\n", "is not a pg_dump backup"),
    "a whole cluster": (lambda text: b"--\n-- PostgreSQL database cluster dump\n--\n" + text, "whole cluster"),
    "cut gzip": (lambda text: gzip.compress(text)[:-20], "damaged or cut compressed file"),
    "edited gzip": (lambda text: gzip.compress(text)[:-8] + b"\0" * 8, "damaged or cut compressed file"),
}


@pytest.mark.parametrize("name", _BAD)
def test_a_bad_plain_backup_is_refused_before_anything_is_restored(dump, tmp_path: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    """psql would restore most of these without an error."""
    spoil, told = _BAD[name]
    path = tmp_path / "bad.sql"
    path.write_bytes(spoil(dump().read_bytes()))

    with pytest.raises(BackupError, match=told):
        inspect_backup(path)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_cut_archive_is_refused(dump, server: Server, tmp_path: Path, share: float) -> None:  # type: ignore[no-untyped-def]
    whole = dump("--format=custom").read_bytes()
    path = tmp_path / "bad.dump"
    path.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(BackupError):
        _restore(path, server)


def test_an_error_in_the_middle_is_told_and_leaves_no_database(dump, server: Server) -> None:  # type: ignore[no-untyped-def]
    path = dump()
    path.write_bytes(path.read_bytes().replace(b"\n300\tAB300\n", b"\nthreehundred\tAB300\n"))

    with pytest.raises(BackupError, match="invalid input syntax") as caught:
        _restore(path, server)

    assert "AB300" not in str(caught.value)
    with server.maintenance.connect() as connection:
        assert connection.execute("SELECT 1 FROM pg_database WHERE datname = 'restored'").fetchone() is None


def test_a_missing_extension_names_an_image_that_has_it(dump, server: Server) -> None:  # type: ignore[no-untyped-def]
    path = dump()
    text = path.read_text().replace("CREATE TABLE", "CREATE EXTENSION IF NOT EXISTS postgis;\nCREATE TABLE", 1)
    path.write_text(text)

    with pytest.raises(BackupError, match="postgis/postgis"):
        _restore(path, server)


def test_a_missing_file_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="does not exist.*\n.*--backup"):
        inspect_backup(tmp_path / "none.sql")
