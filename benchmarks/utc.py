"""How fast 100,000 rows of vtrack_utc are converted, validated and verified, and in how much memory.

    python benchmarks/utc.py [--scale 1400] [--runs 3]

It generates the database in a temporary folder. Each run migrates a copy of it, which the migration itself validates, and then
asks the plan's `utc` criteria of both, each in a process of its own. Printed are the best run, its ratio to the 8,333 rows a second of
the written plan, and the memory above an idle interpreter; of the criteria, above one that has loaded this package. The exit
status is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "migrations" / "vtrack_utc"
PLANS_RATE = 8_333
TIMES_THE_PLAN = 30
OVER_IDLE_BYTES = 10_000_000

MIGRATE = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
def peak():
    with open("/proc/self/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
found = {"rows": 0}
idle = peak()
if len(sys.argv) > 2:
    import migrate_timezone_production as m
    from pathlib import Path
    from progress import Log
    spent = {}
    def timed(name):
        inner = getattr(m, name)
        def run(*arguments):
            began = time.process_time()
            try:
                return inner(*arguments)
            finally:
                spent[name] = time.process_time() - began
        setattr(m, name, run)
    timed("convert")
    timed("validate")
    with open("/dev/null", "w") as nowhere:
        report = m.migrate(Path(sys.argv[2]), Path(sys.argv[2]).parent / "backups", Log(nowhere))
    found = {"rows": report["rows"], "values": report["values"], "seconds": report["seconds"],
             "convert": report["convert_s"], "validate": report["validate_s"],
             "convert_cpu": spent["convert"], "validate_cpu": spent["validate"]}
print(json.dumps(found | {"peak": peak()}))
"""


VERIFY = """
import json, sys, time
from pathlib import Path
from pytest_cutover.criteria import KINDS
from pytest_cutover.plan.load import load_plans
from pytest_cutover.sqlite.connection import SqliteTarget
from pytest_cutover.sqlite.database import SqliteDatabase
def peak():
    with open("/proc/self/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
(plan,) = load_plans([Path(sys.argv[1])], Path(sys.argv[1]).parents[1], KINDS)
criteria = [each for each in plan.criteria if each.kind == "utc"]
before, after = (SqliteDatabase(SqliteTarget(Path(each)), each) for each in sys.argv[2:])
before.catalog, after.catalog
idle, began, cpu = peak(), time.perf_counter(), time.process_time()
found = [each.check(before, after) for each in criteria]
spent, cpu = time.perf_counter() - began, time.process_time() - cpu
before.close(), after.close()
assert len(found) == 20 and all(each.holds for each in found), found
print(json.dumps({"verify": spent, "verify_cpu": cpu, "over_idle": peak() - idle}))
"""


def measure(program: str, *arguments: Path) -> dict[str, Any]:
    """What one process found: seconds by part, and the peak of its memory in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", program, SCRIPTS, *arguments], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", type=float, default=1400, help="1400 is about 100,000 rows")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    idle = measure(MIGRATE)["peak"]
    runs = []
    with tempfile.TemporaryDirectory() as temporary:
        original = Path(temporary) / "original.db"
        generate = [sys.executable, ROOT / "fixtures" / "vtrack_utc" / "generate.py"]
        subprocess.run([*generate, "--scale", str(options.scale), "--output", original], check=True)
        for number in range(options.runs):
            folder = Path(temporary) / str(number)
            folder.mkdir()
            shutil.copyfile(original, folder / "events.db")
            found = measure(MIGRATE, folder / "events.db")
            runs.append(found | measure(VERIFY, original, folder / "events.db"))
            shutil.rmtree(folder)
    rows = runs[0]["rows"]
    print(f"{rows:,} rows, {runs[0]['values']:,} values to convert; best of {options.runs}")
    ok = True
    for name in ("convert", "validate", "verify"):
        wall, cpu = (min(run[key] for run in runs) for key in (name, f"{name}_cpu"))
        times = rows / wall / PLANS_RATE
        ok &= times >= TIMES_THE_PLAN
        print(
            f"{name:9} {wall:6.3f} s ({cpu:.3f} s of a processor)  {rows / wall:9,.0f} rows/s  {times:5.1f} × the plan's"
            f" (target {TIMES_THE_PLAN})"
        )
    over = max(run["peak"] for run in runs) - idle
    ok &= over <= OVER_IDLE_BYTES
    print(f"memory    {over / 1e6:.1f} MB over an idle interpreter (target {OVER_IDLE_BYTES / 1e6:.0f})")
    verifying = max(run["over_idle"] for run in runs)
    ok &= verifying <= OVER_IDLE_BYTES
    print(f"          {verifying / 1e6:.1f} MB while verifying")
    print(f"in all    {min(run['seconds'] for run in runs):.2f} s, with two copies, the dump and the original values")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
