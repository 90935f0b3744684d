"""Is somebody with a first plan told what is missing, and where?"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_cutover.cli import main


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A repository with the example and the skeleton of a plan, and nothing else."""
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert main(["new", "first"]) == 0
    capsys.readouterr()
    return tmp_path


def test_the_missing_backup_and_the_way_to_it_are_named(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 2
    backup = begun / "fixtures" / "first" / "backup.sql.gz"
    assert capsys.readouterr().err == (
        f"migrations/first/plan.toml: backup.path: there is no file {backup}; "
        "put the backup there (cutover backup takes one), or correct the path\n"
    )


def test_what_is_still_in_capitals_is_named_until_it_is_filled_in(
    begun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixtures = begun / "fixtures"
    shutil.copytree(fixtures / "example", fixtures / "first")
    assert main(["check"]) == 0
    output = capsys.readouterr().out
    assert [line for line in output.splitlines() if "filled in" in line] == [
        '  warning: still to be filled in: title = "WHAT THE MIGRATION DOES, IN ONE LINE"',
        '  warning: still to be filled in: table = "TABLE"',
        '  warning: still to be filled in: why = "WHY IT MATTERS"',
    ]

    plan = begun / "migrations" / "first" / "plan.toml"
    text = plan.read_text(encoding="utf-8")
    text = text.replace("WHAT THE MIGRATION DOES, IN ONE LINE", "Nothing").replace("WHY IT MATTERS", "parcels count")
    plan.write_text(text.replace('"TABLE"', '"parcels"'), encoding="utf-8")
    assert main(["check"]) == 0
    assert "filled in" not in capsys.readouterr().out


def test_python_s_caches_do_not_come_into_git(begun: Path) -> None:
    assert "__pycache__/" in (begun / ".gitignore").read_text(encoding="utf-8").splitlines()
