"""The options of a run, as one frozen value; nothing else reads pytest's configuration."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.live.addresses import is_address
from pytest_cutover.plan.model import Phase
from pytest_cutover.sandbox import AUTO, DOCKER, EMBEDDED

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VERIFICATIONS = "verifications"
_PASSWORD = re.compile(r"(://[^:/@\s]*:)\S*@|(\bpassword=)[^\s&]+")
PHASES: tuple[Phase, ...] = ("before", "after", "monitor")
_CONFIGURABLE = ("plans", "sandbox", "report-dir", "baselines")
_ONLY_LIVE = ("phase", "rehearsal", "baselines")
_ONLY_REHEARSED = ("sandbox", "backup", "changed-since", "interrupt")
_OPTIONS: dict[str, dict[str, Any]] = {
    "plan": {
        "action": "append", "metavar": "NAME", "help": "rehearse only this plan (may be given more than once)",
    },
    "plans": {"metavar": "DIR", "help": "the folder of plans (default: migrations)"},
    "sandbox": {
        "metavar": "auto|embedded|docker|URL",
        "help": "where to rehearse: embedded is a PostgreSQL that needs no set-up, docker a container, a URL a server "
        "of yours on which databases are made and dropped; auto (default) is a container where a Docker engine answers "
        "and has or gets the image, else embedded",
    },
    "backup": {"metavar": "PATH", "help": "rehearse on this backup instead of the plan's own; needs one plan"},
    "interrupt": {
        "action": "store_true",
        "help": "also cut the migration off at each of its statements, in three ways, and migrate again (takes long)",
    },
    "db-url": {
        "metavar": "URL|NAME",
        "help": "look at this live database, read-only, instead of rehearsing: a URL, or a name of the plan's [targets]",
    },
    "phase": {
        "choices": PHASES,
        "help": "with --db-url: before the migration (saves a baseline), after it (default), or monitor from then on",
    },
    "rehearsal": {
        "metavar": "PATH", "help": "with --db-url: the result.json compared with (default: the one in --report-dir)",
    },
    "baselines": {
        "metavar": "DIR", "help": "with --db-url: where baselines lie (default: baselines in reports)",
    },
    "changed-since": {
        "metavar": "REV",
        "help": "rehearse only the plans that differ from where HEAD branched off REV, as in --changed-since=origin/main; "
        "a change to conftest.py, verifications/, pyproject.toml or the engine selects every plan",
    },
    "report-dir": {"metavar": "DIR", "help": "where result.json, report.html, summary.md and the others go (default: reports)"},
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What the command line and `[tool.cutover]` of pyproject.toml ask for.

    `active` is false for a run that addresses nothing in verifications/: it has no verdict.
    """

    root: Path
    plans: Path
    plan_names: tuple[str, ...]
    sandbox: str = field(repr=False)
    backup: Path | None
    interrupt: bool
    report_dir: Path
    db_url: str | None = field(repr=False)
    phase: Phase
    rehearsal: Path | None
    baselines: Path
    changed_since: str | None
    arguments: tuple[str, ...]
    active: bool

    @property
    def plan_root(self) -> Path:
        """The folder that paths in plans may not leave."""
        return self.root if self.plans.is_relative_to(self.root) else self.plans.parent


def add_options(parser: pytest.Parser) -> None:
    """Adds the long spellings, which no other plugin uses."""
    group = parser.getgroup("cutover", "rehearsal of database migrations (pytest-cutover)")
    for name, settings in _OPTIONS.items():
        group.addoption(f"--cutover-{name}", dest=_dest(name), default=None, **settings)


def add_short_options(parser: pytest.Parser) -> None:
    """Adds the short spellings: for the conftest.py of a repository that is a rehearsal."""
    group = parser.getgroup("cutover short", "the same, short (from conftest.py)")
    for name, settings in _OPTIONS.items():
        group.addoption(f"--{name}", dest=_dest(name), default=None, **settings)


def _dest(name: str) -> str:
    return f"cutover_{name.replace('-', '_')}"


def read_options(config: pytest.Config) -> Options:
    """The options of this run.

    Raises:
        pytest.UsageError: an option or a setting is wrong.
    """
    settings = _read_settings(config.rootpath / "pyproject.toml")

    def value(name: str) -> Any:
        given = config.getoption(_dest(name))
        return settings.get(name) if given is None else given

    here = config.invocation_params.dir
    sandbox = value("sandbox") or AUTO
    if sandbox not in (AUTO, EMBEDDED, DOCKER) and not re.match(r"postgres(ql)?(\+\w+)?://", sandbox):
        # What was given is not repeated: it may hold a password.
        raise pytest.UsageError(
            f"--sandbox: allowed are {AUTO}, {EMBEDDED}, {DOCKER}, or the URL of a PostgreSQL server "
            "(postgresql://USER:PASSWORD@HOST:PORT/postgres)"
        )
    backup = value("backup")
    db_url = config.getoption(_dest("db-url"))
    _check_together(config, db_url)
    report_dir = _folder(config, "report-dir", settings, "reports")
    rehearsal = config.getoption(_dest("rehearsal"))
    if rehearsal is not None and not (here / rehearsal).is_file():
        raise pytest.UsageError(f"--rehearsal {rehearsal}: there is no such file")
    # The folder's own result is about to be written anew: what it knows of rehearsals is kept aside.
    own = rehearsal is not None and (here / rehearsal).resolve() == report_dir / "result.json"
    return Options(
        root=config.rootpath,
        plans=_folder(config, "plans", settings, "migrations"),
        plan_names=tuple(value("plan") or ()),
        sandbox=sandbox,
        backup=None if backup is None else (here / backup).resolve(),
        interrupt=bool(config.getoption(_dest("interrupt"))),
        report_dir=report_dir,
        db_url=db_url,
        phase="rehearsal" if db_url is None else config.getoption(_dest("phase")) or "after",
        rehearsal=None if rehearsal is None or own else (here / rehearsal).resolve(),
        baselines=_folder(config, "baselines", settings, "reports/baselines"),
        changed_since=config.getoption(_dest("changed-since")),
        arguments=tuple(_shown(str(each), db_url) for each in config.invocation_params.args),
        active=_addresses_verifications(config),
    )


def _check_together(config: pytest.Config, db_url: str | None) -> None:
    """Refuses options that have no meaning beside each other."""
    if db_url is None:
        for name in _ONLY_LIVE:
            if config.getoption(_dest(name)) is not None:
                raise pytest.UsageError(f"--{name} is for a live run: add --db-url=URL|NAME, or leave it out")
        return
    if not db_url.strip():
        raise pytest.UsageError("--db-url is empty: give a URL, or a name of the plan's [targets]")
    for name in _ONLY_REHEARSED:
        if config.getoption(_dest(name)) is not None:
            raise pytest.UsageError(
                f"--{name} is for a rehearsal, and --db-url for a live database: leave one of them out"
            )


def _shown(argument: str, db_url: str | None) -> str:
    """An argument as reports may show it: an address of a live database is left out, whatever its form."""
    if db_url is not None and is_address(db_url) and db_url in argument:
        return argument.replace(db_url, "…")
    return _PASSWORD.sub(lambda found: f"{found[1]}…@" if found[1] else f"{found[2]}…", argument)


def _folder(config: pytest.Config, name: str, settings: dict[str, Any], default: str) -> Path:
    given = config.getoption(_dest(name))
    if given is not None:
        return Path(config.invocation_params.dir / given).resolve()
    return Path(config.rootpath / settings.get(name, default)).resolve()


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"{path}: cannot be read: {error}") from error
    settings: dict[str, Any] = content.get("tool", {}).get("cutover", {})
    for name, found in settings.items():
        if name not in _CONFIGURABLE:
            raise pytest.UsageError(
                f'{path}: [tool.cutover]: unknown key "{name}". Known keys: {", ".join(_CONFIGURABLE)}. '
                "A live target is never a default: give it on the command line."
            )
        if not isinstance(found, str):
            raise pytest.UsageError(f"{path}: [tool.cutover]: {name}: found {found!r}: write a text")
    return settings


def _addresses_verifications(config: pytest.Config) -> bool:
    """True where an argument leads into verifications/, or to a folder that holds it."""
    wanted = (config.rootpath / VERIFICATIONS).resolve()
    if not wanted.is_dir():
        return False
    for argument in config.args:
        path = (config.invocation_params.dir / str(argument).split("::")[0]).resolve()
        if path.is_relative_to(wanted) or wanted.is_relative_to(path):
            return True
    return False
