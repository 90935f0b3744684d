"""How fast a catalog of 1,000 tables is read, beside `pg_dump -s` and SQLAlchemy's Inspector.

    python benchmarks/catalog.py [--url postgresql://…] [--tables 1000] [--runs 7]

Without `--url` it starts the embedded server. It makes the database `bench_catalog` there and drops it. Every run
measures all of them, one after the other; printed are medians and their ratios. The exit status is 1 where a target
is missed. Two processors should be idle: objects are built while the server works.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict

from pytest_cutover.catalog import read_catalog
from pytest_cutover.sandbox import Sandboxes
from pytest_cutover.target import Target

DATABASE = "bench_catalog"
ROLES = ("bench_app", "bench_reader", "bench_etl", "bench_audit")
OURS, DUMP, INSPECTOR = "read_catalog", "pg_dump -s", "Inspector, table by table"
TARGETS = {DUMP: 1 / 2, INSPECTOR: 1 / 20}
"""How long we may take at most, as a part of what the other takes."""

BATCH = 100
"""Tables per transaction: each takes locks."""

TABLE = """
CREATE TABLE t{i} (
  id bigserial CONSTRAINT t{i}_pkey PRIMARY KEY, code text NOT NULL CONSTRAINT t{i}_code_key UNIQUE,
  parent bigint {parent}, name varchar(80), amount numeric(12,2) CONSTRAINT t{i}_amount CHECK (amount >= 0),
  state text DEFAULT 'new' CONSTRAINT t{i}_state CHECK (state IN ('new', 'open', 'done')),
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz, active boolean NOT NULL DEFAULT true,
  minutes integer CONSTRAINT t{i}_minutes CHECK (minutes > 0), latitude double precision, longitude double precision
  {note}, CONSTRAINT t{i}_code CHECK (length(code) < 80)
);
CREATE INDEX t{i}_parent_idx ON t{i} (parent);
CREATE INDEX t{i}_name_idx ON t{i} (lower(name)) WHERE active;
GRANT ALL ON t{i} TO bench_app; GRANT SELECT ON t{i} TO bench_reader, bench_audit;
GRANT SELECT, INSERT, UPDATE, DELETE ON t{i} TO bench_etl;
COMMENT ON COLUMN t{i}.code IS 'the code of {i}';
"""


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", help="a server to use, as superuser; else the embedded one is started")
    parser.add_argument("--pg-dump", help="the pg_dump to compare with; else the server's own, or the one on PATH")
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    with _server(options.url) as (server, program):
        target = server.named(DATABASE)
        _drop(server)
        try:
            _create(server, target, options.tables)
            return _measure(target, options.pg_dump or program, options.runs)
        finally:
            _drop(server)


@contextmanager
def _server(url: str | None) -> Iterator[tuple[Target, str]]:
    if url is not None:
        parts = conninfo_to_dict(url)
        target = Target(
            str(parts.get("host") or "127.0.0.1"), int(parts.get("port") or 5432), "postgres", str(parts["user"]),
            str(parts.get("password") or ""),
        )  # fmt: skip
        yield target, shutil.which("pg_dump") or "pg_dump"
        return
    sandboxes = Sandboxes()
    try:
        server = sandboxes.server()
        yield server.maintenance, str(Path(server.programs) / "pg_dump")
    finally:
        sandboxes.close()


def _create(server: Target, target: Target, tables: int) -> None:
    with server.connect() as connection:
        for role in ROLES:
            connection.execute(f"CREATE ROLE {role}".encode())
        connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0".encode())
    with target.connect() as connection:
        for start in range(0, tables, BATCH):
            statements = [
                TABLE.format(
                    i=i,
                    parent=f"CONSTRAINT t{i}_parent_fkey REFERENCES t{i - 1}" if i else "",
                    note=", note text" if i % 5 < 3 else "",
                )
                for i in range(start, min(start + BATCH, tables))
            ]
            connection.execute("".join(["BEGIN;", *statements, "COMMIT"]).encode())
        connection.execute(b"ANALYZE")


def _drop(server: Target) -> None:
    with server.connect() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}".encode())
        for role in ROLES:
            connection.execute(f"DROP ROLE IF EXISTS {role}".encode())


def _measure(target: Target, pg_dump: str, runs: int) -> int:
    with target.connect(read_only=True) as connection:
        catalog = read_catalog(connection)
        grants = sum(len(each.acl) for each in catalog.tables.values())
        print(
            f"PostgreSQL {connection.info.parameter_status('server_version')}: {len(catalog.tables)} tables,"
            f" {len(catalog.columns)} columns, {len(catalog.constraints)} constraints, {len(catalog.indexes)} indexes,"
            f" {len(catalog.sequences)} sequences, {grants} grants; medians of {runs}"
        )
        seconds = _run(target, connection, pg_dump, runs)
    missed = 0
    for name, times in seconds.items():
        median = statistics.median(times)
        line = f"{name:28}{median * 1000:9.0f} ms   ({min(times) * 1000:.0f}–{max(times) * 1000:.0f})"
        if name in TARGETS:
            ratio = statistics.median(seconds[OURS]) / median
            missed += ratio > TARGETS[name]
            verdict = "met" if ratio <= TARGETS[name] else "MISSED"
            best = min(seconds[OURS]) / min(times)
            line += f"   ours is {ratio:.3f} of it (best runs {best:.3f}), target {TARGETS[name]:.3f}: {verdict}"
        print(line)
    return 1 if missed else 0


def _run(target: Target, connection: psycopg.Connection, pg_dump: str, runs: int) -> dict[str, list[float]]:
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: target.connect(autocommit=False), poolclass=sqlalchemy.pool.StaticPool
    )
    measured: dict[str, tuple[Callable[[], object], int]] = {
        OURS: (lambda: read_catalog(connection), runs),
        DUMP: (lambda: _dump(target, pg_dump), runs),
        # Each takes seconds; three are enough for a ratio of one to twenty.
        INSPECTOR: (lambda: _inspect(engine), min(runs, 3)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in measured}
    for number in range(runs):
        for name, (run, wanted) in measured.items():
            if number < wanted:
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
    engine.dispose()
    return seconds


def _dump(target: Target, pg_dump: str) -> None:
    subprocess.run([pg_dump, "-s"], env=target.libpq_environment(os.environ), stdout=subprocess.DEVNULL, check=True)


def _inspect(engine: sqlalchemy.Engine) -> None:
    inspector = sqlalchemy.inspect(engine)
    for table in inspector.get_table_names():
        inspector.get_columns(table)
        inspector.get_pk_constraint(table)
        inspector.get_foreign_keys(table)
        inspector.get_unique_constraints(table)
        inspector.get_check_constraints(table)
        inspector.get_indexes(table)
        inspector.get_table_comment(table)


if __name__ == "__main__":
    sys.exit(main())
