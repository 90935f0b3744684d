"""Row-level security of a table is on, forced or not, with the policies that should be there."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from pytest_cutover.catalog import Catalog, Policy, Table
from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.rows import TableKind
from pytest_cutover.database import Database
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.plan.model import Text
from pytest_cutover.plan.values import Count, Range, TableName


class RowLevelSecurity(TableKind):
    """Row-level security of the table is on or off, forced or not, and has exactly the policies that it should."""

    KIND: ClassVar[str] = "rls"
    GROUP: ClassVar[str] = "schema"
    ASKS_ROWS_BEFORE: ClassVar[bool] = False
    PROVES: ClassVar[str] = (
        "The catalog says whether row-level security is enabled and forced, and which policies the table has. Where it "
        "is enabled and there is no policy, so that nobody but the owner and exempt roles sees a row, the criterion "
        "fails unless `policies = []` says that this is meant."
    )
    CANNOT: ClassVar[str] = (
        "A policy of the right name may let everybody through: what a role sees is for `visible`. The owner and roles with "
        "BYPASSRLS are exempt; `forced` binds the owner, nothing binds the others."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='table = "notes"\nenabled = true\npolicies = ["notes_of_tenant"]',
        before="CREATE TABLE notes (id int PRIMARY KEY, tenant text NOT NULL);\n"
        "INSERT INTO notes VALUES (1, 'a');\n"
        "CREATE POLICY notes_of_tenant ON notes USING (tenant = current_setting('app.tenant', true));",
        passing="ALTER TABLE notes ENABLE ROW LEVEL SECURITY;",
        failing="COMMENT ON POLICY notes_of_tenant ON notes IS 'protects the tenants';",
        message="row-level security of notes is disabled, expected is enabled: its 1 policy has no effect",
        plan='changes.altered = ["table:notes"]',
        failing_plan='changes.altered = ["policy:notes.notes_of_tenant"]',
    )

    table: TableName = Field(description="the table")
    enabled: bool = Field(True, strict=True, description="whether row-level security is on")
    forced: bool | None = Field(None, strict=True, description="whether it binds the table's owner, too")
    policies: list[Text] | Count | None = Field(
        None, description="the names of its policies, neither more nor fewer; or how many it has"
    )

    @field_validator("policies")
    @classmethod
    def _named_once(cls, given: list[str] | Range | None) -> list[str] | Range | None:
        if isinstance(given, list) and len(set(given)) < len(given):
            twice = sorted({name for name in given if given.count(name) > 1})
            raise ValueError(f"named twice: {', '.join(twice)}")
        return given

    def find(self, before: Database, after: Database) -> Finding:
        """Finds how the table's security differs."""
        lacking = self.missing(before, after, self.table)
        if lacking is not None:
            return lacking
        if self.table not in after.catalog.tables:
            return Finding(
                False, f"{self.table} is a view, which has no row-level security of its own", expected=self._expected(),
                actual="a view",
            )  # fmt: skip
        wrong = self._wrong(after.catalog)
        old = before.catalog.tables.get(self.table)
        policies = _policies(after.catalog, self.table)
        listed = [(each.name, each.command, ", ".join(each.roles)) for each in policies]
        return Finding(
            not wrong,
            f"row-level security of {self.table} {'; '.join(wrong) if wrong else 'is as it should be'}",
            before="no such table" if old is None else _shown(old, _policies(before.catalog, self.table)),
            expected=self._expected(),
            actual=_shown(after.catalog.tables[self.table], policies),
            evidence=(Evidence.of(f"Policies of {self.table}", ("policy", "command", "roles"), listed),)
            if wrong and listed
            else (),
            held_before=old is not None and not self._wrong(before.catalog),
        )

    def _wrong(self, catalog: Catalog) -> list[str]:
        found = catalog.tables[self.table]
        policies = _policies(catalog, self.table)
        names = [each.name for each in policies]
        wrong = []
        if found.rls_enabled != self.enabled:
            idle = f": its {_number(len(names))} {'has' if len(names) == 1 else 'have'} no effect" if names else ""
            wrong.append(
                f"is {_word(found.rls_enabled)}, expected is {_word(self.enabled)}{idle if self.enabled else ''}"
            )
        if self.forced is not None and found.rls_forced != self.forced:
            wrong.append(
                "is not forced: it does not bind the owner" if self.forced else "is forced, expected is not forced"
            )
        if isinstance(self.policies, list):
            missing = [name for name in self.policies if name not in names]
            extra = [name for name in names if name not in self.policies]
            wrong += [f"lacks the policy {', '.join(missing)}"] if missing else []
            wrong += [f"has the policy {', '.join(extra)} besides those named"] if extra else []
        elif self.policies is not None and len(names) not in self.policies:
            wrong.append(f"has {_number(len(names))}, expected {self.policies}")
        elif found.rls_enabled and self.enabled and not any(each.permissive for each in policies):
            which = "with restrictive policies only" if names else "without a policy"
            wrong.append(f"is enabled {which}: nobody but the owner and exempt roles sees a row")
        return wrong

    def _expected(self) -> str:
        parts = [_word(self.enabled)]
        if self.forced is not None:
            parts.append("forced" if self.forced else "not forced")
        if isinstance(self.policies, list):
            parts.append(f"policies {', '.join(self.policies)}" if self.policies else "no policy")
        elif self.policies is not None:
            parts.append(f"{self.policies} policies")
        return ", ".join(parts)


def _policies(catalog: Catalog, table: str) -> list[Policy]:
    return sorted((each for each in catalog.policies.values() if each.table == table), key=lambda each: each.name)


def _shown(table: Table, policies: list[Policy]) -> str:
    names = ", ".join(each.name for each in policies)
    forced = ", forced" if table.rls_forced else ""
    return f"{_word(table.rls_enabled)}{forced}, " + (f"policies {names}" if names else "no policy")


def _word(enabled: bool) -> str:
    return "enabled" if enabled else "disabled"


def _number(policies: int) -> str:
    return "1 policy" if policies == 1 else f"{policies} policies"
