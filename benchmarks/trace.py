"""What tracing a migration and watching its tables cost: the same migration on copies of a database, with and without.

    python benchmarks/trace.py [--rows 300000] [--statements 3000] [--triggered 100000] [--runs 5]

Three migrations are measured on the embedded server: one of DDL and updates of a whole table, as most are; one that sends many
small statements and does no work, each of which is a line of the log; and one with a trigger for each row, whose statement the
server counts each time. The last two have no target, since they are the worst there can be. Each run measures all ways, one
after the other: untraced, traced, and traced while three tables are watched; printed are medians, their ratios, and what
readying and reading the trace takes besides. The exit status is 1 where the target is missed. Two processors should be idle.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from pytest_cutover.engine import PostgreSQL
from pytest_cutover.plan.model import Step
from pytest_cutover.sandbox import Sandboxes, Server
from pytest_cutover.target import Target

TARGET = 1.15
"""How long a traced migration may take at most, watched or not, as a multiple of the same one untraced."""

BEFORE = """
CREATE TABLE flights (id int PRIMARY KEY, callsign text NOT NULL, minutes int NOT NULL);
INSERT INTO flights SELECT g, 'F' || g, g % 1000 FROM generate_series(1, {rows}) AS g;
CREATE TABLE notes (id int PRIMARY KEY, note text);
CREATE TABLE rows (id int PRIMARY KEY, note text);
INSERT INTO rows SELECT g, 'a note' FROM generate_series(1, {triggered}) AS g;
CREATE TABLE stamps (id int, at timestamptz);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO stamps VALUES (NEW.id, now()); RETURN NULL; END $$;
CREATE TRIGGER stamped AFTER UPDATE ON rows FOR EACH ROW EXECUTE FUNCTION stamp();
"""
WATCHED = ("flights", "notes", "rows")
WHOLE_TABLE = """
ALTER TABLE flights ADD COLUMN cid int;
UPDATE flights SET cid = id;
ALTER TABLE flights ADD CONSTRAINT positive CHECK (minutes >= 0);
CREATE INDEX by_cid ON flights (cid);
ALTER TABLE flights ALTER COLUMN minutes TYPE bigint;
ANALYZE flights;
"""
TRIGGERED = "UPDATE rows SET note = 'another';"
SMALL = "INSERT INTO notes VALUES ({number}, 'a note');\n"


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--statements", type=int, default=3_000)
    parser.add_argument("--triggered", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    small = "".join(SMALL.format(number=number) for number in range(given.statements))
    missed = False
    sandboxes = Sandboxes()
    try:
        server = sandboxes.server()
        template = server.create("bench_trace")
        with template.connect() as connection:
            connection.execute(BEFORE.format(rows=given.rows, triggered=given.triggered).encode())
        for title, script in (
            (f"{given.rows:,} rows", WHOLE_TABLE),
            (f"{given.statements:,} statements", small),
            (f"a trigger for each of {given.triggered:,} rows", TRIGGERED),
        ):
            plain, traced, watched, besides = _measure(server, template, script, given.runs)
            ratio = traced / plain
            is_work = script is WHOLE_TABLE
            missed |= is_work and max(ratio, watched / plain) > TARGET
            times = given.triggered if script is TRIGGERED else len(script.strip().splitlines())
            each = (traced - plain) / times
            print(
                f"{title}: untraced {plain:.3f} s, traced {traced:.3f} s: {ratio:.2f} times"
                f"{f' (target {TARGET})' if is_work else ''}, {each * 1e6:.0f} µs for each statement; besides {besides:.3f} s; "
                f"watched as well {watched:.3f} s: {watched / plain:.2f} times"
            )
    finally:
        sandboxes.close()
    return int(missed)


def _measure(server: Server, template: Target, script: str, runs: int) -> tuple[float, float, float, float]:
    """Medians in seconds: the steps untraced, traced, traced and watched, and what the trace takes ahead of and behind them."""
    engine = PostgreSQL()
    took: list[list[float]] = [[], [], []]
    besides = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "migration.sql").write_text(script)
        for number in range(3 * runs):
            way = number % 3
            target = server.create("bench_trace_run", template=template)
            began = time.perf_counter()
            with (
                engine.tracing(server, target) if way else nullcontext(),
                engine.watching(target, WATCHED) if way == 2 else nullcontext(),
            ):
                done = engine.run([Step(sql="migration.sql")], Path(folder), server, target, None, None)
            if not done.ok:
                raise SystemExit(f"the migration failed: {done.failed_step}")
            took[way].append(done.seconds)
            if way == 1:
                besides.append(time.perf_counter() - began - done.seconds)
            server.drop("bench_trace_run")
    plain, traced, watched = (statistics.median(each) for each in took)
    return plain, traced, watched, statistics.median(besides)


if __name__ == "__main__":
    sys.exit(main())
