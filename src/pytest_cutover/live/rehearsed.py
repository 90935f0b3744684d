"""What the rehearsal found that a live database is compared with: the result file of an earlier run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_cutover.catalog import Catalog
from pytest_cutover.errors import CutoverError, NotChecked
from pytest_cutover.names import parse_relation
from pytest_cutover.plan.model import Plan

KEPT = "rehearsed.json"
"""The file beside a live result that holds what was rehearsed before it."""


@dataclass(frozen=True)
class Rehearsed:
    """One plan's rehearsal: when it began, its verdict, where, and the schemas before and after the migration.

    `plan_sha256` is that of its plan.toml, `passed` has the criteria that passed in it.
    """

    started: str
    verdict: str
    server_version: str
    superuser: str
    before: Catalog
    after: Catalog
    schemas: tuple[str, ...] | None = None
    backup_taken: str | None = None
    plan_sha256: str = ""
    passed: frozenset[str] = frozenset()

    def proves(self, criterion: str, plan: Plan) -> str:
        """When the criterion passed, as this plan has it.

        Raises:
            NotChecked: it did not, or plan.toml was another one.
        """
        if self.plan_sha256 != plan.plan_sha256:
            raise NotChecked(f"plan.toml is not the one that was rehearsed on {self.started}: rehearse it again")
        if criterion not in self.passed:
            raise NotChecked(f"it did not pass in the rehearsal of {self.started}: it was waived or not asked there")
        return self.started

    def comparable_to(self, live: Catalog, *, migrated: bool) -> tuple[Catalog, str]:
        """The rehearsed schema as it would be with the live owners' names, and a remark where a name was put in.

        A dump without owners belongs to the sandbox's superuser, who is nobody on the live side.
        """
        then = self.after if migrated else self.before
        owned = [name for name, table in then.tables.items() if table.owner == self.superuser]
        owners = {live.tables[name].owner for name in owned if name in live.tables}
        if len(owners) != 1 or owners == {self.superuser}:
            return then, ""
        owner = owners.pop()
        document = _renamed(then.to_json(), self.superuser, owner)
        return Catalog.from_json(document), f"; {owner} owns here what {self.superuser} owned in the rehearsal"

    def compares(self, name: str, then: Catalog, live: Catalog) -> bool:
        """False for an object of a schema that only the plan's prelude made in the rehearsal."""
        if self.schemas is None:
            return True
        found: Any = then.objects().get(name) or live.objects()[name]
        if getattr(found, "table", None):
            return parse_relation(found.table).schema in self.schemas
        schema = found.name if name.startswith("schema:") else getattr(found, "schema", None)
        return schema is None or schema in self.schemas


def _renamed(document: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """The catalog's document with another name for an owner, in privileges as well."""

    def rename(value: Any) -> Any:
        return new if value == old else value

    changed = dict(document)
    for name, listed in document.items():
        if isinstance(listed, list):
            changed[name] = [
                each
                | ({"owner": rename(each["owner"])} if "owner" in each else {})
                | ({"acl": sorted([rename(grant[0]), *grant[1:3], rename(grant[3])] for grant in each["acl"])}
                   if each.get("acl") else {})
                for each in listed
            ]  # fmt: skip
    return changed


def keep_rehearsals(report_dir: Path) -> None:
    """Puts what the folder's result knows of rehearsals aside, as a live run writes a result of its own there.

    Raises:
        CutoverError: a file is there and cannot be read.
    """
    known = read_rehearsals(report_dir / "result.json")
    if known:
        kept = report_dir / KEPT
        content = json.dumps({"mode": "live", "rehearsals": read_rehearsals(kept) | known}, ensure_ascii=False)
        aside = kept.with_name(f".{kept.name}.{os.getpid()}")
        aside.write_text(content + "\n", encoding="utf-8")
        os.replace(aside, kept)


def read_rehearsals(path: Path) -> dict[str, Any]:
    """What the result file knows of rehearsals, by plan.

    Raises:
        CutoverError: the file is there and cannot be read.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        if result["mode"] == "live":
            return dict(result.get("rehearsals", {}))
        return {
            plan["name"]: {
                "started": result["started"], "verdict": plan["verdict"], "migration": plan["hashes"]["migration"],
                "server_version": plan["target"].get("server_version", ""),
                "superuser": plan["target"].get("superuser", ""), "schemas": plan["target"].get("schemas"),
                "schema": plan.get("schema"), "backup_taken": plan.get("backup", {}).get("taken"),
                "plan": plan["hashes"]["plan"],
                "passed": [each["id"] for each in plan["criteria"] if each["outcome"] == "passed"],
            }
            for plan in result["plans"]
        }  # fmt: skip
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CutoverError(f"--rehearsal {path}: is no result of a run: {type(error).__name__}: {error}") from error


def rehearsed(known: Mapping[str, Any], plan: Plan, path: Path) -> Rehearsed:
    """The rehearsal of this plan with this migration.

    Raises:
        NotChecked: there is none, or not of this migration, or it was no GO.
    """
    advice = "rehearse the plan with: pytest, or name its result with --rehearsal=PATH"
    found = known.get(plan.name)
    if found is None:
        raise NotChecked(f"{path.name} holds no rehearsal of {plan.name}: {advice}")
    if found["migration"] != plan.migration_sha256:
        raise NotChecked(f"the migration is not the one that was rehearsed on {found['started']}: {advice}")
    if found["verdict"] != "GO":
        raise NotChecked(
            f"the rehearsal of {found['started']} was {found['verdict']}: only a GO is compared with; {advice}"
        )
    schema = found["schema"]
    if not schema:
        raise NotChecked(f"the rehearsal of {found['started']} has no migrated schema to compare with: {advice}")
    return Rehearsed(
        found["started"], found["verdict"], found["server_version"], found["superuser"],
        Catalog.from_json(schema["before"]), Catalog.from_json(schema["after"]),
        None if found["schemas"] is None else tuple(found["schemas"]), found.get("backup_taken"),
        found.get("plan", ""), frozenset(found.get("passed", [])),
    )  # fmt: skip
