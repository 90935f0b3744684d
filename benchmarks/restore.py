"""Accepting and restoring a large dump beside the bare pg_restore (or psql, for a plain dump).

Ours reads the file, proves that it is whole, hashes it, and restores it; the bare tool gets a fresh database of the same
server. Both in turn, so that the noise of the machine falls on both.

Prints the size of the dump, the seconds and the ratio of ours to the tool's (the aim is 1.1 or less), and the peak
memory of our own process (the aim is under 200 MB). `--megabytes` says how large the dump is to be, 1,024 without it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import statistics
import subprocess
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from pytest_cutover.backup.inspect import inspect_backup
from pytest_cutover.backup.restore import restore
from pytest_cutover.sandbox import Sandboxes, Server

ROUNDS = 3
ROW_BYTES = 150
TABLES = 8
FORMATS = {
    "custom": ("--format=custom", "--compress=0"),
    "plain.gz": ("--format=plain", "--compress=6"),
}


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--megabytes", type=int, default=1024, help="size of the dump's rows as text")
    rows = parser.parse_args().megabytes * 1_000_000 // ROW_BYTES // TABLES
    with tempfile.TemporaryDirectory() as folder:
        sandboxes = Sandboxes("embedded")
        try:
            server = sandboxes.server()
            _fill(server, rows)
            for name, options in FORMATS.items():
                dump = Path(folder) / f"dump.{name}"
                _run(server, "pg_dump", "--file", dump, *options, "source")
                _compare(server, name, dump)
                dump.unlink()
        finally:
            sandboxes.close()


def _fill(server: Server, rows: int) -> None:
    """Eight tables with a key, an index and texts that compress as addresses and notes do."""
    with server.create("source").connect() as connection:
        for number in range(TABLES):
            connection.execute(
                f"CREATE TABLE t{number} (id bigint PRIMARY KEY, at timestamptz, kind integer, note text);"
                f"INSERT INTO t{number} SELECT n, timestamptz '2026-01-01' + n * interval '1 second', n % 97,"
                f" md5(n::text) || repeat(' street', 8) || md5((n + 1)::text) FROM generate_series(1, {rows}) n;"
                f"CREATE INDEX ON t{number} (kind)".encode()
            )


def _run(server: Server, program: str, *arguments: str | Path, stdin: int | None = None) -> None:
    subprocess.run(
        [server.programs / program, *arguments], env=server.maintenance.libpq_environment(os.environ), stdin=stdin,
        stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip


def _bare(server: Server, name: str, dump: Path) -> float:
    target = server.create("bare")
    began = time.perf_counter()
    if name == "custom":
        _run(server, "pg_restore", "--jobs=2", "--exit-on-error", "--dbname", target.database, dump)
    else:
        with subprocess.Popen(["gzip", "-dc", dump], stdout=subprocess.PIPE) as unpacking:
            assert unpacking.stdout is not None
            options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", target.database)
            _run(server, "psql", *options, stdin=unpacking.stdout.fileno())
    seconds = time.perf_counter() - began
    server.drop(target.database)
    return seconds


def _ours(server: Server, dump: Path, told: Connection) -> None:
    """In a process of its own, whose peak memory is then ours alone."""
    began = time.perf_counter()
    restore(inspect_backup(dump), server, "ours", [], None, lambda text: None)
    told.send((time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def _compare(server: Server, name: str, dump: Path) -> None:
    fork = multiprocessing.get_context("fork")
    bare, ours, peaks = [], [], []
    for _ in range(ROUNDS):
        bare.append(_bare(server, name, dump))
        hearing, telling = fork.Pipe(duplex=False)
        process = fork.Process(target=_ours, args=(server, dump, telling))
        process.start()
        seconds, peak = hearing.recv()
        process.join()
        server.drop("ours")
        ours.append(seconds)
        peaks.append(peak)
    tool = "pg_restore -j2" if name == "custom" else "gzip -dc | psql"
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    print(
        f"{name}: {dump.stat().st_size / 1e6:,.0f} MB · {tool} {statistics.median(bare):.1f} s · "
        f"ours {statistics.median(ours):.1f} s · ratio {ratio:.2f} · peak memory {max(peaks):.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    main()
