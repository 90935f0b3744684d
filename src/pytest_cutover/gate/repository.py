"""The work tree beside the commit that a branch began from, as git tells it; nothing is checked out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pytest_cutover.errors import GateError
from pytest_cutover.names import nearest

_TIMEOUT_S = 120
_WHOLE_HISTORY = (
    "This clone is shallow: fetch the whole history (GitHub: actions/checkout with `fetch-depth: 0`; GitLab: "
    '`GIT_DEPTH: "0"`; by hand: git fetch --unshallow).'
)


@dataclass(frozen=True)
class Comparison:
    """The work tree and what it is compared with.

    `base` is the merge base of HEAD and `revision`. `changed` holds every path that differs between it and the work
    tree: committed, uncommitted, untracked; of a renamed file both. `renamed` leads from a new path to its old one.
    """

    top: Path
    revision: str
    base: str
    changed: frozenset[Path]
    renamed: dict[Path, Path]

    @cached_property
    def _holders(self) -> frozenset[Path]:
        return frozenset(parent for path in self.changed for parent in path.parents)

    def touches(self, paths: Iterable[Path]) -> Path | None:
        """The first of the files and folders that differs from the base, or holds a file that does."""
        for path in paths:
            # A parent that changed itself: a submodule, or a symbolic link on the way.
            if path in self.changed or path in self._holders or any(parent in self.changed for parent in path.parents):
                return path
        return None

    def read(self, path: Path) -> bytes | None:
        """The file as it was at the base, None where there was none."""
        done = _git(self.top, "cat-file", "blob", f"{self.base}:{self._relative(path)}")
        return done.stdout if done.returncode == 0 else None

    def files_below(self, folder: Path) -> list[Path]:
        """The files in the folder, at any depth, at the base."""
        done = _git(
            self.top, "ls-tree", "-r", "-z", "--name-only", "--full-tree", self.base, "--", self._relative(folder)
        )
        return [self.top / name for name in _names(done.stdout)]

    def shown(self, path: Path) -> str:
        """The path as a person writes it."""
        return self._relative(path)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.top).as_posix()


def compare_with(root: Path, revision: str) -> Comparison:
    """The work tree that holds `root` beside the merge base of HEAD and `revision`.

    Raises:
        GateError: `root` is not in a work tree, or git does not know the revision or what both have in common.
    """
    if not revision.strip():
        raise GateError("--changed-since is empty: name a revision, as in --changed-since=origin/main")
    try:
        found = _git(root, "rev-parse", "--show-toplevel")
    except OSError as error:
        raise GateError(f"--changed-since asks git, which cannot be started here: {error.strerror}") from error
    if found.returncode != 0:
        raise GateError(
            f"--changed-since: {root} is not in a work tree of git ({_words(found)}). "
            "Leave the option out to rehearse every plan."
        )
    top = Path(os.fsdecode(found.stdout.rstrip(b"\n"))).resolve()
    commit = _commit(top, revision)
    if commit is None:
        branches = _names(_git(top, "for-each-ref", "--format=%(refname:short)%00").stdout.replace(b"\n", b""))
        hint = nearest(revision, branches)
        way = _WHOLE_HISTORY if _shallow(top) else "Fetch it first (git fetch origin), or name another one."
        raise GateError(f"--changed-since {revision}: git knows no such revision.{hint} {way}")
    if _commit(top, "HEAD") is None:
        raise GateError("--changed-since: there is no commit yet. Leave the option out to rehearse every plan.")
    base = _git(top, "merge-base", "HEAD", commit)
    if base.returncode != 0:
        way = _WHOLE_HISTORY if _shallow(top) else "Name a revision that HEAD began from."
        raise GateError(f"--changed-since {revision}: HEAD and {revision} have no commit in common. {way}")
    sha = base.stdout.decode().strip()
    return Comparison(top, revision, sha, _changed(top, sha), _renamed(top, sha))


def _commit(top: Path, revision: str) -> str | None:
    done = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return done.stdout.decode().strip() if done.returncode == 0 else None


def _shallow(top: Path) -> bool:
    return _git(top, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"


def _changed(top: Path, base: str) -> frozenset[Path]:
    # What the settings of a user could hide is asked for by name.
    differing = _must(
        top, "diff", "--name-only", "-z", "--no-renames", "--no-relative", "--ignore-submodules=none", base
    )
    untracked = _must(top, "ls-files", "-z", "--others", "--exclude-standard")
    return frozenset(top / name for name in (*_names(differing), *_names(untracked)))


def _renamed(top: Path, base: str) -> dict[Path, Path]:
    listed = _names(_must(top, "diff", "--name-status", "-z", "-M", "--diff-filter=R", "--no-relative", base))
    return {top / new: top / old for old, new in zip(listed[1::3], listed[2::3])}


def _must(top: Path, *arguments: str) -> bytes:
    done = _git(top, *arguments)
    if done.returncode != 0:
        raise GateError(f"--changed-since: git {arguments[0]} failed: {_words(done)}")
    return done.stdout


def _names(output: bytes) -> list[str]:
    return [os.fsdecode(name) for name in output.split(b"\0") if name]


def _words(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[0] if lines else f"exit status {done.returncode}"


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, timeout=_TIMEOUT_S, check=False)
