"""What `cutover init` and `cutover new` write."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from pytest_cutover.errors import CutoverError

_HERE = Path(__file__).parent
_PLAN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_BLANK = re.compile(r'^\w+ *= *"[A-Z ,]+"', re.MULTILINE)
_PYTEST_ADVICE = 'add to [tool.pytest.ini_options]: testpaths = ["verifications"]'
_PYPROJECT = """\
[tool.pytest.ini_options]
testpaths = ["verifications"]
"""
_PYTEST_SETTINGS = ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "setup.cfg")
_IGNORE = "/reports/*\n!/reports/README.md\n__pycache__/\n"
_CONFTEST_ADVICE = "add to it: from pytest_cutover.plugin.options import add_short_options; call it in pytest_addoption"
_REPORTS_README = """\
# reports

Each run writes here: `report.html` for people, `summary.md` for a pull request, `deployment.md` as the log of a deployment,
`pytest.html` with pytest's own log, `result.json` for programs.
They are not kept in git.
"""


def _shipped(name: str) -> Path:
    """A file or folder that the wheel carries; in a checkout it is the repository's own."""
    carried = _HERE / name
    return carried if carried.exists() else _HERE.parents[2] / name


def init_repository(folder: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Writes the shape of a rehearsal into the folder; returns what was written, and what was left with advice.

    Nothing that exists is overwritten.

    Raises:
        CutoverError: the folder does not exist.
    """
    if not folder.is_dir():
        raise CutoverError(f"{folder} is not a folder; make it first")
    written: list[Path] = []
    left: list[tuple[Path, str]] = []

    def write(relative: str, content: bytes, advice: str = "") -> None:
        path = folder / relative
        if path.exists():
            left.append((path, advice))
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.append(path)

    write("conftest.py", _shipped("conftest.py").read_bytes(), _CONFTEST_ADVICE)
    for path in sorted(_shipped("verifications").glob("*.py")):
        write(f"verifications/{path.name}", path.read_bytes())
    for path in sorted((_HERE / "example").iterdir()):
        if path.name == "backup.sql":
            write("fixtures/example/backup.sql.gz", gzip.compress(path.read_bytes(), mtime=0))
        else:
            write(f"migrations/example/{path.name}", path.read_bytes())
    write("reports/README.md", _REPORTS_README.encode())
    write(".gitignore", _IGNORE.encode(), f"add to it: {' and '.join(_IGNORE.split())}")
    settings = next((folder / name for name in _PYTEST_SETTINGS if (folder / name).exists()), None)
    if settings is not None:
        left.append((settings, _PYTEST_ADVICE))
    else:
        write("pyproject.toml", _PYPROJECT.encode(), _PYTEST_ADVICE)
    return written, left


def new_plan(plans: Path, name: str) -> list[Path]:
    """Writes the skeleton of a plan; returns the files.

    Raises:
        CutoverError: the name cannot be a folder's, or there is such a plan.
    """
    if not _PLAN_NAME.fullmatch(name):
        raise CutoverError(f"{name!r} cannot be the name of a plan: use letters, digits, _ and -")
    folder = plans / name
    if folder.exists():
        raise CutoverError(f"{folder} exists; choose another name")
    folder.mkdir(parents=True)
    written = []
    for path in sorted((_HERE / "new").iterdir()):
        target = folder / path.name
        target.write_text(path.read_text(encoding="utf-8").replace("PLAN_NAME", name), encoding="utf-8")
        written.append(target)
    return written


def unfilled(plan: str) -> list[str]:
    """The lines of a plan.toml that still hold what the skeleton holds in capitals."""
    skeleton = (_HERE / "new" / "plan.toml").read_text(encoding="utf-8")
    blanks = {" ".join(blank.split()) for blank in _BLANK.findall(skeleton)}
    return [line for line in (" ".join(each.split()) for each in plan.splitlines()) if line in blanks]
