"""The pytest plugin: the only code that imports pytest."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.errors import CutoverError
from pytest_cutover.plugin import github, pytest_html
from pytest_cutover.plugin.claims import CLAIM, MARKER, claim_of, parametrize
from pytest_cutover.plugin.fixtures import (  # noqa: F401 (pytest finds them here)
    after,
    backup,
    before,
    criterion,
    hazards,
    interrupted,
    ledger,
    live_run,
    migration,
    plan,
    recording,
    rehearsal,
    rehearsed,
    rerun,
    rollback,
    rollback_name,
    rolled_back,
    trace,
    waits,
)
from pytest_cutover.plugin.gathering import result_of
from pytest_cutover.plugin.options import VERIFICATIONS, add_options, read_options
from pytest_cutover.plugin.outcomes import PAYLOAD, make_harmless, properties, record_of, shape_report
from pytest_cutover.plugin.progress import Progress
from pytest_cutover.plugin.session import RUN, Run, forget_earlier_results, start_run
from pytest_cutover.report.files import write_files
from pytest_cutover.report.terminal import summary_lines
from pytest_cutover.verdict import EXIT_STATUS

# With these pytest runs no test: there is no verdict, and an earlier one stays.
_ONLY_TELLS = ("help", "version", "markers", "showfixtures", "show_fixtures_per_test", "cacheshow")

_UNSEEN = ("PytestReturnNotNoneWarning", "PytestUnhandledThreadExceptionWarning")
"""What pytest only warns of, and a check would pass with: it returned what it should assert, or failed in a thread."""

_STYLES: dict[str, dict[str, bool]] = {
    "plain": {}, "good": {"green": True}, "bad": {"red": True}, "warn": {"yellow": True}, "dim": {"light": True},
    "bold": {"bold": True},
}  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options, in their long spelling."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Reads options and plans; a mistake in either ends the run before anything is started."""
    config.addinivalue_line("markers", f"{MARKER}(*kinds): the check answers for criteria of these kinds")
    options = read_options(config)
    if not options.active or any(getattr(config.option, name, False) for name in _ONLY_TELLS):
        return
    if sys.flags.optimize:
        raise pytest.UsageError("python -O removes assert statements, and with them every check: run without it")
    controller = not hasattr(config, "workerinput")
    if controller and not config.option.collectonly:
        forget_earlier_results(options)
    config.stash[RUN] = start_run(options, Progress(config))
    if controller and not config.option.collectonly:
        pytest_html.switch_on(config, options.report_dir / "pytest.html")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Says what will be rehearsed."""
    run = config.stash.get(RUN, None)
    if run is None:
        return []
    names = ", ".join(each.name for each in run.plans) or f"none in {run.options.plans}"
    if run.selection is not None and not run.plans:
        names = f"none that changed since {run.selection.revision}"
    plans = "plan" if len(run.plans) == 1 else "plans"
    if run.live:
        shown = ", ".join(dict.fromkeys(each.target.shown for each in run.addresses.values()))
        return [f"cutover: {plans} {names}; live, read-only, phase {run.options.phase}: {shown}"]
    engines = {each.file.engine for each in run.plans}
    places = [] if engines == {"sqlite"} else [run.sandboxes.describe()]
    places += [f"on files in a private folder (SQLite {sqlite3.sqlite_version})"] if "sqlite" in engines else []
    return [f"cutover: {plans} {names}; rehearsed {', and '.join(places)}"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives the checks their cases."""
    run = metafunc.config.stash.get(RUN, None)
    if run is not None:
        parametrize(metafunc, run.reached, run.criteria)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Notes what every check answers for, and puts the checks of one plan together, its own run first."""
    run = config.stash.get(RUN, None)
    if run is None:
        return
    folder = (run.options.root / VERIFICATIONS).resolve()
    kept = []
    for item in items:
        if "NOTSET" in item.name and item.get_closest_marker(MARKER) is not None:
            continue  # a kind that no plan uses: there is nothing to check, and nothing to skip
        if run.options.phase == "before" and _is_plain(item, folder):
            continue  # it says how the database is after the migration
        kept.append(item)
        if item.path.resolve().is_relative_to(folder) or item.get_closest_marker(MARKER) is not None:
            claim = claim_of(item)
            item.stash[CLAIM] = claim
            for warning in _UNSEEN:
                item.add_marker(pytest.mark.filterwarnings(f"error::pytest.{warning}"))
            run.claims[item.nodeid] = {"plan": claim.plan, "id": claim.id, "kind": claim.kind}
            for name in [claim.plan] if claim.plan else [each.name for each in run.plans]:
                run.remaining[name] = run.remaining.get(name, 0) + 1
    order = {each.name: number for number, each in enumerate(run.plans)}

    def place(item: pytest.Item) -> tuple[int, int]:
        claim = item.stash.get(CLAIM, None)
        if claim is None or claim.plan is None:
            return len(order), 0
        implicit = getattr(claim.criterion, "IMPLICIT", False)
        return order.get(claim.plan, 0), 0 if claim.id == "applies" else 1 if implicit and claim.id == "duration" else 2

    items[:] = sorted(kept, key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Lets the report carry what the check found, so that it reaches the controller under xdist."""
    report = yield
    claim, run = item.stash.get(CLAIM, None), item.config.stash.get(RUN, None)
    if claim is not None and run is not None:
        plans = {each.name: each for each in run.plans}
        not_applicable = shape_report(report, call, claim, plans) is not None
        record = record_of(report, claim, plans, not_applicable)
        if record is not None:
            item.user_properties += properties(claim.plan, record)
        facts = {}
        if report.when == "teardown":
            for name in [claim.plan] if claim.plan else [each.name for each in run.plans]:
                known = run.new_facts(name)
                if known is not None:
                    facts[name] = known
                run.remaining[name] -= 1
                if run.remaining[name] == 0:
                    run.close_plan(name)
        setattr(report, PAYLOAD, {"plan": claim.plan, "record": record, "facts": facts})
    if run is not None:
        make_harmless(report)
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keeps what a report carries; on the controller under xdist this is the only way it comes."""
    payload = getattr(report, PAYLOAD, None)
    if _active is not None and payload is None and report.failed:
        _active.stray_failures = True
    if payload is not None and _active is not None:
        if str(report.outcome) == "rerun" and payload["record"] is not None:
            # A check that held only when it was asked again did not hold.
            payload["record"]["outcome"] = "failed"
        _active.payloads.append(payload)
        worker = getattr(getattr(report, "node", None), "gateway", None)
        for name, facts in payload["facts"].items():
            _active.facts[name, str(getattr(worker, "id", ""))] = facts


_active: Run | None = None
# pytest gives pytest_runtest_logreport no config.


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remembers the run for the hooks that are given no configuration."""
    global _active
    _active = session.config.stash.get(RUN, None)
    if _active is not None:
        github.pause_commands(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes over what a worker had collected."""
    if _active is not None:
        _active.claims.update(getattr(node, "workeroutput", {}).get("cutover_claims", {}))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keeps a plan's checks on one worker, so that each plan is rehearsed once."""
    run = config.stash.get(RUN, None)
    if run is None or config.getoption("dist") != "load":
        return None
    from pytest_cutover.plugin.xdist import PlanScheduling

    return PlanScheduling(config, log, [each.name for each in run.plans])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
    """Computes the verdict, writes the results, and lets the verdict set the exit status, whatever plugins made of it."""
    config = session.config
    run = config.stash.get(RUN, None)
    if run is None or config.option.collectonly:
        yield
        return
    status = _finish(session, run, exitstatus)
    yield
    if status:
        session.exitstatus = status


def _finish(session: pytest.Session, run: Run, exitstatus: int) -> int:
    """The exit status that no plugin may make a success, 0 where there is none; the results are written."""
    config = session.config
    try:
        if hasattr(config, "workerinput"):
            config.workeroutput["cutover_claims"] = run.claims  # type: ignore[attr-defined]
            return 0
        run.result = result_of(run)
        write_files(run.result, run.options.report_dir)
    finally:
        run.close()
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        return exitstatus
    # A failure that belongs to no plan is no part of the verdict, but it is no success either.
    stray = run.stray_failures or (not run.plans and exitstatus == pytest.ExitCode.TESTS_FAILED)
    status = EXIT_STATUS[run.result["verdict"]] or int(stray)
    session.exitstatus = status
    return status


def _is_plain(item: pytest.Item, folder: Path) -> bool:
    return item.get_closest_marker(MARKER) is None and item.path.resolve().is_relative_to(folder)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    """Says the verdict and why, behind all that other plugins say."""
    yield
    run = config.stash.get(RUN, None)
    if run is None or run.result is None:
        return
    terminalreporter.section("cutover", sep="=")
    report = _shown(run.options.report_dir / "report.html")
    for text, style in summary_lines(run.result, width=terminalreporter._tw.fullwidth, report=report):
        terminalreporter.write_line(text, **_STYLES[style])
    github.tell(config, run)


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends what a run that broke off may have left."""
    global _active
    run = config.stash.get(RUN, None)
    github.resume_commands(config)
    if run is not None:
        _active = None
        try:
            run.close()
        except CutoverError as error:
            sys.stderr.write(f"{error}\n")
