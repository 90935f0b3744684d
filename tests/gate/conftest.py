"""A small repository under git, with a branch that a pull request would come from."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.project import Project, make_project

_AUTHOR = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "a team"), ("EMAIL", "team@example.invalid"))
}
_CONFIG = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def git(folder: Path, *arguments: str) -> str:
    """Runs git; returns what it printed."""
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=os.environ | _AUTHOR | _CONFIG, capture_output=True, text=True, check=True
    ).stdout.strip()


def commit(project: Project, message: str = "change") -> None:
    """Commits everything."""
    git(project.root, "add", "--all")
    git(project.root, "commit", "--quiet", "--message", message)


@pytest.fixture
def branch(tmp_path: Path) -> Project:
    """Two plans, committed on `main`; on a branch of it, nothing is changed yet."""
    project = make_project(tmp_path)
    project.plan("second")
    project.write(".gitignore", "/reports/*\n.pytest_cache\n__pycache__\n")
    git(project.root, "init", "--quiet", "--initial-branch=main")
    commit(project, "begin")
    git(project.root, "switch", "--quiet", "--create", "feature")
    return project
