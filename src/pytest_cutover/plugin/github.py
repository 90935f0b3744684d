"""In a job of GitHub Actions: annotations, and nothing that a database says taken for a command to the runner."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_cutover.plan.lines import criterion_line
from pytest_cutover.plan.model import PLAN_FILE
from pytest_cutover.plugin.session import Run
from pytest_cutover.report.annotations import annotate, in_workflow, shown_path

_TOKEN = pytest.StashKey[str]()


def pause_commands(config: pytest.Config) -> None:
    """Tells the runner to take no line for a command until `tell`: what pytest prints may come from a database."""
    if in_workflow() and not hasattr(config, "workerinput"):
        config.stash[_TOKEN] = secrets.token_hex(16)
        _write(config, [f"::stop-commands::{config.stash[_TOKEN]}"])


def tell(config: pytest.Config, run: Run) -> None:
    """Prints what stops the go as annotations."""
    if _TOKEN in config.stash and run.result is not None:
        resume_commands(config)
        _write(config, annotate(run.result, run.options.root, _Places(run)))


def resume_commands(config: pytest.Config) -> None:
    """Lets the runner take commands again, if it was told not to."""
    token = config.stash.get(_TOKEN, None)
    if token is not None:
        del config.stash[_TOKEN]
        _write(config, [f"::{token}::"])


class _Places:
    """Where in the plans the criteria stand."""

    def __init__(self, run: Run) -> None:
        self._plans = {each.name: each for each in run.plans}

    def __call__(self, name: str, id: str) -> tuple[str, int]:
        """The plan's file and the line of the criterion; 1 without an id, no file where the plan is not there."""
        plan = self._plans.get(name)
        if plan is None:
            return "", 0
        path: Path = plan.folder / PLAN_FILE
        if not id:
            return shown_path(path), 1
        ids, ways = [each.id for each in plan.criteria], [each.name for each in plan.file.rollback]
        return shown_path(path), criterion_line(path.read_text(encoding="utf-8"), id, ids, ways)


def _write(config: pytest.Config, lines: Sequence[str]) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for line in lines:
        if reporter is None:
            print(line, flush=True)
        else:
            reporter.ensure_newline()
            reporter.write_line(line)
