"""The step of a pull request's job that rehearses: `python -m pytest_cutover.gate [PYTEST ARGUMENTS]`.

What it needs of the job comes from the environment, never from the text of a script: the name of a branch can be a command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_cutover.report.files import RESULT, SUMMARY
from pytest_cutover.verdict import EXIT_STATUS

_REFUSED = 2
_PULL_REQUEST = "pull_request"


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Rehearses what the pull request touches, every plan where it is none; returns pytest's exit status.

    The step's summary gets summary.md, its outputs `verdict` and `status`. A run without a result is a failure: then
    pytest was led past verifications/, and its exit status says nothing.
    """
    event = environment.get("GITHUB_EVENT_NAME", "")
    if event == "pull_request_target":
        print(
            "cutover: pull_request_target checks out the base branch: what would be rehearsed is not the pull request. "
            "Use the event pull_request.",
            file=sys.stderr,
        )
        return _REFUSED
    reports = Path(environment.get("CUTOVER_REPORT_DIR") or "reports")
    for name in (RESULT, SUMMARY):
        (reports / name).unlink(missing_ok=True)
    base = base_of(event, environment)
    options = [f"--cutover-report-dir={reports}", f"--junitxml={reports / 'junit.xml'}"]
    options += [f"--cutover-changed-since={base}"] if base else []
    status = subprocess.run([sys.executable, "-m", "pytest", *options, *arguments], check=False).returncode
    summary, result = _read(reports / SUMMARY), _read(reports / RESULT)
    if not result:
        said = "pytest wrote no result: nothing was rehearsed, see its output"
        print(f"cutover: {said}", file=sys.stderr)
        summary, status = f"## NO VERDICT\n\n{said}\n", status or _REFUSED
    _append(environment.get("GITHUB_STEP_SUMMARY"), summary)
    verdict = json.loads(result).get("verdict") if result else None
    status = status or EXIT_STATUS[verdict]  # whatever else had a say in pytest's
    _append(environment.get("GITHUB_OUTPUT"), f"verdict={verdict or 'none'}\nstatus={status}\n")
    return status


def base_of(event: str, environment: Mapping[str, str]) -> str:
    """What the plans are compared with; empty where every plan is rehearsed."""
    named = environment.get("CUTOVER_CHANGED_SINCE", "").strip()
    branch = environment.get("GITHUB_BASE_REF", "")
    return named or (f"origin/{branch}" if event == _PULL_REQUEST and branch else "")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _append(path: str | None, text: str) -> None:
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
