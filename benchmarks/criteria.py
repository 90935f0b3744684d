"""What pytest-cutover costs per criterion, beside bare pytest that asks the database the same questions.

Two runs of pytest with as many checks: one through a plan with that many `row_count` criteria, one of a parametrized test
that counts the rows with psycopg. Prints both and our own overhead per criterion, the start of the server and the
stages of the rehearsal taken off (the aim is 1 ms or less).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pytest_cutover.sandbox import Sandboxes
from pytest_cutover.scaffold import init_repository

BARE = """\
import os

import psycopg
import pytest


@pytest.fixture(scope="session")
def connection():
    with psycopg.connect(os.environ["BENCH_DSN"], autocommit=True) as opened:
        yield opened


@pytest.mark.parametrize("number", range(int(os.environ["BENCH_CHECKS"])))
def test_count(connection, number):
    # Before and after the migration, as the criterion does.
    assert connection.execute("SELECT count(*) FROM public.parcels").fetchone() == (6,)
    assert connection.execute("SELECT count(*) FROM public.parcels").fetchone() == (6,)
"""


def _pytest(folder: Path, *arguments: str, **environment: str) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *arguments],
        cwd=folder, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - began


def _ours(folder: Path, checks: int) -> tuple[float, float]:
    """Seconds of the whole run, and of the stages of the rehearsal in it."""
    init_repository(folder)
    plan = folder / "migrations" / "example" / "plan.toml"
    text = plan.read_text()
    for number in range(checks):
        text += f'\n[[criteria]]\nid = "count-{number}"\nkind = "row_count"\ntable = "parcels"\nequals = 6\n'
    plan.write_text(text)
    seconds = _pytest(folder)
    result = json.loads((folder / "reports" / "result.json").read_text())
    stages = sum(stage["seconds"] for stage in result["plans"][0]["stages"] if stage["name"] != "verify")
    return seconds, stages


def _bare(folder: Path, checks: int) -> float:
    (folder / "test_bare.py").write_text(BARE)
    sandboxes = Sandboxes()
    try:
        target = sandboxes.server().create("bench")
        with target.connect() as connection:
            connection.execute("CREATE TABLE parcels AS SELECT generate_series(1, 6) AS id")
        return _pytest(folder, "-p", "no:cutover", BENCH_DSN=target.url, BENCH_CHECKS=str(checks))
    finally:
        sandboxes.close()


def main() -> None:
    """Measures one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checks", type=int, default=10_000)
    checks = parser.parse_args().checks
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        bare = _bare(Path(one), checks)
        ours, stages = _ours(Path(two), checks)
    print(f"bare pytest        {bare:.1f} s for {checks} checks, {bare / checks * 1000:.2f} ms each")
    print(f"a plan as large    {ours:.1f} s, of which stages {stages:.1f} s")
    print(f"our own overhead   {(ours - stages - bare) / checks * 1000:.2f} ms per criterion (aim: 1.00 or less)")


if __name__ == "__main__":
    main()
