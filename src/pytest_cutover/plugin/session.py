"""The state of one run: its options, plans and rehearsals, and what the checks reported."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.copies import Restores
from pytest_cutover.criteria import KINDS
from pytest_cutover.errors import CutoverError, GateError, NotApplicable, PlanError
from pytest_cutover.gate.selection import Selection, select
from pytest_cutover.live.addresses import Address, choose
from pytest_cutover.live.baseline import baseline_path
from pytest_cutover.live.facts import live_facts
from pytest_cutover.live.rehearsed import KEPT, keep_rehearsals, read_rehearsals
from pytest_cutover.live.run import LiveRun
from pytest_cutover.names import nearest
from pytest_cutover.plan.load import find_plan_folders, load_plans
from pytest_cutover.plan.model import PLAN_FILE, Criterion, Plan
from pytest_cutover.plan.targets import live_addresses
from pytest_cutover.plugin.claims import criteria_of, marked_kinds
from pytest_cutover.plugin.options import VERIFICATIONS, Options
from pytest_cutover.plugin.progress import Progress
from pytest_cutover.rehearsal import Rehearsal
from pytest_cutover.report.annotations import in_workflow, problem_annotations
from pytest_cutover.report.facts import rehearsal_facts
from pytest_cutover.report.files import FILES
from pytest_cutover.sandbox import Sandboxes


@dataclass
class Run:
    """One run, in the process that holds it: under xdist the controller and each worker have one of their own."""

    options: Options
    plans: list[Plan]
    own_kinds: list[str]
    progress: Progress
    sandboxes: Sandboxes
    selection: Selection | None = None
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
    addresses: dict[str, Address] = field(default_factory=dict)
    known_rehearsals: dict[str, Any] = field(default_factory=dict)
    live_runs: dict[str, LiveRun] = field(default_factory=dict)
    _restores: Restores | None = None

    @property
    def live(self) -> bool:
        """True where the run looks at live databases."""
        return self.options.db_url is not None

    def criteria(self, plan: Plan) -> list[Criterion]:
        """The criteria of the plan that count in this run; none where the plan has no such target."""
        if not self.live:
            return criteria_of(plan, interrupt=self.options.interrupt)
        address = self.addresses.get(plan.name)
        saved = address is not None and baseline_path(self.options.baselines, plan.name, address.slug).is_file()
        return criteria_of(plan, self.options.phase, saved)

    @property
    def reached(self) -> list[Plan]:
        """The plans that can be checked: in a live run those that have the target."""
        return [plan for plan in self.plans if not self.live or plan.name in self.addresses]

    def stages(self, plan: Plan) -> Rehearsal | LiveRun:
        """The plan's rehearsal, or its live run."""
        return self.live_run(plan) if self.live else self.rehearsal(plan)

    def live_run(self, plan: Plan) -> LiveRun:
        """The plan's live run, made when first asked for.

        Raises:
            NotApplicable: this run rehearses.
        """
        if not self.live:
            raise NotApplicable("a rehearsal looks at no live database")
        if plan.name not in self.live_runs:
            self.live_runs[plan.name] = LiveRun(
                plan, self.addresses[plan.name], self.options.phase, self.options.baselines, self.known_rehearsals,
                self.options.rehearsal or self.options.report_dir / "result.json", lambda stage, text: self.progress.say(plan.name, stage, text),
            )  # fmt: skip
        return self.live_runs[plan.name]

    def close_plan(self, name: str) -> None:
        """Ends what the plan's checks used."""
        stages = self.rehearsals.get(name) or self.live_runs.get(name)
        if stages is not None:
            stages.close()

    def rehearsal(self, plan: Plan) -> Rehearsal:
        """The plan's rehearsal, made when first asked for.

        Raises:
            NotApplicable: this run looks at a live database.
        """
        if self.live:
            raise NotApplicable("a live run looks at one database as it is, and has no such stage")
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
        stages = self.rehearsals.get(plan) or self.live_runs.get(plan)
        if stages is None or self.reported.get(plan) == stages.changed:
            return None
        self.reported[plan] = stages.changed
        return live_facts(stages) if isinstance(stages, LiveRun) else rehearsal_facts(stages)

    def close(self) -> None:
        """Ends every server, or drops what was made on one that was given."""
        for rehearsal in self.rehearsals.values():
            rehearsal.forget_backup()
        for live in self.live_runs.values():
            live.close()
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
    selection = _changed_plans(options, folders)
    if selection is not None:
        folders = [folder for folder in folders if folder.name in selection.plans]
    if options.backup is not None and len(folders) != 1 and (folders or selection is None):
        raise pytest.UsageError(
            f"--backup replaces the backup of one plan, and {len(folders)} are selected: add --plan NAME"
        )
    try:
        plans = load_plans(folders, options.plan_root, KINDS, own)
    except PlanError as error:
        count = len(error.problems)
        if in_workflow():
            print("\n".join(["", *problem_annotations(error.problems, options.plan_root)]), flush=True)
        head = f"{count} mistakes in the plans; nothing was started.\n" if count > 1 else ""
        raise pytest.UsageError(head + str(error)) from error
    try:
        live = live_addresses([folder / PLAN_FILE for folder in all_folders])
    except PlanError as error:
        raise pytest.UsageError(str(error)) from error
    run = Run(options, plans, own, progress, Sandboxes(options.sandbox, live), selection)
    if options.db_url is not None:
        try:
            run.addresses = choose(options.db_url, plans)
            run.known_rehearsals = read_rehearsals(options.rehearsal or options.report_dir / KEPT)
        except CutoverError as error:
            raise pytest.UsageError(str(error)) from error
    return run


def _changed_plans(options: Options, folders: list[Path]) -> Selection | None:
    """What --changed-since selects of the folders, None without it."""
    if options.changed_since is None:
        return None
    try:
        # All plans are compared, so that one that is gone can be told from one that was not asked for.
        selection = select(options.root, options.plans, find_plan_folders(options.plans), options.changed_since)
    except GateError as error:
        raise pytest.UsageError(str(error)) from error
    return selection.only([folder.name for folder in folders]) if options.plan_names else selection


def forget_earlier_results(options: Options) -> None:
    """Removes what an earlier run wrote, so that no old verdict can be taken for this run's.

    A live run keeps what the folder's result knows of rehearsals.

    Raises:
        pytest.UsageError: the folder cannot be written to.
    """
    report_dir = options.report_dir
    try:
        if options.db_url is not None:
            keep_rehearsals(report_dir)
        report_dir.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (report_dir / name).unlink(missing_ok=True)
    except CutoverError as error:
        raise pytest.UsageError(str(error)) from error
    except OSError as error:
        raise pytest.UsageError(
            f"{report_dir} cannot be written to ({error.strerror}): give another folder with --report-dir"
        ) from error
