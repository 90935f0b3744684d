"""Plans of this repository, changed so that they do not survive being cut off: named where a person would point at."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_cutover.criteria import KINDS
from pytest_cutover.interrupt.postgresql import StatementCuts
from pytest_cutover.plan.load import load_plans
from pytest_cutover.rehearsal import Rehearsal, Restores
from tests.interrupt.conftest import judge

ROOT = Path(__file__).parents[2]
BATCHED = """\
-- What has a CID has been filled.
DO $$
BEGIN
    IF EXISTS (SELECT FROM public.flight_sector_occupancy WHERE cid <> 0) THEN
        RETURN;
    END IF;
    FOR part IN 0..3 LOOP
        UPDATE public.flight_sector_occupancy AS stay
        SET cid = (SELECT min(cid) FROM public.flights WHERE flights.callsign = stay.callsign)
        WHERE id % 4 = part
          AND EXISTS (SELECT FROM public.flights WHERE flights.callsign = stay.callsign AND flights.cid IS NOT NULL);
        COMMIT;
    END LOOP;
END
$$;
"""


def _changed(root: Path, plan: str, *, without: str = "", files: dict[str, str]) -> Path:
    """The folder of the plan with a small backup, without some of its steps and with other files."""
    shutil.copytree(ROOT / "migrations" / plan, root / "migrations" / plan)
    fixtures = root / "fixtures" / plan
    shutil.copytree(ROOT / "fixtures" / plan, fixtures, ignore=shutil.ignore_patterns("__pycache__", "backup*"))
    folder = root / "migrations" / plan
    text = (folder / "plan.toml").read_text(encoding="utf-8")
    backup = next(path.name for path in (ROOT / "fixtures" / plan).glob("backup.*") if path.name in text)
    subprocess.run(
        [sys.executable, "-B", ROOT / "fixtures" / plan / "generate.py", "--scale", "0.02", "--output", fixtures / backup],
        check=True, capture_output=True,
    )  # fmt: skip
    lines = [line for line in text.splitlines() if not line.startswith("expect") and not (without and without in line)]
    (folder / "plan.toml").write_text("\n".join(lines), encoding="utf-8")
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def test_batches_of_which_some_are_taken_for_all_are_named(
    restores: Restores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right migration begins anew where an attempt did not finish: here the first step keeps what it left."""
    monkeypatch.setattr(StatementCuts, "ways", ("server",))
    folder = _changed(
        tmp_path, "vatsim_cid", without="03_fill_from_summaries",
        files={
            "01_add_cid.sql": "ALTER TABLE public.flight_sector_occupancy ADD COLUMN IF NOT EXISTS cid integer NOT NULL DEFAULT 0;",
            "02_fill_from_flights.sql": BATCHED,
        },
    )  # fmt: skip
    rehearsal = Rehearsal(load_plans([folder], tmp_path, KINDS)[0], restores)

    found = rehearsal.interrupted()

    rehearsal.close()
    bad = [(cut.point.place, cut.point.commits) for cut in found.cuts if cut.outcome == "neither"]
    assert bad == [("02_fill_from_flights.sql:2", commits) for commits in (1, 2, 3)]
    assert judge(found).message.startswith("cut off inside 02_fill_from_flights.sql:2 (DO $$")
    assert "leaves another state: table:flight_sector_occupancy: " in judge(found).message
