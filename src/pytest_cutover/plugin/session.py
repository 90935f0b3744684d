"""The state of one run: its options, plans and rehearsals, and what the checks reported."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.criteria import KINDS
from pytest_cutover.errors import PlanError
from pytest_cutover.names import nearest
from pytest_cutover.plan.load import PLAN_FILE, find_plan_folders, load_plans
from pytest_cutover.plan.model import Plan
from pytest_cutover.plan.targets import live_addresses
from pytest_cutover.plugin.claims import marked_kinds
from pytest_cutover.plugin.options import VERIFICATIONS, Options
from pytest_cutover.plugin.progress import Progress
from pytest_cutover.rehearsal import Rehearsal, Restores
from pytest_cutover.report.facts import rehearsal_facts
from pytest_cutover.sandbox import Sandboxes


@dataclass
class Run:
    """One run, in the process that holds it: under xdist the controller and each worker have one of their own."""

    options: Options
    plans: list[Plan]
    own_kinds: list[str]
    progress: Progress
    sandboxes: Sandboxes
    started: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    clock: float = field(default_factory=time.perf_counter)
    rehearsals: dict[str, Rehearsal] = field(default_factory=dict)
    remaining: dict[str, int] = field(default_factory=dict)
    reported: dict[str, int] = field(default_factory=dict)
    claims: dict[str, dict[str, Any]] = field(default_factory=dict)
    payloads: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    result: dict[str, Any] | None = None
    stray_failures: bool = False
    _restores: Restores | None = None

    def rehearsal(self, plan: Plan) -> Rehearsal:
        """The plan's rehearsal, made when first asked for."""
        if plan.name not in self.rehearsals:
            if self._restores is None:
                self._restores = Restores(self.sandboxes)
            self.rehearsals[plan.name] = Rehearsal(
                plan, self._restores, self.options.backup,
                lambda stage, text: self.progress.say(plan.name, stage, text),
            )  # fmt: skip
        return self.rehearsals[plan.name]

    def new_facts(self, plan: str) -> dict[str, Any] | None:
        """What the rehearsal knows by now, if that is more than what was reported already."""
        rehearsal = self.rehearsals.get(plan)
        if rehearsal is None or self.reported.get(plan) == rehearsal.changed:
            return None
        self.reported[plan] = rehearsal.changed
        return rehearsal_facts(rehearsal)

    def close(self) -> None:
        """Ends every server, or drops what was made on one that was given."""
        for rehearsal in self.rehearsals.values():
            rehearsal.forget_backup()
        self.sandboxes.close()


RUN = pytest.StashKey[Run]()


def start_run(options: Options, progress: Progress) -> Run:
    """The run with its plans read.

    Raises:
        pytest.UsageError: a plan is wrong, or one that was asked for does not exist.
    """
    own = [kind for kind in marked_kinds(options.root / VERIFICATIONS) if kind not in KINDS]
    folders = all_folders = find_plan_folders(options.plans)
    names = [folder.name for folder in folders]
    for name in options.plan_names:
        if name not in names:
            known = ", ".join(names) or f"none in {options.plans}"
            raise pytest.UsageError(f"--plan {name}: there is no such plan. Plans: {known}.{nearest(name, names)}")
    if options.plan_names:
        folders = [folder for folder in folders if folder.name in options.plan_names]
    if options.backup is not None and len(folders) != 1:
        raise pytest.UsageError(
            f"--backup replaces the backup of one plan, and {len(folders)} are selected: add --plan NAME"
        )
    try:
        plans = load_plans(folders, options.plan_root, KINDS, own)
    except PlanError as error:
        count = len(error.problems)
        head = f"{count} mistakes in the plans; nothing was started.\n" if count > 1 else ""
        raise pytest.UsageError(head + str(error)) from error
    try:
        live = live_addresses([folder / PLAN_FILE for folder in all_folders])
    except PlanError as error:
        raise pytest.UsageError(str(error)) from error
    return Run(options, plans, own, progress, Sandboxes(options.sandbox, live))


def forget_earlier_results(report_dir: Path) -> None:
    """Removes what an earlier run wrote, so that no old verdict can be taken for this run's.

    Raises:
        pytest.UsageError: the folder cannot be written to.
    """
    try:
        report_dir.mkdir(parents=True, exist_ok=True)
        for name in ("result.json", "report.html", "pytest.html"):
            (report_dir / name).unlink(missing_ok=True)
    except OSError as error:
        raise pytest.UsageError(
            f"{report_dir} cannot be written to ({error.strerror}): give another folder with --report-dir"
        ) from error
