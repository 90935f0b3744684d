"""The command `cutover`: sets up a repository, makes and checks plans, prints the reference."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_cutover import __version__, commands
from pytest_cutover.compare.command import add_compare
from pytest_cutover.errors import CutoverError
from pytest_cutover.report.text import clean
from pytest_cutover.sandbox import AUTO

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
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    init = subparsers.add_parser("init", help="make this folder a rehearsal, with a small plan that comes out GO")
    init.add_argument("folder", nargs="?", default=".", type=Path, help="the repository (default: here)")
    init.set_defaults(run=commands.init)

    new = subparsers.add_parser("new", help="make the skeleton of a plan")
    new.add_argument("name", help="the plan's name: its folder below migrations/")
    new.add_argument("--plans", default="migrations", type=Path, metavar="DIR", help="the folder of plans")
    new.set_defaults(run=commands.new)

    check = subparsers.add_parser("check", help="read every plan and list every mistake, without running anything")
    check.add_argument("--plans", default="migrations", type=Path, metavar="DIR", help="the folder of plans")
    check.set_defaults(run=commands.check)

    backup = subparsers.add_parser(
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
    backup.set_defaults(run=commands.backup)

    interrupt = subparsers.add_parser(
        "interrupt",
        help="cut a plan's migration off at each of its statements, and migrate again",
        description=_INTERRUPT, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    interrupt.add_argument("plan", metavar="PLAN", help="the plan's name: its folder below migrations/")
    interrupt.add_argument("--plans", default="migrations", type=Path, metavar="DIR", help="the folder of plans")
    interrupt.set_defaults(run=commands.interrupt)

    sign_off = subparsers.add_parser(
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
    sign_off.add_argument(
        "--plans", default="migrations", type=Path, metavar="DIR", help="the plans that the result tells of"
    )
    sign_off.set_defaults(run=commands.sign_off)
    add_compare(subparsers)

    kinds = subparsers.add_parser("kinds", help="the criterion kinds: what each proves, its keys, an example")
    kinds.add_argument("kind", nargs="?", help="only this kind")
    kinds.add_argument("--markdown", action="store_true", help="as the page docs/kinds.md")
    kinds.set_defaults(run=commands.kinds)
    return parser


if __name__ == "__main__":
    sys.exit(main())
