"""One plan, four kinds of sandbox, two major versions: the same verdict, found in the same way."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.sandbox import Sandboxes, Server
from pytest_cutover.sandbox.binaries import find_binaries
from tests.project import PYTEST

ROOT = Path(__file__).parents[2]
PLAN = "vatsim_cid"
_SCALE = "0.05"
_WRONG = "DELETE FROM flight_sector_occupancy WHERE id % 1000 = 7;\n"
# What differs between servers and runs without saying anything of the plan.
_ASIDE = {
    "seconds",
    "target",
    "handled",
    "notes",
    "started",
    "ended",
    "run_id",
    "age",
    "began",
    "at",
    "offset",
    "image",
    "digest",
    "hazards",  # sizes on disk, and locks by how long they were held: compared by _traced
    "locks",
    "waits",  # how long somebody waited
    "waivers",  # of hazards only
    "schema",  # whole catalogs, as a live run compares them; what differs between before and after is in schema_diff
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """vatsim_cid on a small backup that even the oldest server here can take; and a wrong version of it."""
    root = tmp_path_factory.mktemp("same")
    shutil.copyfile(ROOT / "conftest.py", root / "conftest.py")
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\ntestpaths = ["verifications"]\n')
    ignored = shutil.ignore_patterns("__pycache__", "backup*")
    for folder in ("verifications", f"fixtures/{PLAN}", f"migrations/{PLAN}"):
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    dump = root / "fixtures" / PLAN / "small.sql"
    subprocess.run(
        [sys.executable, root / "fixtures" / PLAN / "generate.py", "--scale", _SCALE, "--output", f"{dump}.gz"],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(["gunzip", f"{dump}.gz"], check=True)
    oldest = min(binaries.major for binaries in find_binaries())
    text = re.sub(r"(Dumped \w+ [\w ]*version) 16\.4", rf"\1 {oldest}.0", dump.read_text(encoding="utf-8"))
    dump.write_text(text, encoding="utf-8")
    plan = root / "migrations" / PLAN / "plan.toml"
    text = plan.read_text(encoding="utf-8").replace("backup.sql.gz", "small.sql")
    # The image's version would be taken for production's, and the expected sizes are those of the whole backup.
    text = re.sub(r"^expect\s*=.*\n", "", text, flags=re.MULTILINE)
    plan.write_text(text, encoding="utf-8")
    wrong = root / "migrations" / "wrong"
    shutil.copytree(plan.parent, wrong)
    with (wrong / "08_create_index.sql").open("a", encoding="utf-8") as script:
        script.write(_WRONG)
    return root


def _rehearse(root: Path, sandbox: str, image: str | None = None) -> dict[str, Any]:
    if image is not None:
        for plan in root.glob("migrations/*/plan.toml"):
            text = plan.read_text(encoding="utf-8")
            plan.write_text(re.sub(r"^image(\s*)=.*$", rf'image\1= "{image}"', text, flags=re.MULTILINE))
    done = subprocess.run(
        [*PYTEST, "-q", "-p", "no:cacheprovider", f"--sandbox={sandbox}"],
        cwd=root, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-3000:]
    found: dict[str, Any] = json.loads((root / "reports" / "result.json").read_text(encoding="utf-8"))
    return found


def _comparable(value: Any) -> Any:
    """The value without what differs from run to run: times, versions, and hashes of the image's line in the plan."""
    if isinstance(value, dict):
        return {name: _comparable(each) for name, each in value.items() if name not in _ASIDE and name != "hashes"}
    if isinstance(value, list):
        return [_comparable(each) for each in value]
    if isinstance(value, str):
        return re.sub(r"\d[\d.,]* ?(?:ms|µs|s|min)\b", "…", value)
    return value


@pytest.fixture(scope="module")
def on_embedded(repository: Path) -> dict[str, Any]:
    """The result on the embedded server."""
    return _rehearse(repository, "embedded")


@pytest.fixture(scope="module")
def embedded(on_embedded: dict[str, Any]) -> list[dict[str, Any]]:
    """The plans' results on the embedded server."""
    return _plans(on_embedded)


def _traced(result: dict[str, Any]) -> list[tuple[set[tuple[str, str]], set[tuple[str, str]]]]:
    """For each plan its hazards, and its locks."""
    assert {each["locks"]["missing"] for each in result["plans"]} == {""}
    statements = [each["locks"]["statements"] for each in result["plans"]]
    assert [(each["missing"], any("UPDATE" in one["statement"] for one in each["most"])) for each in statements] == [
        ("", True)
    ] * 2
    return [
        (
            {(found["id"], found["object"]) for found in each["hazards"]["found"]},
            {(held["table"], held["mode"]) for held in each["locks"]["held"]},
        )
        for each in result["plans"]
    ]


def _plans(result: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _comparable(result["plans"])
    return found


def test_the_embedded_server_tells_right_from_wrong(embedded: list[dict[str, Any]]) -> None:
    """Otherwise being alike says nothing."""
    assert [(each["name"], each["verdict"]) for each in embedded] == [(PLAN, "GO"), ("wrong", "NO-GO")]
    assert any(each["outcome"] == "failed" for each in embedded[1]["criteria"])
    assert len(embedded[0]["criteria"]) > 30


@pytest.mark.parametrize("which", [min, max], ids=["oldest", "newest"])
def test_a_container_of_each_version_finds_the_same(
    repository: Path, on_embedded: dict[str, Any], embedded: list[dict[str, Any]], images: dict[int, str], which: Any
) -> None:
    if len(images) < 2:
        pytest.skip("needs programs of two major versions of PostgreSQL on this machine (Debian: postgresql)")
    result = _rehearse(repository, "docker", images[which(images)])

    assert {each["target"]["kind"] for each in result["plans"]} == {"container"}
    assert {each["target"]["server_version"].split(".")[0] for each in result["plans"]} == {str(which(images))}
    assert _plans(result) == embedded
    assert _traced(result) == _traced(on_embedded)


@pytest.fixture
def given() -> Iterator[Server]:
    """A server to give."""
    sandboxes = Sandboxes()
    yield sandboxes.server(production=17)
    sandboxes.close()


def test_a_given_server_finds_the_same(repository: Path, embedded: list[dict[str, Any]], given: Server) -> None:
    result = _rehearse(repository, given.maintenance.url)

    assert {each["target"]["kind"] for each in result["plans"]} == {"given"}
    assert _plans(result) == embedded
    assert all("a server that was given" in each["locks"]["missing"] for each in result["plans"])
