"""Who approved which result, and that it is still the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.cli import main
from pytest_cutover.criteria import KINDS
from pytest_cutover.plan.load import load_plans
from tests.report import samples


def written(folder: Path, result: dict[str, Any]) -> Path:
    path = folder / "result.json"
    path.write_text(json.dumps(result), encoding="utf-8")
    return path


def listed(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((path.parent / "sign-off.json").read_text(encoding="utf-8"))["sign_offs"]
    return found


def sign_off(path: Path, *arguments: str) -> int:
    return main(["sign-off", "--result", str(path), *arguments])


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No plan of this repository is beside a result that a test writes."""
    monkeypatch.chdir(tmp_path)


def test_a_go_is_signed_off_and_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, samples.go())

    assert sign_off(path, "--by", "release team") == 0
    assert sign_off(path, "--verify") == 0

    entry = listed(path)[0]
    assert (entry["by"], entry["verdict"], entry["what"]) == ("release team", "GO", "the rehearsal of vatsim_cid")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry["when"])
    assert capsys.readouterr().out.count("GO, signed off by release team at ") == 2


def test_a_changed_result_is_not_the_one_that_was_signed_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, samples.go())
    sign_off(path, "--by", "release team")
    path.write_bytes(path.read_bytes() + b"\n")

    assert sign_off(path, "--verify") == 1

    assert "it changed since it was signed off by release team" in capsys.readouterr().err


def test_a_result_that_nobody_signed_off_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sign_off(written(tmp_path, samples.go()), "--verify") == 1

    assert "nobody signed it off" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["no_go", "incomplete", "nothing"])
def test_what_is_not_go_is_refused_without_a_reason(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, samples.SAMPLES[name]())

    assert sign_off(path, "--by", "release team") == 1
    assert sign_off(path, "--by", "release team", "--despite", " ") == 1
    assert not (tmp_path / "sign-off.json").exists()
    assert "not signed off: the verdict" in capsys.readouterr().err

    assert sign_off(path, "--by", "release team", "--despite", "the league is closed") == 0
    assert sign_off(path, "--verify") == 0
    assert "despite: the league is closed" in capsys.readouterr().out


def test_waivers_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, samples.waived())

    assert sign_off(path, "--by", "release team") == 0

    assert listed(path)[0]["waived"] == ["vatsim_cid: orphans-bounded"]
    assert "waived: vatsim_cid: orphans-bounded" in capsys.readouterr().out


def test_the_list_is_appended_to_and_the_log_shows_what_is_bound(tmp_path: Path) -> None:
    path = written(tmp_path, samples.go())
    sign_off(path, "--by", "release team")
    written(tmp_path, samples.waived())
    sign_off(path, "--by", "data platform", "--what", "production on Thursday")
    sign_off(path, "--by", "on call")

    assert [entry["by"] for entry in listed(path)] == ["release team", "data platform", "on call"]
    log = (tmp_path / "deployment.md").read_text(encoding="utf-8")
    assert "| data platform | production on Thursday |" in log
    assert "on call" in log
    assert "release team" not in log


def test_a_live_check_is_called_one(tmp_path: Path) -> None:
    path = written(tmp_path, samples.live())

    sign_off(path, "--by", "on call")

    assert listed(path)[0]["what"].startswith("the live check of vatsim_cid on ")


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        (None, ("--by", "a team"), "run pytest first"),
        ("{", ("--by", "a team"), "is not JSON"),
        ("[]", ("--by", "a team"), "is not a result of format 1"),
        ("{}", (), "either --by WHO to sign off, or --verify"),
        ("{}", ("--by", "a team", "--verify"), "either --by WHO to sign off, or --verify"),
        ("go", ("--by", " "), "--by is empty"),
        ("go", ("--by", "a team", "--despite", "x"), "--despite is for a result that is not GO"),
    ],
)
def test_what_cannot_be_signed_off(
    tmp_path: Path, content: str | None, arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, samples.go())
    if content is None:
        path.unlink()
    elif content != "go":
        path.write_text(content, encoding="utf-8")

    assert sign_off(path, *arguments) == 2
    assert said in capsys.readouterr().err


def test_a_list_that_is_none_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, samples.go())
    (tmp_path / "sign-off.json").write_text("{}", encoding="utf-8")

    assert sign_off(path, "--by", "a team") == 2

    assert "is not a list of sign-offs" in capsys.readouterr().err
    assert (tmp_path / "sign-off.json").read_text(encoding="utf-8") == "{}"


def test_no_text_acts_on_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sign_off(written(tmp_path, samples.go()), "--by", "a\x1b[31m\nteam")

    assert "a\\x1b[31m\\nteam" in capsys.readouterr().out


PLAN = """\
title = "t"
engine = "sqlite"
[backup]
path = "../../shop.db"
[migrate]
steps = [{ sql = "01.sql" }]
[[criteria]]
id = "filled"
kind = "not_null"
table = "parcels"
columns = ["id"]
"""


@pytest.fixture
def rehearsed(tmp_path: Path) -> Path:
    """A result that is GO, of a plan that is beside it."""
    folder = tmp_path / "migrations/vatsim_cid"
    folder.mkdir(parents=True)
    (folder / "plan.toml").write_text(PLAN, encoding="utf-8")
    (folder / "01.sql").write_text("SELECT 1;\n", encoding="utf-8")
    plan = load_plans([folder], tmp_path, KINDS)[0]
    result = samples.go()
    result["plans"][0]["hashes"] = {"plan": plan.plan_sha256, "migration": plan.migration_sha256}
    return written(tmp_path, result)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("01.sql", "DELETE FROM parcels;\n", "the migration of vatsim_cid changed since the result was written"),
        ("plan.toml", PLAN.replace('["id"]', '["size"]'), "plan.toml of vatsim_cid"),
        ("plan.toml", "title = 1", "vatsim_cid cannot be read"),
        ("plan.toml", None, "there is no plan vatsim_cid in migrations/"),
    ],
)
def test_an_approval_is_of_the_files_that_were_rehearsed(
    rehearsed: Path, file: str, text: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sign-off --verify && ./deploy` must not deploy what nobody rehearsed."""
    assert sign_off(rehearsed, "--by", "release team") == 0
    assert sign_off(rehearsed, "--verify") == 0

    path = rehearsed.parent / "migrations/vatsim_cid" / file
    path.unlink() if text is None else path.write_text(text, encoding="utf-8")

    assert sign_off(rehearsed, "--verify") == 1
    assert said in capsys.readouterr().err
    assert sign_off(rehearsed, "--by", "release team") == 1
    assert said in capsys.readouterr().err


def test_where_no_plan_is_the_approval_says_that_it_compared_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, samples.go())
    sign_off(path, "--by", "release team")

    assert sign_off(path, "--verify") == 0
    assert "the plans were not compared with it: there is no folder migrations/" in capsys.readouterr().out


@pytest.mark.parametrize("part", ["criterion", "plan", "none"])
def test_a_go_that_does_not_follow_is_no_result(tmp_path: Path, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = samples.go()
    if part == "criterion":
        result["plans"][0]["criteria"][0]["outcome"] = "failed"
    elif part == "plan":
        result["plans"][0]["verdict"] = "NO-GO"
    else:
        result["plans"] = []

    assert sign_off(written(tmp_path, result), "--by", "a team") == 2
    assert "its verdict does not follow from its criteria" in capsys.readouterr().err
