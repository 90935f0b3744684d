"""Our whole rehearsal of vatsim_cid beside a shell script that does the same with the bare tools.

The script starts a server, restores the backup with psql, analyses, clones, runs the steps with psql, asks the plan's own
queries and counts with psql, runs the steps again, rolls back by steps and by a second restore, and compares the
states as one does by hand: `pg_dump --schema-only` and `COPY (… ORDER BY id)` through md5sum. Both start a server: ours
from its cache, the script with initdb; its initdb is printed so that it can be taken off.

Prints seconds, and the ratio of ours to the script's (the aim is 1.3 or less).
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pytest_cutover.criteria import KINDS
from pytest_cutover.plan.load import load_plans
from pytest_cutover.sandbox.binaries import choose_binaries
from pytest_cutover.sandbox.cluster import installed

ROOT = Path(__file__).parents[1]
ROUNDS = 3

SCRIPT = """\
set -euo pipefail
export PGHOST=127.0.0.1 PGPORT=54999 PGUSER=postgres PGOPTIONS='-c client_min_messages=warning'
run() {{ {as_user} "$@"; }}
t0=$(date +%s.%N)
run {bin}/initdb -D {work}/data -U postgres -A trust --no-sync --locale=C.UTF-8 -E UTF8 >/dev/null
t1=$(date +%s.%N)
awk "BEGIN {{ print $t1 - $t0 }}"
run {bin}/pg_ctl -D {work}/data -w -l {work}/log -o "{settings}" start >/dev/null
trap 'run {bin}/pg_ctl -D {work}/data -m immediate stop >/dev/null' EXIT
sql() {{ {bin}/psql -X -q -v ON_ERROR_STOP=1 -At "$@"; }}
restore() {{ {bin}/createdb -T template0 -O {role} "$1"; gzip -dc {backup} | sql -d "$1" -o /dev/null; }}
sql -d postgres -f {prelude}
restore original
sql -d original -c ANALYZE
state() {{
  {bin}/pg_dump --schema-only "$1" | grep -v restrict | md5sum
  for table in {tables}; do sql -d "$1" -c "COPY (SELECT * FROM $table ORDER BY 1) TO STDOUT" | md5sum; done
}}
clone() {{ {bin}/createdb -T "$1" -O {role} --strategy=file_copy "$2"; }}
migrate() {{ for step in {steps}; do PGOPTIONS='-c role={role} -c client_min_messages=warning' sql -d "$1" -f "$step" -o /dev/null; done; }}
clone original before; state before >{work}/before
clone original after; migrate after; state after >{work}/after
for query in {work}/checks/*.sql; do sql -d after -f "$query" >/dev/null; done
clone after rerun; migrate rerun; state rerun >{work}/rerun; cmp {work}/after {work}/rerun
clone after back; PGOPTIONS='-c role={role}' sql -d back -f {rollback}; state back >{work}/back; cmp {work}/before {work}/back
restore fresh; state fresh >{work}/fresh; cmp {work}/before {work}/fresh
"""


def _bare(work: Path) -> tuple[float, float]:
    plan = load_plans([ROOT / "migrations" / "vatsim_cid"], ROOT, KINDS)[0]
    binaries, _ = choose_binaries(16, 16)
    checks = work / "checks"
    checks.mkdir()
    for number, criterion in enumerate(plan.criteria):
        table = getattr(criterion, "table", None)
        statement = getattr(criterion, "sql", None)
        if criterion.kind in ("query", "uses_index", "query_time"):
            text = ("EXPLAIN " if criterion.kind == "uses_index" else "") + str(statement)
        elif criterion.kind in ("accepts", "rejects"):
            continue
        elif criterion.kind == "queries":
            text = plan.path(criterion.file).read_text()  # type: ignore[attr-defined]
        elif criterion.kind == "where":
            text = f"SELECT count(*) FROM {table} WHERE NOT ({statement})"
        elif criterion.kind == "unique":
            columns = ", ".join(criterion.columns)  # type: ignore[attr-defined]
            text = f"SELECT {columns} FROM {table} GROUP BY {columns} HAVING count(*) > 1"
        elif table is not None:
            text = f"SELECT count(*) FROM {table}"
        else:
            text = "SELECT count(*) FROM pg_class"
        (checks / f"{number:03}.sql").write_text(text.rstrip().rstrip(";") + ";\n")
    script = SCRIPT.format(
        as_user="setpriv --reuid=nobody --regid=nogroup --clear-groups" if os.geteuid() == 0 else "",
        bin=installed(binaries, work), work=work, role=plan.file.migrate.role,
        settings="-p 54999 -k '' -c listen_addresses=127.0.0.1 -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        " -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=4GB -c autovacuum=off -c shared_buffers=256MB"
        " -c maintenance_work_mem=256MB -c jit=off",
        backup=plan.path(plan.file.backup.path or ""), prelude=plan.path(plan.file.backup.prelude[0]),
        tables="controller_summaries controllers controllers_archive flight_sector_occupancy flight_summaries flights"
        " flights_archive transceivers",
        steps=" ".join(str(plan.path(step.sql or "")) for step in plan.file.migrate.steps),
        rollback=plan.path(plan.file.rollback[0].steps[0].sql or ""),
    )  # fmt: skip
    (work / "script.sh").write_text(script)
    if os.geteuid() == 0:
        shutil.chown(work, "nobody", "nogroup")
    began = time.perf_counter()
    done = subprocess.run(["bash", work / "script.sh"], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        raise SystemExit(f"the shell script failed:\n{done.stderr[-2000:]}")
    return seconds, float(done.stdout.split()[0])


def _ours(work: Path) -> float:
    began = time.perf_counter()
    subprocess.run(
[sys.executable, "-m", "pytest", "-q", "--plan=vatsim_cid", f"--report-dir={work}", "-p", "no:cacheprovider"],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - began


def main() -> None:
    """Measures in turn, so that a drift of the machine meets both."""
    ours, bare, initdb = [], [], []
    for _ in range(ROUNDS):
        for measure in ("ours", "bare"):
            with tempfile.TemporaryDirectory(prefix="cutover-bench-") as folder:
                os.chmod(folder, 0o755)
                if measure == "ours":
                    ours.append(_ours(Path(folder)))
                else:
                    seconds, made = _bare(Path(folder))
                    bare.append(seconds)
                    initdb.append(made)
    one, two, three = statistics.median(ours), statistics.median(bare), statistics.median(initdb)
    print(f"our rehearsal         {one:.1f} s (median of {ROUNDS}, the start of Python and pytest included)")
    print(f"the shell script      {two:.1f} s (of which initdb {three:.1f} s)")
    print(f"ratio                 {one / two:.2f} (aim: 1.30 or less)")
    print(f"ratio without initdb  {one / (two - three):.2f}")


if __name__ == "__main__":
    main()
