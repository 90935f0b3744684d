"""What every criterion kind is: its keys, what it proves and cannot prove, an example of each outcome, a check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import model_validator

from pytest_cutover.plan.model import Criterion, Phase

KINDS: dict[str, type[Kind]] = {}
"""Every kind by its name, filled as the modules beside this one are imported."""


@dataclass(frozen=True)
class Example:
    """One example, run as a test and printed in the reference.

    `criterion` is the `[[criteria]]` table in TOML, without its `id` and `kind` lines. `before` makes the database
    that the rehearsal starts from; `passing` and `failing` are two migrations of it, and `message` is a part of what
    the failing one is told. `plan` is more TOML for the plan file, `rollback` the content of a `rollback.sql`,
    `files` more files beside the plan by name. `failing_plan`, `failing_rollback` replace these for the failing one.
    """

    criterion: str
    before: str
    passing: str
    failing: str
    message: str
    plan: str = ""
    failing_plan: str | None = None
    rollback: str = ""
    failing_rollback: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)


class Kind(Criterion):
    """Base of the kinds. A subclass adds its keys as fields and defines `check`, which returns a `Finding`.

    `check` raises `NotChecked` where the question cannot be decided and `NotApplicable` where it has no meaning.
    The docstring's first line says what is true when the criterion holds.
    """

    GROUP: ClassVar[str]
    """The heading in the reference: run, schema, data, behaviour, queries."""
    PROVES: ClassVar[str]
    """What a GO on this criterion means, in one or two sentences."""
    CANNOT: ClassVar[str]
    """What it does not prove, in one or two sentences."""
    EXAMPLE: ClassVar[Example]
    IMPLICIT: ClassVar[bool] = False
    """True for the kinds that every plan has without asking."""
    QUESTIONS: ClassVar[tuple[str, ...]] = ()
    """What such a kind asks one by one, each as a criterion KIND:QUESTION."""
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("rehearsal", "before", "after", "monitor")
    """The phases in which the kind has a meaning."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if cls.KIND:
            KINDS[cls.KIND] = cls

    @model_validator(mode="after")
    def _kind_is_ours(self) -> Kind:
        if self.KIND and self.kind != self.KIND:
            raise ValueError(f'kind = "{self.kind}" given to {self.KIND}')
        strange = [phase for phase in self.phases if phase not in self.MEANINGFUL]
        if strange and "phases" in self.model_fields_set:
            raise ValueError(
                f'phases: {self.KIND} has no meaning in the phase "{strange[0]}"; allowed: {", ".join(self.MEANINGFUL)}'
            )
        return self

    def before_values(self) -> Kind | None:
        """What the criterion says of the time before the migration, None where it says nothing of it."""
        return None

    def after_values(self) -> Kind | None:
        """What it says of the time after the migration, None where it says nothing of it."""
        return self
