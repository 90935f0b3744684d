"""What a live run takes from the database that it looks at: pgbench's throughput with live runs beside it, and without.

pgbench writes with its own TPC-B-like script, alternately alone and while `pytest --db-url` asks its criteria of pgbench's
tables, again and again for as long as pgbench runs. Each pair begins with the other of the two. Prints both medians and
the loss in percent (the aim is less than 5 %).

In production pytest runs on another machine. Here the last processor is its own, and server and pgbench have the others
(where the operating system pins processes: Linux); what the server does for us is done on theirs, which pgbench keeps busy.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from pytest_cutover.sandbox import Sandboxes
from pytest_cutover.scaffold import init_repository
from pytest_cutover.target import Target

PLAN = """
title = "pgbench"
engine = "postgresql"
backup.path = "../../fixtures/example/backup.sql.gz"
migrate.steps = [{ sql = "nothing.sql" }]
[targets]
bench = "${BENCH_URL}"
[live]
max_scan = "16MB"
""" + "".join(
    f'[[criteria]]\nid = "{kind}-{number}"\nkind = "{kind}"\nbudget = "50s"\n{keys}\n'
    for number in range(3)
    for kind, keys in (
        ("not_null", 'table = "pgbench_accounts"\ncolumns = ["bid", "abalance"]'),
        ("where", 'table = "pgbench_accounts"\nsql = "abalance < 1000000000"'),
        ("row_count", 'table = "pgbench_accounts"\nmin = 1'),
        ("references", 'table = "pgbench_accounts"\ncolumns = ["bid"]\nto = "pgbench_branches"'),
        ("index", 'name = "pgbench_accounts_pkey"'),
    )
)


_PROCESSORS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _pin(processors: list[int]) -> None:
    """Keeps this process, and what it starts, to these processors; where there is no choice, anywhere."""
    if len(_PROCESSORS) > 1:
        os.sched_setaffinity(0, processors)


def _pgbench(programs: Path, target: Target, *arguments: str) -> str:
    return subprocess.run(
        [programs / "pgbench", *arguments], env=target.libpq_environment(os.environ), check=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ).stdout  # fmt: skip


def _throughput(programs: Path, target: Target, clients: int, seconds: int) -> float:
    """Transactions per second."""
    told = _pgbench(programs, target, "--no-vacuum", f"--client={clients}", f"--time={seconds}")
    found = re.search(r"tps = ([\d.]+)", told)
    assert found is not None, told
    return float(found[1])


def _beside_live_runs(folder: Path, programs: Path, target: Target, clients: int, seconds: int) -> tuple[float, int]:
    """Transactions per second, and how many live runs came to their end meanwhile."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--db-url=bench"]
    environment = os.environ | {"BENCH_URL": target.url}
    # The loop is a shell's, so that nothing of it is Python beside the runs.
    _pin(_PROCESSORS[-1:])
    loop = subprocess.Popen(
        ["sh", "-c", 'while "$@" >/dev/null 2>&1; [ $? -eq 10 ]; do echo; done', "sh", *command],
        cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    _pin(_PROCESSORS[:-1])
    try:
        found = _throughput(programs, target, clients, seconds)
        assert loop.poll() is None, "a live run did not end as it should: " + " ".join(command)
    finally:
        os.killpg(loop.pid, 15)
        told, _ = loop.communicate()
    return found, told.count("\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--pairs", type=int, default=3, help="how often each of the two is measured")
    parser.add_argument("--seconds", type=int, default=8, help="how long each measurement takes")
    parser.add_argument("--clients", type=int, default=2 * (os.cpu_count() or 1), help="pgbench's clients")
    parser.add_argument("--scale", type=int, default=5, help="pgbench's scale: 100,000 rows each")
    given = parser.parse_args()
    _pin(_PROCESSORS[:-1])
    sandboxes = Sandboxes()
    try:
        server = sandboxes.server()
        target = server.create("bench")
        _pgbench(server.programs, target, "--initialize", "--quiet", f"--scale={given.scale}")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            init_repository(folder)
            (folder / "migrations/example/plan.toml").write_text(PLAN)
            (folder / "migrations/example/nothing.sql").write_text("SELECT 1;")
            alone: list[float] = []
            beside: list[float] = []
            runs = 0
            for pair in range(given.pairs):
                for live in (False, True) if pair % 2 == 0 else (True, False):
                    if live:
                        found, ended = _beside_live_runs(folder, server.programs, target, given.clients, given.seconds)
                        beside.append(found)
                        runs += ended
                    else:
                        alone.append(_throughput(server.programs, target, given.clients, given.seconds))
    finally:
        sandboxes.close()
    loss = 1 - statistics.median(beside) / statistics.median(alone)
    print(f"alone             {statistics.median(alone):8,.0f} transactions/s   {_all(alone)}")
    print(f"beside live runs  {statistics.median(beside):8,.0f} transactions/s   {_all(beside)}   {runs} runs ended")
    print(
        f"loss              {loss:8.1%}   {given.clients} clients, {max(len(_PROCESSORS) - 1, 1)} of "
        f"{os.cpu_count()} processors (aim: less than 5 %)"
    )


def _all(found: list[float]) -> str:
    return "(" + ", ".join(f"{each:,.0f}" for each in found) + ")"


if __name__ == "__main__":
    main()
