"""`cutover compare A B`: what it prints, and its exit status."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pytest_cutover.cli import main
from tests.live.test_live_sqlite import BACKUP, MIGRATION, PLAN
from tests.project import Project, make_project
from tests.sqlite.conftest import execute


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository with a plan for SQLite."""
    made = make_project(tmp_path)
    (tmp_path / "verifications/test_own.py").unlink()
    execute(tmp_path / "fixtures/parcels.db", BACKUP)
    made.plan(text=PLAN, migration=MIGRATION, rollback="ALTER TABLE parcels DROP COLUMN weight_g;")
    return made


def test_two_runs_and_two_baselines(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """As a team would: main's run against the branch's, yesterday's baseline against today's."""
    good, result = project.root / "good.json", project.root / "reports/result.json"
    baseline = project.root / "reports/baselines/first.live.json"
    file = execute(project.root / "live.db", BACKUP)
    assert project.run() == 0, project.output
    shutil.copyfile(result, good)
    index = "CREATE INDEX by_size ON parcels (size);"
    assert project.run(f"--db-url=sqlite:///{file}", "--phase=before") == 0, project.output
    execute(file, index + "DELETE FROM parcels WHERE id = 2")
    assert project.run(f"--db-url=sqlite:///{file}", "--phase=before") == 1, project.output
    execute(project.root / "fixtures/parcels.db", index)
    project.plan(
        text=PLAN, migration="ALTER TABLE parcels ADD COLUMN weight_g INTEGER;",
        rollback="ALTER TABLE parcels DROP COLUMN weight_g;",
    )  # fmt: skip
    assert project.run() == 1, project.output
    capsys.readouterr()

    assert main(["compare", str(good), str(good)]) == 0
    assert "No difference" in capsys.readouterr().out

    assert main(["compare", str(good), str(result)]) == 1
    shown = capsys.readouterr().out
    assert "worse     verdict: GO → NO-GO" in shown
    assert "worse     filled: passed → failed" in shown
    assert "index:by_size: only in B" in shown and "migration: another one" in shown
    assert main(["compare", str(result), str(good), "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("## B is better: ")

    assert main(["compare", str(baseline.with_name(baseline.name + ".previous")), str(baseline)]) == 1
    shown = capsys.readouterr().out
    assert "worse     index:by_size: only in B" in shown and "worse     rows of parcels: 2 → 1" in shown
    assert "secret" not in shown

    assert main(["compare", str(good), str(baseline)]) == 2
    assert "compare two of a kind" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        ("{", "cannot be read as JSON"),
        ("\ud800", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("[]", "is neither the result.json of a run nor a baseline"),
        ('{"format": 1}', "is neither the result.json of a run nor a baseline"),
        ('{"format": 2, "verdict": "GO", "plans": []}', "has format '2'; this version reads 1"),
        ('{"format": 1, "verdict": "GO", "plans": [{"name": "x"}]}', "is damaged"),
        ('{"format": 1, "verdict": "GO", "plans": [{"name": "x", "criteria": []}, {"name": "x", "criteria": []}]}', "one name"),
        ('{"format": 2, "catalog": {}, "rows": {}}', "has format 2"),
        ('{"format": 1, "catalog": {}, "rows": {}}', "is no baseline"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_compared_is_said_to_be_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    """Never as if nothing differed."""
    good = tmp_path / "good.json"
    kind = {"catalog": {}, "rows": {}} if content and "catalog" in content else {"verdict": "GO", "plans": []}
    good.write_text(json.dumps({"format": 1, **kind}), encoding="utf-8")
    bad = tmp_path / "bad.json"
    if content is not None:
        bad.write_bytes(content.encode("utf-8", "surrogatepass"))

    assert main(["compare", str(bad), str(good)]) == 2
    told = capsys.readouterr()
    assert message in told.err and str(bad) in told.err
    assert told.out == ""
