"""Bad backups, made for real: each ends in one clear refusal, none in a GO, and nothing stays behind.

All of them are plans of one project, rehearsed in one run on a given server, so that what is left there can be seen.
None of the plans says what it expects of its backup: that would be the easy case.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.project import PLAN, PYTEST, Project, make_project

from pytest_cutover.sandbox import Sandboxes, Server
from pytest_cutover.target import Target

_LIVE = """
CREATE TABLE parcels (id integer PRIMARY KEY, size text NOT NULL CHECK (size <> ''), note text);
INSERT INTO parcels SELECT n, 'small', repeat('note ', 20) || n FROM generate_series(1, 2000) n;
CREATE TABLE zones (name text PRIMARY KEY, parcel integer REFERENCES parcels);
INSERT INTO zones SELECT 'zone ' || n, n FROM generate_series(1, 300) n;
CREATE FUNCTION double(n integer) RETURNS integer LANGUAGE sql AS $$
SELECT n * 2
$$;
"""
_TIMEOUT_S = 300


class Dumps:
    """Whole dumps of one database, to spoil."""

    def __init__(self, server: Server, target: Target, folder: Path) -> None:
        self._server = server
        self._target = target
        self._folder = folder

    def take(self, form: str, *options: str, program: str = "pg_dump") -> Path:
        """A dump in this form."""
        path = self._folder / "-".join([program, form, *options]).replace("/", "_")
        if not path.exists():
            arguments = ["--file", path, *options]
            arguments += [f"--format={form}", self._target.database] if program == "pg_dump" else []
            subprocess.run(
                [self._server.programs / program, *arguments],
                env=self._target.libpq_environment(os.environ), check=True,
            )  # fmt: skip
        return path

    @property
    def plain(self) -> bytes:
        """The bytes of a plain dump."""
        return self.take("plain").read_bytes()

    @property
    def custom(self) -> bytes:
        """The bytes of a custom archive."""
        return self.take("custom").read_bytes()

    def copy(self, into: Path, form: str = "directory", *options: str) -> Path:
        """A copy of a directory archive."""
        shutil.copytree(self.take(form, *options), into)
        return into


def _before(text: bytes, mark: bytes) -> bytes:
    return text[: text.index(mark)]


def _inside_rows(text: bytes, *, whole_lines: bool) -> bytes:
    at = text.index(b"\n", text.index(b"COPY public.parcels") + 40_000) + 1
    return text[: at if whole_lines else at + 5]


def _without_trailer(text: bytes) -> bytes:
    return _before(text, b"--\n-- PostgreSQL database dump complete")


def _and_then(text: bytes, statement: bytes) -> bytes:
    """The dump with a statement of somebody's between its own."""
    return text.replace(b"ALTER TABLE ONLY public.zones\n", statement + b"\nALTER TABLE ONLY public.zones\n", 1)


def _with_member(dumps: Dumps, into: Path, spoil: Callable[[Path], None], *options: str) -> Path:
    folder = dumps.copy(into, "directory", *options)
    members = sorted(folder.glob("[0-9]*.dat*"), key=lambda each: each.stat().st_size)
    spoil(members[-1])
    return folder


def _cut_in_half(member: Path) -> None:
    member.write_bytes(member.read_bytes()[: member.stat().st_size // 2])


def _cut_at_a_line(member: Path) -> None:
    data = member.read_bytes()
    member.write_bytes(data[: data.index(b"\n", len(data) // 2) + 1])


def _tar_cut_at_a_line(dumps: Dumps, into: Path) -> Path:
    """A tar archive whose rows end at a line, made again with a fitting header: no length is wrong."""
    work = into.with_name(into.name + "-members")
    work.mkdir()
    with tarfile.open(dumps.take("tar")) as archive:
        names = archive.getnames()
        for name in names:
            member = archive.extractfile(name)
            assert member is not None
            (work / name).write_bytes(member.read())
    _cut_at_a_line(max(work.glob("[0-9]*.dat"), key=lambda each: each.stat().st_size))
    with tarfile.open(into, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name in names:
            archive.add(work / name, name)
    shutil.rmtree(work)
    return into


def _mixed_up(folder: Path) -> Path:
    """The rows of the two tables have changed places."""
    first, second = sorted(folder.glob("[0-9]*.dat*"))
    aside = folder / "aside"
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    return folder


_Bad = Callable[[Dumps, Path], "Path | bytes"]

_BAD: dict[str, tuple[_Bad, str]] = {
    # Cut
    "empty": (lambda d, p: b"", r"is empty \(0 bytes\)"),
    "cut in the header": (lambda d, p: d.plain[:200], "is cut: its last line"),
    "cut inside CREATE TABLE": (lambda d, p: _before(d.plain, b"size text"), "is cut: its last line"),
    "cut inside a function": (lambda d, p: _before(d.plain, b"SELECT n * 2"), "is cut: it ends inside a function"),
    "cut between two rows": (
        lambda d, p: _inside_rows(d.plain, whole_lines=True),
        "it ends in the data of public.parcels",
    ),
    "cut inside a row": (
        lambda d, p: _inside_rows(d.plain, whole_lines=False),
        "it ends in the data of public.parcels",
    ),
    "cut before the second table": (lambda d, p: _before(d.plain, b"COPY public.zones"), "is cut: its last line"),
    "cut before the constraints": (lambda d, p: _before(d.plain, b"ALTER TABLE ONLY"), "is cut: its last line"),
    "cut before the trailer": (lambda d, p: _without_trailer(d.plain), "is cut: its last line"),
    "beginning missing": (lambda d, p: d.plain[d.plain.index(b"CREATE TABLE") :], "0 beginnings and 1 ends"),
    "gzip cut": (lambda d, p: gzip.compress(d.plain)[:-3000], "damaged or cut compressed file"),
    "gzip cut by its checksum": (lambda d, p: gzip.compress(d.plain)[:-4], "damaged or cut compressed file"),
    "gzip damaged": (lambda d, p: gzip.compress(d.plain)[:-4] + b"\0\0\0\0", "damaged or cut compressed file"),
    "gzip of nothing": (lambda d, p: gzip.compress(b""), "is empty once unpacked"),
    "archive cut in its header": (lambda d, p: d.custom[:20], "is cut inside its header"),
    "archive cut in its contents": (lambda d, p: d.custom[:1000], "failed"),
    "archive cut in its data": (lambda d, p: d.custom[:-6000], "failed"),
    "archive cut at its end": (lambda d, p: d.custom[:-300], "failed"),
    "archive damaged": (lambda d, p: d.custom[:-2500] + bytes(2000) + d.custom[-500:], "failed"),
    "tar cut": (lambda d, p: d.take("tar").read_bytes()[:90_000], "damaged tar file|is cut"),
    "tar cut between two rows": (_tar_cut_at_a_line, "the rows in its member .* have no end"),
    "tar without contents": (lambda d, p: _plain_tar(p), "tar file without toc.dat"),
    "folder without contents": (lambda d, p: _plain_folder(p), "folder without toc.dat"),
    "folder with a member missing": (lambda d, p: _with_member(d, p, Path.unlink), "failed"),
    "folder with a member cut": (lambda d, p: _with_member(d, p, _cut_in_half), "is damaged: its file"),
    "folder with a member cut between two rows": (
        lambda d, p: _with_member(d, p, _cut_at_a_line, "--compress=0"),
        "the rows in its file .* have no end",
    ),
    "folder with an empty member": (
        lambda d, p: _with_member(d, p, lambda member: member.write_bytes(b"") and None, "--compress=0"),
        "the rows in its file .* have no end",
    ),
    "folder with lz4 members, one cut": (
        lambda d, p: _with_member(d, p, _cut_in_half, "--compress=lz4"),
        "2 tables with rows, and only 1",
    ),
    "folder with zstd members, one cut": (
        lambda d, p: _with_member(d, p, _cut_in_half, "--compress=zstd"),
        "2 tables with rows, and only 1|failed",
    ),
    "folder with members changed over": (lambda d, p: _mixed_up(d.copy(p)), "failed"),
    # Recoded
    "UTF-16": (lambda d, p: d.plain.decode().encode("utf-16"), "is UTF-16 text"),
    "UTF-16 without a mark": (lambda d, p: d.plain.decode().encode("utf-16-be"), "is UTF-16 text"),
    "CRLF": (lambda d, p: d.plain.replace(b"\n", b"\r\n"), "Windows line ends"),
    "Latin-1": (lambda d, p: d.plain.replace(b"note 77", "né 77".encode("latin-1")), "Was the file recoded"),
    "archive with CRLF": (lambda d, p: d.custom.replace(b"\n", b"\r\n"), "failed|no table at all|damaged header"),
    # Edited
    "column lost from a row": (
        lambda d, p: d.plain.replace(b"77\tsmall\t", b"77\tsmall", 1),
        "missing data for column",
    ),
    "value lost from a row": (
        lambda d, p: d.plain.replace(b"\n77\tsmall\t", b"\n77\t\t", 1),
        "violates check constraint",
    ),
    "key doubled": (lambda d, p: d.plain.replace(b"\n77\tsmall", b"\n78\tsmall", 1), "could not create unique index"),
    "referenced row lost": (
        lambda d, p: re.sub(rb"\n77\tsmall[^\n]*", b"", d.plain, count=1),
        "violates foreign key constraint",
    ),
    "statement at the end": (lambda d, p: d.plain + b"DROP TABLE zones;\n", "goes on after its last line"),
    "rows at the end": (
        lambda d, p: d.plain + b"COPY public.zones FROM stdin;\nx\t1\n\\.\n",
        "goes on after its last line",
    ),
    "syntax error": (
        lambda d, p: d.plain.replace(b"CREATE TABLE public.zones", b"CREATE TABEL public.zones"),
        "syntax error",
    ),
    "another database": (lambda d, p: _and_then(d.plain, rb"\connect postgres"), "psql command '.*connect postgres'"),
    "a shell command": (lambda d, p: _and_then(d.plain, rb"\! touch /tmp/owned"), "psql command"),
    "an included file": (lambda d, p: _and_then(d.plain, rb"\i /etc/passwd"), "psql command"),
    "a psql command behind a statement": (
        lambda d, p: _and_then(d.plain, rb"SELECT 1 \g /tmp/owned"),
        "restricted|failed",
    ),
    "a program": (lambda d, p: _and_then(d.plain, b"COPY zones TO PROGRAM 'sh';"), "reaches beyond one database"),
    "a file of the server": (lambda d, p: _and_then(d.plain, b"COPY zones FROM '/etc/passwd';"), "reaches beyond"),
    "server settings": (
        lambda d, p: _and_then(d.plain, b"ALTER SYSTEM SET fsync = on;"),
        "reaches beyond one database",
    ),
    "a dropped database": (lambda d, p: _and_then(d.plain, b"DROP DATABASE postgres;"), "reaches beyond one database"),
    "a superuser": (lambda d, p: _and_then(d.plain, b"CREATE ROLE intruder SUPERUSER LOGIN;"), "reaches beyond"),
    # Mixed, and what is no backup of one database
    "two dumps in one": (lambda d, p: d.plain + d.plain, "2 beginnings and 2 ends"),
    "half a dump and a dump": (lambda d, p: _inside_rows(d.plain, whole_lines=True) + d.plain, "beginnings|failed"),
    "an archive behind a dump": (lambda d, p: d.plain + d.custom, "binary|goes on after|psql|failed"),
    "gzip of an archive": (lambda d, p: gzip.compress(d.custom), "compressed archive of pg_dump"),
    "gzip of a tar": (lambda d, p: gzip.compress(d.take("tar").read_bytes()), "is a compressed tar file"),
    "gzip of gzip": (lambda d, p: gzip.compress(gzip.compress(d.plain)), "binary file|not a pg_dump backup"),
    "zstd": (lambda d, p: b"\x28\xb5\x2f\xfd" + d.plain, "compressed with zstd.*\n.*zstd -d"),
    "zip": (lambda d, p: b"PK\x03\x04" + d.plain, "compressed with zip"),
    "schema alone": (lambda d, p: d.take("plain", "--schema-only"), "not one row"),
    "schema alone, as an archive": (lambda d, p: d.take("custom", "--schema-only"), "not one row"),
    "rows alone": (lambda d, p: d.take("plain", "--data-only"), "Was it taken with --data-only"),
    "a whole cluster": (lambda d, p: d.take("plain", program="pg_dumpall"), "dump of a whole cluster"),
    "with --create": (lambda d, p: d.take("plain", "--create"), "without --create"),
    "roles of a cluster": (
        lambda d, p: d.take("plain", "--roles-only", program="pg_dumpall"),
        "dump of a whole cluster",
    ),
    "a script that is no dump": (lambda d, p: b"CREATE TABLE parcels (id integer);\n", "is not a pg_dump backup"),
    "a dump of MySQL": (
        lambda d, p: b"-- MySQL dump 10.13\nCREATE TABLE `parcels` (`id` int);\n",
        "is not a pg_dump backup",
    ),
    "a SQLite database": (lambda d, p: b"SQLite format 3\0" + bytes(4080), 'plan says engine = "postgresql"'),
    "noise": (lambda d, p: bytes(range(256)) * 64, "binary file"),
    "an error page": (lambda d, p: b"<html><body>403 Forbidden</body></html>\n", "is not a pg_dump backup"),
    "of a newer pg_dump": (lambda d, p: d.custom[:6] + b"\x63" + d.custom[7:], r"archive version 1\.99"),
    "of a newer server": (
        lambda d, p: re.sub(rb"(Dumped from database version) \d+", rb"\1 99", d.plain),
        "comes from PostgreSQL 99",
    ),
    "an extension that is not there": (
        lambda d, p: _and_then(d.plain, b"CREATE EXTENSION postgis;"),
        "the image postgis/postgis has it",
    ),
    "a collation that is not there": (
        lambda d, p: _and_then(d.plain, b"CREATE COLLATION public.c (locale = 'xx_XX');"),
        "could not create locale",
    ),
}


def _plain_tar(path: Path) -> Path:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        archive.add(__file__, "notes.txt")
    return path


def _plain_folder(path: Path) -> Path:
    path.mkdir()
    (path / "1.dat").write_text("x")
    return path


@pytest.fixture(scope="module")
def given() -> Iterator[Server]:
    """A server of this module's own."""
    sandboxes = Sandboxes()
    yield sandboxes.server(production=17)
    sandboxes.close()


def _left(target: Target) -> list[tuple[Any, ...]]:
    with target.connect() as connection:
        return connection.execute(
            "SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles ORDER BY 1"
        ).fetchall()


@pytest.fixture(scope="module")
def run(given: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of the run, by the name of the bad backup, and what the run left on the server and on disk."""
    live = given.create("live")
    with live.connect() as connection:
        connection.execute(_LIVE)
    folder = tmp_path_factory.mktemp("bad")
    dumps = Dumps(given, live, tmp_path_factory.mktemp("dumps"))
    project = make_project(folder)
    shutil.rmtree(folder / "migrations" / "first")
    names = {}
    for number, (name, (make, _)) in enumerate([("whole", (lambda d, p: d.plain, "")), *_BAD.items()]):
        path = folder / "fixtures" / f"bad{number}"
        made = make(dumps, path)
        if isinstance(made, bytes):
            path.write_bytes(made)
        elif made != path:
            shutil.copyfile(made, path)
        names[f"p{number:03}"] = name
        project.plan(
            f"p{number:03}", PLAN.replace("backup.sql", path.name), rollback="ALTER TABLE parcels DROP COLUMN weight_g;"
        )
    temporary = tmp_path_factory.mktemp("temporary")
    before = _left(given.maintenance)
    done = _run(project, given.maintenance.url, temporary)
    return {
        "plans": {names[each["name"]]: each for each in project.result["plans"]},
        "left": set(_left(given.maintenance)) - set(before),
        "files": sorted(each.name for each in temporary.iterdir()),
        "status": done,
    }


def _run(project: Project, url: str, temporary: Path) -> int:
    own = project.root / "verifications" / "test_own.py"
    own.write_text(own.read_text().replace("== 2", "== 2000"), encoding="utf-8")
    done = subprocess.run(
        [*PYTEST, "-q", f"--sandbox={url}"], cwd=project.root,
        env=os.environ | {"TMPDIR": str(temporary)}, capture_output=True, check=False, timeout=_TIMEOUT_S,
    )  # fmt: skip
    return done.returncode


def test_the_whole_dump_is_a_go(run: dict[str, Any]) -> None:
    """Otherwise the others are refused for no reason of theirs."""
    assert run["plans"]["whole"]["verdict"] == "GO", run["plans"]["whole"]["reason"]


@pytest.mark.parametrize("name", _BAD)
def test_a_bad_backup_is_refused_and_says_why(run: dict[str, Any], name: str) -> None:
    plan = run["plans"][name]
    restore = next(stage for stage in plan["stages"] if stage["name"] == "restore")

    assert plan["verdict"] == "INCOMPLETE"
    assert restore["outcome"] == "failed"
    assert re.search(_BAD[name][1], restore["error"]), restore["error"]
    assert {each["outcome"] for each in plan["criteria"]} == {"not_checked"}
    # A cause without a way out helps nobody at night.
    assert re.search(r"\b(take|give|unpack|use|look|has it|copy it)\b", restore["error"], re.IGNORECASE), restore[
        "error"
    ]


def test_nothing_is_left_behind(run: dict[str, Any]) -> None:
    """No database and no role on the server, no file in the temporary folder, nothing that a dump wanted to do."""
    assert run["status"] == 10
    assert run["left"] == set()
    assert run["files"] == []
    assert not Path("/tmp/owned").exists()
