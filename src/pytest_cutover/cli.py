"""The command `cutover`: sets up a repository, makes and checks plans, prints the reference."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cutover import __version__
from pytest_cutover.compare.command import add_compare
from pytest_cutover.criteria import KINDS
from pytest_cutover.errors import CutoverError, NotChecked, PlanError
from pytest_cutover.lint import plan_warnings
from pytest_cutover.names import nearest
from pytest_cutover.plan.load import PLAN_FILE, backup_path, find_plan_folders, load_plans
from pytest_cutover.plan.model import Plan
from pytest_cutover.plan.targets import live_addresses, resolve
from pytest_cutover.report.annotations import in_workflow, problem_annotations
from pytest_cutover.report.text import clean, one_line
from pytest_cutover.sandbox import AUTO, Sandboxes

if TYPE_CHECKING:
    from pytest_cutover.signoff import SignOff

_DESCRIPTION = """\
Rehearse a database migration on a restored backup, prove every success criterion, and get a go/no-go.

  cutover init     make this folder a rehearsal, with a small plan that comes out GO
  pytest           rehearse every plan
"""

_BACKUP = """\
Takes a backup with pg_dump in a read-only session, counts the rows of every table in the same snapshot, restores the
backup in a sandbox, and compares the counts. What was proved is written beside it, to FILE.json; a rehearsal on that
file checks it. Nothing is overwritten. The password is best left to the environment (PGPASSWORD, .pgpass) or to a
variable that the plan's [targets] name.
"""


_INTERRUPT = """\
Restores the plan's backup, cuts its migration off before each statement in three ways (its connection killed, its program
killed -9, the server killed -9 and started again), and migrates again from what that left: the state must be that of an
undisturbed run, or the second run changes nothing and every declared rollback gives the baseline back. Exit status: 0 where
all cuts are overcome, 1 where one is not, 10 where that could not be found out. The same in a rehearsal: pytest --interrupt.
"""

_SIGN_OFF = """\
Adds to sign-off.json beside the result who approved it, what and when, bound to the result's SHA-256. A result that is
not GO is refused without --despite. With --verify: exit status 0 where the result as it is now was approved, 1 where
nobody did, or where it changed since.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, 2 where something is wrong, 1 for a sign-off that is refused or missing and
    for a comparison that says worse."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.command is None:
        parser.print_help()
        return 0
    try:
        status: int = given.run(given)
        return status
    except CutoverError as error:
        print(f"cutover: {clean(str(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "cutover", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"cutover {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    init = commands.add_parser("init", help="make this folder a rehearsal, with a small plan that comes out GO")
    init.add_argument("folder", nargs="?", default=".", type=Path, help="the repository (default: here)")
    init.set_defaults(run=_init)

    new = commands.add_parser("new", help="make the skeleton of a plan")
    new.add_argument("name", help="the plan's name: its folder below migrations/")
    new.add_argument("--plans", default="migrations", type=Path, metavar="DIR", help="the folder of plans")
    new.set_defaults(run=_new)

    check = commands.add_parser("check", help="read every plan and list every mistake, without running anything")
    check.add_argument("--plans", default="migrations", type=Path, metavar="DIR", help="the folder of plans")
    check.set_defaults(run=_check)

    backup = commands.add_parser(
        "backup",
        help="take a backup of a live database, read-only, and prove that it restores",
        description=_BACKUP, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    backup.add_argument("file", type=Path, help="the file to write; .sql, .sql.gz, .tar, else pg_dump's custom format")
    backup.add_argument(
        "--db-url", required=True, metavar="URL|NAME", help="the database: a URL, or a name of the plan's [targets]"
    )
    backup.add_argument("--plan", metavar="NAME", help="the plan whose [targets] NAME is one of")
    backup.add_argument("--plans", default="migrations", type=Path, metavar="DIR", help="the folder of plans")
    backup.add_argument(
        "--schema", action="append", default=[], metavar="NAME", help="only this schema (may be given more than once)"
    )
    backup.add_argument(
        "--sandbox", default=AUTO, metavar="auto|embedded|docker|URL", help="where it is restored to prove it"
    )
    backup.set_defaults(run=_backup)

    interrupt = commands.add_parser(
        "interrupt",
        help="cut a plan's migration off at each of its statements, and migrate again",
        description=_INTERRUPT, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    interrupt.add_argument("plan", metavar="PLAN", help="the plan's name: its folder below migrations/")
    interrupt.add_argument("--plans", default="migrations", type=Path, metavar="DIR", help="the folder of plans")
    interrupt.set_defaults(run=_interrupt)

    sign_off = commands.add_parser(
        "sign-off", help="note who approved a result, or verify that it is the one that was approved",
        description=_SIGN_OFF, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    sign_off.add_argument("--by", metavar="WHO", help="who approves: a team or a role")
    sign_off.add_argument(
        "--what", default="", metavar="TEXT", help="what is approved (default: the plans of the result)"
    )
    sign_off.add_argument(
        "--despite", default="", metavar="REASON", help="approve a result that is not GO, and say why"
    )
    sign_off.add_argument(
        "--verify", action="store_true", help="say who approved the result as it is now; else exit with 1"
    )
    sign_off.add_argument(
        "--result", default=Path("reports/result.json"), type=Path, metavar="PATH",
        help="the result (default: reports/result.json)",
    )  # fmt: skip
    sign_off.set_defaults(run=_sign_off)
    add_compare(commands)

    kinds = commands.add_parser("kinds", help="the criterion kinds: what each proves, its keys, an example")
    kinds.add_argument("kind", nargs="?", help="only this kind")
    kinds.add_argument("--markdown", action="store_true", help="as the page docs/kinds.md")
    kinds.set_defaults(run=_kinds)
    return parser


def _init(given: argparse.Namespace) -> int:
    from pytest_cutover.scaffold import init_repository

    written, left = init_repository(given.folder)
    for path in written:
        print(f"wrote    {path}")
    for path, advice in left:
        print(f"left     {path}: it exists" + (f"; {advice}" if advice else ""))
    print("\nNow run: pytest")
    return 0


def _new(given: argparse.Namespace) -> int:
    from pytest_cutover.scaffold import new_plan

    for path in new_plan(given.plans, given.name):
        print(f"wrote    {path}")
    print(f"\nFill in {given.plans / given.name / 'plan.toml'}, then run: cutover check")
    return 0


def _check(given: argparse.Namespace) -> int:
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


def _backup(given: argparse.Namespace) -> int:
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


def _interrupt(given: argparse.Namespace) -> int:
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


def _sign_off(given: argparse.Namespace) -> int:
    from pytest_cutover.signoff import SignOffRefusedError, sign, verify

    if given.verify == (given.by is not None):
        raise CutoverError("give either --by WHO to sign off, or --verify to see who did")
    if not given.verify:
        try:
            entry = sign(given.result, given.by, given.what, given.despite)
        except SignOffRefusedError as refusal:
            print(f"cutover: {refusal}", file=sys.stderr)
            return 1
        print(f"{given.result}: {_signed(entry)}")
        return 0
    verified = verify(given.result)
    for entry in verified.bound:
        print(f"{given.result}: {_signed(entry)}")
    if verified.bound:
        return 0
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


def _kinds(given: argparse.Namespace) -> int:
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


if __name__ == "__main__":
    sys.exit(main())
