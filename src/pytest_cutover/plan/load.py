"""Reading plans: every mistake at once, each with its file, its key, what was found and what is allowed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pytest_cutover.backup.preludes import ready_made
from pytest_cutover.errors import PlanError
from pytest_cutover.flyway import flyway_problems
from pytest_cutover.hazards import HAZARDS
from pytest_cutover.names import nearest
from pytest_cutover.plan.hashes import migration_hash, plan_hash
from pytest_cutover.plan.mistakes import explain, found_value
from pytest_cutover.plan.model import PLAN_FILE, Backup, Criterion, OwnCriterion, Plan, PlanFile
from pytest_cutover.plan.sqlite import NOT_FOR_SQLITE, sqlite_problems

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def find_plan_folders(plans: Path) -> list[Path]:
    """The folders below `plans` that hold a plan file, by name."""
    return sorted(path.parent for path in plans.glob(f"*/{PLAN_FILE}"))


def load_plans(
    folders: Sequence[Path], root: Path, kinds: Mapping[str, type[Criterion]], own_kinds: Sequence[str] = ()
) -> list[Plan]:
    """The plans in the folders. `root` is the repository that paths may not leave.

    `kinds` are the engine's kinds; `own_kinds` the names of a team's own.

    Raises:
        PlanError: at least one plan is wrong; it lists every problem of every plan.
    """
    problems: list[str] = []
    plans: list[Plan] = []
    for folder in folders:
        reader = _Reader(folder, root, kinds, own_kinds)
        plan = reader.read()
        problems += reader.problems
        if plan is not None and not reader.problems:
            plans.append(plan)
    if problems:
        raise PlanError(problems)
    return plans


class _Reader:
    """Reads one plan and collects its problems."""

    def __init__(
        self, folder: Path, root: Path, kinds: Mapping[str, type[Criterion]], own_kinds: Sequence[str]
    ) -> None:
        self.folder = folder.resolve()
        self.root = root.resolve()
        self.kinds = kinds
        self.own_kinds = own_kinds
        self.problems: list[str] = []
        self.engine: object = None
        self.migrate: object = None
        path = self.folder / PLAN_FILE
        self.shown = str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    def problem(self, where: str, text: str) -> None:
        """Notes one problem: the place in the plan, then what is wrong and what is allowed."""
        self.problems.append(f"{self.shown}: {where}: {text}" if where else f"{self.shown}: {text}")

    def read(self) -> Plan | None:
        """The plan, None where its file could not be read; it is of use only if there are no problems."""
        try:
            content = (self.folder / PLAN_FILE).read_bytes()
            raw = tomllib.loads(content.decode())
        except OSError as error:
            self.problem("", f"cannot be read: {error.strerror}")
            return None
        except UnicodeDecodeError as error:
            self.problem("", f"is not UTF-8: {error.reason} at byte {error.start}")
            return None
        except tomllib.TOMLDecodeError as error:
            self.problem("", f"is not TOML: {error}")
            return None
        self.engine, self.migrate = raw.get("engine"), raw.get("migrate")
        file = self._validate(PlanFile, raw, "")
        listed = raw.get("criteria")
        criteria = [
            self._criterion(index, entry) for index, entry in enumerate(listed if isinstance(listed, list) else [])
        ]
        self._check_paths(raw)
        self._check_waivers(raw)
        if file is None:
            return None
        known = tuple(criterion for criterion in criteria if criterion is not None)
        self._check_ids(file, known)
        self._check_supported(file)
        if file.engine == "sqlite":
            for where, text in sqlite_problems(file, known):
                self.problem(where, text)
        return Plan(
            name=self.folder.name, folder=self.folder, root=self.root, file=file, criteria=known,
            plan_sha256=plan_hash(self.folder, content, known),
            migration_sha256="" if self.problems else migration_hash(self.folder, self.root, file),
        )  # fmt: skip

    def _validate(self, model: type[Any], raw: Any, where: str) -> Any:
        try:
            context = {"folder": self.folder, "root": self.root, "engine": self.engine, "migrate": self.migrate}
            return model.model_validate(raw, context=context)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                self.problem(*explain(model, where, detail))
            return None

    def _criterion(self, index: int, raw: Any) -> Criterion | None:
        if not isinstance(raw, dict):
            self.problem(f"criteria[{index + 1}]", f"{found_value(raw)}write it as a [[criteria]] table")
            return None
        name = raw.get("id")
        where = f'criterion "{name}"' if isinstance(name, str) else f"criteria[{index + 1}]"
        kind = raw.get("kind")
        if not isinstance(kind, str):
            self.problem(
                where, 'the key "kind" is missing' if kind is None else f"kind: {found_value(kind)}write a text"
            )
            return None
        model: type[Criterion] | None = OwnCriterion if kind in self.own_kinds else self.kinds.get(kind)
        if model is None:
            known = sorted([*(name for name, each in self.kinds.items() if not _implicit(each)), *self.own_kinds])
            self.problem(where, f'unknown kind "{kind}".\nKnown kinds: {", ".join(known)}.{nearest(kind, known)}')
            return None
        if self.engine == "sqlite" and kind in NOT_FOR_SQLITE:
            self.problem(where, f'"{kind}" has no meaning for SQLite: {NOT_FOR_SQLITE[kind]}')
            return None
        if _implicit(model):
            self.problem(where, f'"{kind}" is checked for every plan without asking; remove this criterion')
            return None
        validated = self._validate(model, raw, where)
        assert validated is None or isinstance(validated, Criterion)
        return validated

    def _check_ids(self, file: PlanFile, criteria: Sequence[Criterion]) -> None:
        for name, times in Counter(criterion.id for criterion in criteria).items():
            if times > 1:
                self.problem(f'criterion "{name}"', f"the id is used {times} times; ids are unique in a plan")
        implicit = {name for name, kind in self.kinds.items() if _implicit(kind)}
        for criterion in criteria:
            if criterion.id.split(":")[0] in implicit:
                self.problem(
                    f'criterion "{criterion.id}"', "the id belongs to a criterion that every plan has; choose another"
                )
        for name, times in Counter(rollback.name for rollback in file.rollback).items():
            if times > 1:
                self.problem(f'rollback "{name}"', f"the name is used {times} times; names are unique in a plan")

    def _check_waivers(self, raw: Mapping[str, Any]) -> None:
        """Every waiver names a criterion that there is; looked at even where the rest is wrong."""

        def named(section: str, key: str) -> list[str]:
            listed = raw.get(section)
            entries = listed if isinstance(listed, list) else []
            return [str(each[key]) for each in entries if isinstance(each, dict) and key in each]

        implicit = {name for name, kind in self.kinds.items() if _implicit(kind)} - {"restores_baseline", "hazards"}
        ways = {f"restores_baseline:{name}" for name in named("rollback", "name")}
        # A hazard has an owner whether it fails the plan or only warns.
        asked = {f"hazards:{name}" for name in HAZARDS}
        asked |= {f"{name}:{each}" for name in implicit for each in getattr(self.kinds[name], "QUESTIONS", ())}
        ids = sorted(
            {*named("criteria", "id"), *(implicit - {each.partition(":")[0] for each in asked}), *ways, *asked}
        )
        for number, name in enumerate(named("waivers", "criterion"), 1):
            if name == "applies":
                self.problem(f"waivers[{number}].criterion", '"applies" cannot be waived: nothing behind it is known')
            elif name not in ids:
                self.problem(
                    f"waivers[{number}].criterion",
                    f'there is no criterion "{name}". Criteria: {", ".join(ids)}.{nearest(name, ids)}',
                )

    def _check_supported(self, file: PlanFile) -> None:
        """What the format knows and this version cannot rehearse is refused here, not in the middle of a run."""
        if file.engine == "postgresql":
            return
        steps = [("migrate", file.migrate.steps)]
        steps += [(f'rollback "{rollback.name}"', rollback.steps) for rollback in file.rollback]
        for place, listed in steps:
            for number, step in enumerate(listed, 1):
                if step.flyway is not None:
                    self.problem(
                        f"{place}.steps[{number}].flyway", f'Flyway steps are not for engine = "{file.engine}"'
                    )

    def _check_paths(self, raw: Mapping[str, Any]) -> None:
        """Every file the plan names exists inside the repository; looked at even where the rest is wrong."""
        backup = raw.get("backup")
        if isinstance(backup, dict):
            if isinstance(backup.get("path"), str):
                self._inside("backup.path", backup["path"])
            prelude = backup.get("prelude")
            for entry in prelude if isinstance(prelude, list) else []:
                self._prelude(entry)
        migrate = raw.get("migrate")
        steps = [("migrate", migrate)] if isinstance(migrate, dict) else []
        rollbacks = raw.get("rollback")
        for entry in rollbacks if isinstance(rollbacks, list) else []:
            if isinstance(entry, dict):
                steps.append((f'rollback "{entry.get("name", "?")}"', entry))
        for place, section in steps:
            listed = section.get("steps")
            for number, step in enumerate(listed if isinstance(listed, list) else [], 1):
                if isinstance(step, dict) and isinstance(step.get("sql"), str):
                    self._file(f"{place}.steps[{number}].sql", step["sql"])
                if isinstance(step, dict) and isinstance(step.get("flyway"), str):
                    self._flyway(f"{place}.steps[{number}]", step)

    def _flyway(self, where: str, step: Mapping[str, Any]) -> None:
        """The folder is there, its settings are Flyway's, and every file can be read as Flyway would."""
        folder = self._inside(f"{where}.flyway", step["flyway"])
        settings, placeholders = step.get("settings", {}), step.get("placeholders", {})
        if folder is None or not isinstance(settings, dict) or not isinstance(placeholders, dict):
            return
        if not folder.is_dir():
            self.problem(f"{where}.flyway", f'there is no folder "{step["flyway"]}"')
            return
        for place, text in flyway_problems(folder, settings, placeholders):
            self.problem(f"{where}.{place}", text)

    def _prelude(self, entry: Any) -> None:
        where, known = f'backup.prelude "{entry}"', ready_made()
        if not isinstance(entry, str) or entry in known:
            return
        if "/" in entry or "." in entry or (self.folder / entry).exists():
            self._file(where, entry)
        else:
            self.problem(
                where,
                f"there is no such ready-made prelude. Allowed: {', '.join(known)}, or a SQL file."
                f"{nearest(entry, known)}",
            )

    def _inside(self, where: str, relative: str) -> Path | None:
        path = (self.folder / relative).resolve()
        if Path(relative).is_absolute() or not path.is_relative_to(self.root):
            self.problem(where, f'found "{relative}": paths are relative to the plan and stay inside the repository')
            return None
        return path

    def _file(self, where: str, relative: Any) -> None:
        if not isinstance(relative, str):
            return
        path = self._inside(where, relative)
        if path is not None and not path.is_file():
            folder = path.parent
            names = sorted(each.name for each in folder.iterdir() if each.is_file()) if folder.is_dir() else []
            self.problem(where, f'there is no file "{relative}".{nearest(path.name, names)}')


def _implicit(kind: type[Criterion]) -> bool:
    return bool(getattr(kind, "IMPLICIT", False))


def backup_path(plan: Plan) -> Path | None:
    """The backup file that the plan names, None where it names a command."""
    backup: Backup = plan.file.backup
    return None if backup.path is None else plan.path(backup.path)
