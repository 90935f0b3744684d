"""What a rehearsal knows so far, as plain data for the result file; keys as in docs/result.md."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_cutover.catalog import diff
from pytest_cutover.hazards import Hazards
from pytest_cutover.lint import plan_warnings, rehearsal_warnings
from pytest_cutover.migrate import StepRun
from pytest_cutover.names import parse_relation
from pytest_cutover.plan.model import Plan, Step
from pytest_cutover.plan.values import format_duration
from pytest_cutover.rehearsal import Rehearsal
from pytest_cutover.report.notices import chosen
from pytest_cutover.sandbox import Server
from pytest_cutover.sql import shorten_shape
from pytest_cutover.stages import BackupState, RollbackRun, step_failure
from pytest_cutover.trace import Recording, Trace

SHOWN_STATEMENTS = 15
"""So many of those that took most time are told one by one."""


def rehearsal_facts(rehearsal: Rehearsal) -> dict[str, Any]:
    """Everything that is known by now; what did not happen yet is left out or empty."""
    known: dict[str, Any] = {
        "stages": [{"name": name} | vars(stage) for name, stage in rehearsal.stages.went.items()],
        "steps": _steps(rehearsal),
        "rollbacks": [_rollback(done) for done in rehearsal.rollbacks.values()],
        "waits": [asdict(each) for each in rehearsal.waits],
        "schema_diff": _schema_differences(rehearsal),
        "notes": [],
    }
    if rehearsal.server is not None:
        known["target"] = _target(rehearsal, rehearsal.server)
        known["notes"] = _notes(rehearsal, rehearsal.server)
    if rehearsal.backup is not None:
        known["backup"] = _backup(rehearsal.backup)
    if rehearsal.rerun_of is not None:
        failed = rehearsal.rerun_of.failed_step
        known["rerun"] = {
            "seconds": rehearsal.rerun_of.seconds,
            "outcome": "failed" if failed else "ok",
            "error": step_failure(failed) if failed else None,
        }
    if rehearsal.migration is not None and rehearsal.migration.ok and "after" in rehearsal.databases:
        known["schema"] = {name: rehearsal.databases[name].catalog.to_json() for name in ("before", "after")}
    if rehearsal.found_hazards is not None and rehearsal.engine.has_hazards:
        known["hazards"] = _hazards(rehearsal.found_hazards)
        known["locks"] = _locks(rehearsal.recording)
    if rehearsal.books is not None:
        known["changes"] = {name: asdict(entry) for name, entry in rehearsal.books.tables.items()}
    return known


def _hazards(hazards: Hazards) -> dict[str, Any]:
    return {
        "found": [asdict(each) for each in hazards.found],
        "unknown": [{"id": name, "reason": reason} for name, reason in hazards.unknown.items()],
        "proved": [{"id": name, "how": how} for name, how in hazards.proved.items()],
    }


def _locks(recording: Recording) -> dict[str, Any]:
    """The longest lock of each mode on each table, the longest first."""
    if recording.trace is None:
        nothing: dict[str, Any] = {"missing": recording.missing, "most": [], "others": None}
        return {"missing": recording.missing, "held": [], "statements": nothing}
    longest: dict[tuple[str, str], dict[str, Any]] = {}
    for held in recording.trace.held:
        table = recording.trace.named(held.table)
        entry = longest.setdefault((held.table, held.mode), {
            "table": held.table, "mode": held.mode, "seconds": held.seconds, "at_most": held.at_most, "by": held.by,
            "times": 0,
            "bytes": table and table.bytes, "rows": table and max(table.rows, 0),
        })  # fmt: skip
        entry["times"] += 1
    return {"missing": "", "held": list(longest.values()), "statements": _statements(recording.trace)}


def _statements(trace: Trace) -> dict[str, Any]:
    """What took most time, by shape and role; the others in one sum."""
    found: dict[tuple[str, str, bool], dict[str, Any]] = {}
    for each in trace.executed:
        entry = found.setdefault((each.text, each.role, each.toplevel), {
            "statement": shorten_shape(each.text), "role": each.role, "nested": not each.toplevel, "calls": 0, "rows": 0,
            "seconds": 0.0,
        })  # fmt: skip
        entry["calls"] += each.calls
        entry["rows"] += each.rows
        entry["seconds"] += each.seconds
    ordered = sorted(found.values(), key=lambda entry: -entry["seconds"])
    rest = ordered[SHOWN_STATEMENTS:]
    others = {"number": len(rest)} | {name: sum(each[name] for each in rest) for name in ("calls", "rows", "seconds")}
    return {
        "missing": trace.not_counted, "most": ordered[:SHOWN_STATEMENTS], "others": others if rest else None,
    }  # fmt: skip


def _target(rehearsal: Rehearsal, server: Server) -> dict[str, Any]:
    return {
        "kind": server.facts.kind,
        "server": f"{rehearsal.engine.name} {server.facts.version}",
        "server_version": server.facts.version,
        "why": server.facts.why,
        "image": server.facts.image,
        "digest": server.facts.digest,
        "production_major": rehearsal.plan.file.sandbox.major,
        "superuser": server.maintenance.user if isinstance(server, Server) else "",
        "schemas": _schemas(rehearsal),
    }


def _schemas(rehearsal: Rehearsal) -> list[str] | None:
    """The schemas that the backup itself fills, None where no prelude made others."""
    if not rehearsal.plan.file.backup.prelude or rehearsal.backup is None:
        return None
    prepared = rehearsal.backup.facts.prepared
    tables = [name for name in rehearsal.databases["before"].catalog.tables if name not in prepared]
    return sorted({"public", *(parse_relation(name).schema for name in tables)})


def _notes(rehearsal: Rehearsal, server: Server) -> list[str]:
    """What a reader must know beside the verdict."""
    file = rehearsal.plan.file
    production = file.sandbox.major
    notes = []
    if production is not None and production != server.facts.major:
        notes.append(f"Rehearsed on PostgreSQL {server.facts.version}; production runs {production}.")
    runs = [rehearsal.migration, rehearsal.rerun_of, *(way.run for way in rehearsal.rollbacks.values())]
    reasons = {step.unconfined for run in runs if run for step in run.steps if step.unconfined}
    if reasons:
        notes.append(f"Command steps ran without a restriction of their network ({'; '.join(sorted(reasons))}).")
    if rehearsal.watched_s is not None:
        took = format_duration(rehearsal.watched_s)
        notes.append(
            f"The times of the steps are those of a second run: with its locks traced the migration took {took}."
        )
    if rehearsal.books is not None:
        notes += [f"{table}: {why}" for table, why in rehearsal.books.not_compared.items()]
    if rehearsal.migration is not None and rehearsal.migration.role_changes:
        changed = "; ".join(str(each) for each in rehearsal.migration.role_changes)
        notes.append(f"The migration changed roles, which no rollback of a database undoes: {changed}.")
    if rehearsal.found_hazards is not None and rehearsal.found_hazards.unknown:
        unknown = rehearsal.found_hazards.unknown
        why = "; ".join(dict.fromkeys(unknown.values()))
        notes.append(f"{len(unknown)} kinds of hazards were not looked for: {why}.")
    trace = rehearsal.recording.trace
    if trace is not None and trace.not_counted:
        notes.append(
            "Not all is known of what ran inside of functions, how many rows each statement changed, and which rows foreign keys "
            f"took along: {trace.not_counted}."
        )
    notes += plan_warnings(rehearsal.plan)
    if rehearsal.migration is not None and rehearsal.migration.ok:
        before, after = rehearsal.databases["before"], rehearsal.databases["after"]
        notes += rehearsal_warnings(rehearsal.plan, before.catalog, after.catalog)
    return notes


def _schema_differences(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    """Every difference of the schema between before and after, and whether the plan declares it."""
    if rehearsal.migration is None or not rehearsal.migration.ok:
        return []
    changes = rehearsal.plan.file.changes
    declared = {"added": set(changes.added), "dropped": set(changes.dropped), "altered": set(changes.altered)}
    found = diff(rehearsal.databases["before"].catalog, rehearsal.databases["after"].catalog)
    return [
        {
            "change": each.kind,
            "object": each.object,
            "detail": each.detail,
            "declared": each.object in declared[each.kind],
        }
        for each in (*found.added, *found.dropped, *found.altered)
    ]


def _steps(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    if rehearsal.migration is None:
        return []
    declared = rehearsal.plan.file.migrate.steps
    return [_step(run, step, rehearsal) for run, step in zip(rehearsal.migration.steps, declared)]


def _step(run: StepRun, step: Step, rehearsal: Rehearsal) -> dict[str, Any]:
    shown = rehearsal.plan.file.report.evidence != "none"
    path = _error_file(run, step, rehearsal.plan)
    kept = chosen(run.notices) if shown else []
    return {
        "name": run.name,
        "seconds": run.seconds,
        "outcome": run.outcome,
        "budget": run.budget,
        "error": str(run.error) if run.error else None,
        "file": path,
        "line": run.error and path and (run.error.line or 1),
        "statements": [asdict(each) for each in run.statements],
        "notices": [asdict(each) for each in kept],
        "notices_left_out": len(run.notices) - len(kept) if shown else 0,
        "output": run.output if shown else "",
    }


def _error_file(run: StepRun, step: Step, plan: Plan) -> str | None:
    """The file that holds the failed statement, from the repository's root; None where it is in no file."""
    if run.error is None or run.error.file is None:
        return None
    path = plan.path(step.sql) if step.sql is not None else None
    if step.flyway is not None:
        path = next(plan.path(step.flyway).rglob(Path(run.error.file).name), None)
    return path.relative_to(plan.root).as_posix() if path is not None and path.is_relative_to(plan.root) else None


def _rollback(done: RollbackRun) -> dict[str, Any]:
    return {
        "name": done.rollback.name,
        "seconds": done.seconds,
        "outcome": "failed" if done.error else "ok",
        "error": done.error or None,
        "differences": list(done.differences),
        "residue": list(done.rollback.residue),
    }


def _backup(state: BackupState) -> dict[str, Any]:
    facts = state.facts
    return {
        "path": facts.path.name,
        "sha256": facts.sha256,
        "bytes": facts.bytes,
        "format": facts.format,
        "server_version": facts.server_version,
        "taken": state.taken.isoformat() if state.taken else None,
        "age": state.age.total_seconds() if state.age else None,
        "tables": state.tables,
        "rows": state.rows,
        "handled": [*facts.handled, *state.warnings],
    }
