"""Runs the migration once more as an ordinary owner of the database, and says what it does not get."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import psycopg

from pytest_cutover.copies import Restores
from pytest_cutover.database import Database
from pytest_cutover.engine import Engine, PostgreSQL
from pytest_cutover.errors import NotChecked
from pytest_cutover.interrupt.model import step_name
from pytest_cutover.migrate.result import StepError, StepRun
from pytest_cutover.migrate.script import execute
from pytest_cutover.ordinary.comparing import are_alike, compare
from pytest_cutover.ordinary.model import Ordinary, Refusal, Refused
from pytest_cutover.ordinary.refusals import INSUFFICIENT_PRIVILEGE, Elevating, logged
from pytest_cutover.ordinary.role import OrdinaryRole
from pytest_cutover.plan.model import Plan, Step
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.sandbox import Server
from pytest_cutover.sandbox.given import GivenServer
from pytest_cutover.stages import BackupState, Stages
from pytest_cutover.target import Target

PREFIX = "pytest_cutover_owner_"
"""What the name of each such role begins with, as `migrate.roles` knows it."""

_OWNER = "the ordinary owner"
_STOPPED = "; the run stopped there, and what comes behind it is not known"

_numbers = itertools.count(1)


def as_owner(
    plan: Plan, engine: Engine, restores: Restores, server: Server | None, backup: BackupState | None, after: Database,
    stages: Stages,
) -> Ordinary:  # fmt: skip
    """What an ordinary owner of the database, as production's account is one, does not get of the migration.

    Raises:
        NotChecked: it cannot be had, and why.
    """
    assert backup is not None
    known, facts = ran_as_ordinary(server, plan.file.migrate.role), backup.facts
    if known is None:
        with stages.run("owner"):
            steps, say = plan.file.migrate.steps, partial(stages.progress, "owner")
            place = partial(restores.place, plan, engine, facts, say)
            owner = AsOwner(steps, plan.folder, engine, facts.path, place, facts.platform, after, say)
            known = owner.run(roles_differ=after.run is not None and after.run.roles_differ)
    return known


def ran_as_ordinary(server: Server | None, role: str | None) -> Ordinary | None:
    """What is known where the account that migrated is no superuser itself; None where it is one.

    Raises:
        NotChecked: the server does not tell.
    """
    assert server is not None
    account = role or server.maintenance.user
    try:
        with server.maintenance.connect() as connection:
            row = connection.execute(
                "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = %s", (account,)
            ).fetchone()
    except psycopg.Error as error:
        raise NotChecked(str(server.failure("did not tell its roles", error))) from error
    return Ordinary(ran_as=account) if row == (False,) else None


@dataclass
class _Attempt:
    """One run: what it left, the step that stopped it, and what was refused to a file or, by the log, to a program.

    `explained` says that the last of those refused to a file is why it stopped.
    """

    view: PostgresDatabase
    failed: StepRun | None = None
    explained: bool = False
    refused: list[Refusal] = field(default_factory=list)
    logged: list[Refusal] = field(default_factory=list)


class AsOwner:
    """Runs the steps of one plan as an ordinary owner.

    `place` gives the server to run on and the restored backup there, which is only copied: another server each time a
    run has changed roles, since a second one would find them. `platform` are the schemas that the backup's platform
    provides. `after` is what the superuser's run left.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        folder: Path,
        engine: Engine,
        backup: Path | None,
        place: Callable[[], tuple[Server, Target]],
        platform: Collection[str],
        after: Database,
        progress: Callable[[str], None],
    ) -> None:
        assert isinstance(engine, PostgreSQL)
        self._steps = steps
        self._folder = folder
        self._engine = engine
        self._backup = backup
        self._place = place
        self._platform = platform
        self._after = after
        self._say = progress
        self._roles_differ = False
        self._name = PREFIX + secrets.token_hex(4)
        self._roles: dict[int, OrdinaryRole] = {}
        self._closing = ExitStack()

    def run(self, *, roles_differ: bool = False) -> Ordinary:
        """What an ordinary owner does not get. `roles_differ` says that the superuser's run has left other roles.

        Raises:
            NotChecked: a second run stops for another reason, also where a superuser runs it.
            SandboxError: the server failed.
        """
        self._roles_differ = roles_differ
        with self._closing:
            ordinary = self._run()
            # The role's name is another one in each run.
            found = (replace(each, message=each.message.replace(self._name, _OWNER)) for each in ordinary.found)
            return replace(ordinary, found=tuple(found))

    def _run(self) -> Ordinary:
        self._say("as an ordinary owner")
        attempt = self._attempt(superuser=False)
        if not attempt.logged:
            if attempt.explained:
                return Ordinary(tuple(_all_refused(attempt.refused, stopped=True)))
            if attempt.failed is None:
                self._say("comparing")
                if are_alike(self._after, attempt.view, self._name):
                    return Ordinary(tuple(_all_refused(attempt.refused)))
        self._say("the same role as superuser, to tell what differs by itself")
        return self._judge(attempt, self._attempt(superuser=True))

    def _judge(self, attempt: _Attempt, same: _Attempt) -> Ordinary:
        """What differs between the runs of one role, as which the second was a superuser."""
        failed = attempt.failed
        own = [each for each in attempt.logged if each not in same.logged]
        found = _all_refused(attempt.refused, stopped=attempt.explained)
        found += _all_refused(own, stopped=failed is not None and not attempt.explained)
        if same.failed is not None and not found:
            raise NotChecked(
                f"a second run of the migration on this server stops whoever runs it: step {same.failed.name}: "
                f"{_first_line(same.failed.error)}"
            )
        if failed is not None:
            if same.failed is None and not attempt.explained and not own:
                found += _all_refused([_refusal(failed)], stopped=True)
            return Ordinary(tuple(found))
        if same.failed is not None:
            return Ordinary(tuple(found))
        self._say("comparing")
        differences, uncompared = compare(self._after, same.view, attempt.view, self._name)
        return Ordinary((*found, *differences), tuple(uncompared))

    def _attempt(self, *, superuser: bool) -> _Attempt:
        """Runs the steps on a copy of the backup; each role and copy is gone when the whole is over."""
        server, template = self._place()
        if self._roles_differ and isinstance(server, GivenServer):
            raise NotChecked(
                "while the migration ran, roles changed, and on a server that was given a run as an ordinary owner would find them "
                "changed already"
            )
        role = self._role(server)
        name = f"ordinary_{next(_numbers)}"
        target = server.create(name, template=template, owner=role.name)
        self._closing.callback(server.drop, name)
        view = PostgresDatabase(target, "ordinary")
        self._closing.callback(view.close)
        role.take_over(target, self._platform)
        attempt = _Attempt(view)
        with role.as_superuser() if superuser else nullcontext():
            for step in self._steps:
                attempt.failed = self._step(step, role, target, attempt, superuser=superuser)
                if attempt.failed is not None:
                    break
        return attempt

    def _step(
        self, step: Step, role: OrdinaryRole, target: Target, attempt: _Attempt, *, superuser: bool
    ) -> StepRun | None:
        """The step where it failed."""
        elevating = Elevating(role)
        listening: AbstractContextManager[list[Refusal]] = nullcontext([])
        if step.command is not None:
            listening = logged(role, target, Path(step_name(step)).name)
        with listening as refusals:
            run = self._engine.run(
                [step], self._folder, role.server, target, role.name, self._backup,
                execute if superuser else elevating,
            )  # fmt: skip
        attempt.logged += refusals
        attempt.refused += elevating.refused
        failed = run.failed_step
        if failed is not None and not superuser:
            refused = failed.error is not None and failed.error.sqlstate == INSUFFICIENT_PRIVILEGE
            if refused and not elevating.stopped:
                attempt.refused.append(_refusal(failed))
            attempt.explained = refused or elevating.stopped
        return failed

    def _role(self, server: Server) -> OrdinaryRole:
        if id(server) not in self._roles:
            role = OrdinaryRole(server, self._name)
            self._closing.callback(role.drop)
            role.create()
            self._roles[id(server)] = role
        return self._roles[id(server)]


def _all_refused(refusals: list[Refusal], *, stopped: bool = False) -> list[Refused]:
    """What was refused, once for each place; with `stopped` the last is where the run ended."""
    found: dict[str, str] = {}
    for number, each in enumerate(refusals, start=1):
        behind = _STOPPED if stopped and number == len(refusals) else ""
        told = f"{each.statement}: {each.message}{behind}"
        found[each.place] = f"{found[each.place]}; {told}" if each.place in found else told
    return [Refused(place, message) for place, message in found.items()]


def _refusal(failed: StepRun) -> Refusal:
    error = failed.error or StepError("it failed")
    place = f"{error.file}:{error.line}" if error.file and error.line else failed.name
    return Refusal(place, (error.statement or failed.name).splitlines()[-1].strip(), error.message)


def _first_line(error: object) -> str:
    return str(error).splitlines()[0]
