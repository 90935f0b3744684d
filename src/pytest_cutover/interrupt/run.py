"""Cuts one plan's migration off at every point and in every way, and says what became of each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_cutover.database import Database
from pytest_cutover.engine import Engine
from pytest_cutover.errors import SandboxError
from pytest_cutover.interrupt.aftermath import Aftermath
from pytest_cutover.interrupt.model import WAYS, Cut, Interrupted
from pytest_cutover.interrupt.postgresql import StatementCuts
from pytest_cutover.interrupt.sqlite import FileCuts
from pytest_cutover.plan.model import Plan
from pytest_cutover.sandbox import ServerFacts


def interrupt(
    plan: Plan,
    engine: Engine,
    server: Any,
    template: Any,
    backup: Path | None,
    rehearsed: Database,
    on: ServerFacts,
    progress: Callable[[str], None],
) -> Interrupted:
    """What becomes of the migration wherever it is cut off; `server` is one that may be killed.

    `rehearsed` is the migrated database of the rehearsal, on the server of these facts.

    Raises:
        NotChecked: the migration is none that can be judged so.
        SandboxError: the server let us down.
    """
    aftermath = Aftermath(plan, engine, server, template, backup)
    try:
        cutting = FileCuts(aftermath, server) if plan.file.engine == "sqlite" else StatementCuts(aftermath, server)
        progress("running undisturbed, twice")
        points = cutting.uninterrupted()
        aftermath.hold_against(rehearsed, alike=(on.kind, on.version) == (server.facts.kind, server.facts.version))
        untried = cutting.untried()
        cuts = []
        for way in (way for way in cutting.ways if way not in untried):
            for point in points:
                progress(f"{WAYS[way]}: point {point.number} of {points[-1].number}")
                left = cutting.cut(point, way)
                if left is None:
                    cuts.append(Cut(point, way, "not_reached"))
                    continue
                outcome, detail = aftermath.judge(left)
                if left.beside and (stays := cutting.left_beside()):
                    outcome, detail = (
                        "neither",
                        "; ".join(filter(None, (detail, f"outside of the database stays {stays}"))),
                    )
                cuts.append(Cut(point, way, outcome, detail))
                aftermath.drop(left.database)
        varying = tuple(f"{table}.{name}" for table, names in sorted(aftermath.varying.items()) for name in names)
        return Interrupted(
            tuple(cuts), len(points), cutting.unit, untried=untried, unseen=tuple(cutting.unseen), varying=varying,
            server=f"{engine.name} {server.facts.version}",
        )  # fmt: skip
    finally:
        # This is only thrift: what a broken server does not drop goes with the server.
        with suppress(SandboxError):
            aftermath.close()
