"""How fast a table's fingerprint is taken, beside a scan that reads every column and beside hashing rows as text.

    python benchmarks/fingerprint.py [--url postgresql://…] [--rows 5000000] [--runs 3]

Without `--url` it starts the embedded server. It makes the database `bench_fingerprint` there and drops it. Every run
measures all of them, one after the other, in one session and without parallel workers; printed are medians and their
ratios. The exit status is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pytest_cutover.catalog import read_catalog
from pytest_cutover.content import table_contents
from pytest_cutover.sandbox import Sandboxes
from pytest_cutover.target import Target

DATABASE = "bench_fingerprint"
OURS, SCAN, MD5, TEXT = "fingerprint", "scan of every column", "md5 of the row's text", "hash of the row's text"
TARGETS: dict[str, tuple[str, float]] = {SCAN: ("at most", 4), MD5: ("at least", 3.5), TEXT: ("at least", 3.5)}
"""How many times a scan we may take, and how many times as fast as hashing text we must be."""

TABLE = """
CREATE TABLE occupancy AS
SELECT n AS id, 'CS' || n % 9000 AS callsign, ('S' || n % 300)::varchar(12) AS sector,
       timestamptz '2024-01-01 00:00+00' + n * interval '7.3 s' AS entered,
       timestamptz '2024-01-01 00:20+00' + n * interval '7.3 s' AS left_at,
       (n % 3600)::int AS minutes, (n * 7 % 450)::int AS level, random() * 500 AS speed, 800000 + n % 70000 AS cid,
       n % 3 = 0 AS active, date '2024-01-01' + (n / 50000)::int AS day,
       CASE WHEN n % 4 > 0 THEN 'note ' || md5(n::text) END AS note, gen_random_uuid() AS reference
FROM generate_series(1::bigint, {rows}) AS n;
ALTER TABLE occupancy ADD PRIMARY KEY (id);
"""


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", help="a server to use, as superuser; else the embedded one is started")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with _server(options.url) as server:
        target = server.named(DATABASE)
        _drop(server)
        try:
            with server.connect() as connection:
                connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0".encode())
            with target.connect() as connection:
                connection.execute(TABLE.format(rows=options.rows).encode())
                # Hint bits and visibility are set once here, not by whoever reads first.
                connection.execute("VACUUM (FREEZE, ANALYZE) occupancy")
                return _measure(connection, options.rows, options.runs)
        finally:
            _drop(server)


@contextmanager
def _server(url: str | None) -> Iterator[Target]:
    if url is not None:
        parts = conninfo_to_dict(url)
        yield Target(
            str(parts.get("host") or "127.0.0.1"), int(parts.get("port") or 5432), "postgres", str(parts["user"]),
            str(parts.get("password") or ""),
        )  # fmt: skip
        return
    sandboxes = Sandboxes()
    try:
        yield sandboxes.server().maintenance
    finally:
        sandboxes.close()


def _drop(server: Target) -> None:
    with server.connect() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}".encode())


def _measure(connection: psycopg.Connection, rows: int, runs: int) -> int:
    catalog = read_catalog(connection)
    columns = catalog.columns_of("occupancy")
    version = connection.info.parameter_status("server_version")
    print(f"PostgreSQL {version}: {rows:,} rows of {len(columns)} columns; medians of {runs}")
    connection.execute("SET max_parallel_workers_per_gather = 0; SET jit = off")
    counts = ", ".join(f"count({each.name})" for each in columns)

    def ask(expressions: str) -> Callable[[], object]:
        return lambda: connection.execute(
            f"SELECT {expressions} FROM occupancy AS o".encode(), prepare=False
        ).fetchall()

    measured: dict[str, Callable[[], object]] = {
        OURS: lambda: table_contents(connection, catalog),
        SCAN: ask(counts),
        MD5: ask("count(*), bit_xor(('x' || left(md5(o::text), 16))::bit(64)::bigint)"),
        TEXT: ask("count(*), sum(hashtextextended(o::text, 0))"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(runs):
        for name, run in measured.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return _report(seconds)


def _report(seconds: dict[str, list[float]]) -> int:
    ours = statistics.median(seconds[OURS])
    missed = 0
    for name, times in seconds.items():
        median = statistics.median(times)
        line = f"{name:24}{median:8.2f} s   ({min(times):.2f}–{max(times):.2f})"
        if name in TARGETS:
            bound, target = TARGETS[name]
            ratio = ours / median if bound == "at most" else median / ours
            met = ratio <= target if bound == "at most" else ratio >= target
            missed += not met
            what = "ours takes {:.2f} times as long" if bound == "at most" else "ours is {:.2f} times as fast"
            line += f"   {what.format(ratio)}, target {bound} {target}: {'met' if met else 'MISSED'}"
        print(line)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
