"""What each command of `cutover` does with what it was given; each returns the exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cutover.criteria import KINDS
from pytest_cutover.errors import CutoverError, NotChecked, PlanError
from pytest_cutover.lint import plan_warnings
from pytest_cutover.names import nearest
from pytest_cutover.plan.load import backup_path, find_plan_folders, load_plans
from pytest_cutover.plan.model import PLAN_FILE, Plan
from pytest_cutover.plan.targets import live_addresses, resolve
from pytest_cutover.report.annotations import in_workflow, problem_annotations
from pytest_cutover.report.text import one_line
from pytest_cutover.sandbox import Sandboxes

if TYPE_CHECKING:
    from pytest_cutover.signoff import SignOff


def init(given: argparse.Namespace) -> int:
    """Makes the folder a rehearsal."""
    from pytest_cutover.scaffold import init_repository

    written, left = init_repository(given.folder)
    for path in written:
        print(f"wrote    {path}")
    for path, advice in left:
        print(f"left     {path}: it exists" + (f"; {advice}" if advice else ""))
    print("\nNow run: pytest")
    return 0


def new(given: argparse.Namespace) -> int:
    """Makes the skeleton of a plan."""
    from pytest_cutover.scaffold import new_plan

    for path in new_plan(given.plans, given.name):
        print(f"wrote    {path}")
    print(f"\nFill in {given.plans / given.name / 'plan.toml'}, then run: cutover check")
    return 0


def check(given: argparse.Namespace) -> int:
    """Reads every plan and lists every mistake."""
    from pytest_cutover.scaffold import unfilled

    plans = given.plans.resolve()
    own = _own_kinds(plans.parent / "verifications")
    folders = find_plan_folders(plans)
    if not folders:
        print(
            f"cutover: there is no plan in {given.plans}/*/plan.toml; make one with: cutover new NAME", file=sys.stderr
        )
        return 2
    problems: list[str] = []
    for folder in folders:
        try:
            plan = load_plans([folder], plans.parent, KINDS, own)[0]
        except PlanError as error:
            problems += error.problems
            continue
        backup = backup_path(plan)
        if backup is not None and not backup.exists():
            problems.append(
                f"{folder.relative_to(plans.parent)}/{PLAN_FILE}: backup.path: there is no file {backup}; "
                "put the backup there (cutover backup takes one), or correct the path"
            )
            continue
        print(f"{plan.name}: {len(plan.criteria)} criteria, {len(plan.file.migrate.steps)} step(s): in order")
        for warning in plan_warnings(plan):
            print(f"  warning: {warning}")
        for line in unfilled((folder / PLAN_FILE).read_text(encoding="utf-8")):
            print(f"  warning: still to be filled in: {line}")
    for problem in problems:
        print(problem, file=sys.stderr)
    if in_workflow():
        print("\n".join(problem_annotations(problems, plans.parent)))
    return 2 if problems else 0


def backup(given: argparse.Namespace) -> int:
    """Takes a backup and proves that it restores."""
    from pytest_cutover.backup.take import take_backup
    from pytest_cutover.backup.take_sqlite import take_sqlite_backup
    from pytest_cutover.sqlite.connection import SqliteTarget

    targets: dict[str, str] = {}
    if given.plan is not None:
        targets = _plan_named(given.plans, given.plan).file.targets
    target = resolve(given.db_url, targets, given.plan)
    live = live_addresses([folder / PLAN_FILE for folder in find_plan_folders(given.plans)])
    sandboxes = Sandboxes(given.sandbox, live | {"--db-url": target.url})
    try:
        with _progress() as progress:
            if isinstance(target, SqliteTarget):
                metadata = take_sqlite_backup(target, given.file, progress)
            else:
                metadata = take_backup(target, given.file, sandboxes, given.schema, progress)
    finally:
        sandboxes.close()
    rows = sum(metadata.tables.values())
    print(
        f"{given.file}: {metadata.bytes:,} bytes, {len(metadata.tables)} tables, {rows:,} rows as of {metadata.taken}"
    )
    print(f"restored on {metadata.verified_on}: every table holds the same number of rows")
    print(f"sha256 = {metadata.sha256}")
    return 0


def interrupt(given: argparse.Namespace) -> int:
    """Cuts a plan's migration off at each of its statements."""
    from pytest_cutover.copies import Restores
    from pytest_cutover.criteria.interrupted import CutOff
    from pytest_cutover.rehearsal import Rehearsal
    from pytest_cutover.verdict import EXIT_STATUS, GO, INCOMPLETE, NO_GO

    plan = _plan_named(given.plans, given.plan)
    sandboxes = Sandboxes()
    try:
        with _progress() as progress:
            rehearsal = Rehearsal(plan, Restores(sandboxes), progress=lambda stage, text: progress(f"{stage}: {text}"))
            try:
                finding = CutOff(id="interrupted", kind="interrupted").check(rehearsal.interrupted())
            finally:
                rehearsal.close()
    except NotChecked as reason:
        print(f"interrupted: not checked  {plan.name}: {reason}")
        return EXIT_STATUS[INCOMPLETE]
    finally:
        sandboxes.close()
    # No verdict: of the plan's other criteria this says nothing.
    print(f"interrupted: {'passed' if finding else 'failed'}  {plan.name}: {finding}")
    return EXIT_STATUS[GO if finding else NO_GO]


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """What to say of something that takes its time; on a terminal only, and gone afterwards."""
    shown = sys.stderr.isatty()

    def say(text: str) -> None:
        if shown:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    try:
        yield say
    finally:
        if shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def sign_off(given: argparse.Namespace) -> int:
    """Notes who approved a result, or says who did."""
    from pytest_cutover.signoff import SignOffRefusedError, sign, verify

    if given.verify == (given.by is not None):
        raise CutoverError("give either --by WHO to sign off, or --verify to see who did")
    if not given.verify:
        try:
            entry = sign(given.result, given.by, given.what, given.despite, given.plans)
        except SignOffRefusedError as refusal:
            print(f"cutover: {refusal}", file=sys.stderr)
            return 1
        print(f"{given.result}: {_signed(entry)}")
        return 0
    verified = verify(given.result, given.plans)
    for entry in verified.bound:
        print(f"{given.result}: {_signed(entry)}")
    if verified.bound:
        for text in verified.stale or ():
            print(f"cutover: what was signed off is not what is here: {text}", file=sys.stderr)
        if verified.stale is None:
            print(f"the plans were not compared with it: there is no folder {given.plans}/; name it with --plans=DIR")
        return 1 if verified.stale else 0
    count = len(verified.others)
    said = "nobody signed it off"
    if count:
        last = verified.others[-1]
        said = f"it changed since it was signed off by {one_line(last.by)} at {last.when}, or is of another run"
    print(f"cutover: {given.result} (SHA-256 {verified.sha256}): {said}", file=sys.stderr)
    return 1


def _signed(entry: SignOff) -> str:
    words = f"{entry.verdict or 'no verdict'}, signed off by {entry.by} at {entry.when}: {entry.what}"
    words += f"; waived: {', '.join(entry.waived)}" if entry.waived else ""
    return one_line(f"{words}; despite: {entry.despite}" if entry.despite else words)


def _plan_named(plans: Path, name: str) -> Plan:
    folders = {folder.name: folder for folder in find_plan_folders(plans)}
    if name not in folders:
        known = ", ".join(folders) or f"none in {plans}"
        raise CutoverError(f"--plan {name}: there is no such plan. Plans: {known}.{nearest(name, list(folders))}")
    own = _own_kinds(plans.resolve().parent / "verifications")
    return load_plans([folders[name].resolve()], plans.resolve().parent, KINDS, own)[0]


def _own_kinds(verifications: Path) -> list[str]:
    from pytest_cutover.plugin.claims import marked_kinds

    return [kind for kind in marked_kinds(verifications) if kind not in KINDS]


def kinds(given: argparse.Namespace) -> int:
    """Prints what the kinds of criteria are."""
    from pytest_cutover.criteria.reference import render_kind, render_list, render_reference

    if given.kind is not None and given.kind not in KINDS:
        raise CutoverError(
            f'there is no kind "{given.kind}". Kinds: {", ".join(sorted(KINDS))}.{nearest(given.kind, sorted(KINDS))}'
        )
    if given.kind is not None:
        print(render_kind(KINDS[given.kind]))
    else:
        print(render_reference() if given.markdown else render_list(), end="")
    return 0
