"""What a plan asks less of, or accepts more of, than it did before.

Both plans are compared as they are written, not as the model reads them: an older plan may hold what is no longer
allowed. Where it cannot be said that another value asks for more, it counts as changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_cutover.plan.model import Live
from pytest_cutover.plan.values import Range, parse_duration

_RANKS = (
    "plan removed", "plan not compared", "check removed", "criterion removed", "rollback removed", "waiver added",
    "waiver extended", "waiver changed", "declared change added", "declared rows widened", "residue added",
    "budget removed", "budget raised", "setting relaxed", "criterion changed", "rollback changed", "check changed",
    "setting changed",
)  # fmt: skip
_SHOWN = 200
_SAYS_NOTHING = {"id", "why", "source", "budget", "phases"}
"""Keys of a criterion that do not say what must hold, or are compared in a way of their own."""
_PHASES = ["rehearsal", "before", "after", "monitor"]
_CHANGED = {
    "": ("engine",),
    "backup": ("path", "command", "sha256", "taken", "prelude"),
    "sandbox": ("image",),
    "migrate": ("role", "rerun", "busy"),
    "live": tuple(Live.model_fields),
}
"""Keys that decide what is rehearsed, and how: another value is neither more nor less."""
_NEUTRAL = {
    "": {"title", "owner", "criteria", "waivers", "rollback", "changes"},
    "backup": {"timeout", "max_bytes", "max_age", "expect"},
    "sandbox": {"extensions"},
    "migrate": {"steps", "budget"},
    "live": {"budget"},
    "report": set(),
    "targets": set(),
}
"""Keys that weaken nothing, or are compared in a way of their own."""

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Weakening:
    """One thing that is checked less, or differently: in which plan (empty: in all), what, of what, before and now."""

    plan: str
    what: str
    subject: str
    before: str
    after: str

    @property
    def rank(self) -> tuple[int, str, str]:
        """The place in a list: the worst first."""
        return _RANKS.index(self.what), self.plan, self.subject


def weakened_plan(plan: str, old: Json, new: Json, differs: Callable[[str], bool]) -> list[Weakening]:
    """What the new content of a plan file weakens; `differs` says whether a file that it names is another one."""
    found = [*_criteria(old, new, differs), *_waivers(old, new), *_changes(old, new), *_rollbacks(old, new)]
    found += [*_backup(old, new), *_content(old, new, differs), *_budgets(old, new), *_settings(old, new)]
    return [Weakening(plan, what, subject, text_of(before), text_of(after)) for what, subject, before, after in found]


_Found = Iterator[tuple[str, str, Any, Any]]


def _criteria(old: Json, new: Json, differs: Callable[[str], bool]) -> _Found:
    now = {str(each.get("id")): each for each in _tables(new, "criteria")}
    for before in _tables(old, "criteria"):
        name = str(before.get("id"))
        after = now.get(name)
        if after is None:
            yield "criterion removed", name, _without(before, {"id", "why", "source"}), None
            continue
        for key in dict.fromkeys([*before, *after]):
            if key not in _SAYS_NOTHING and not _same(before.get(key), after.get(key)):
                yield "criterion changed", f"{name}: {key}", before.get(key), after.get(key)
        lost = [phase for phase in before.get("phases", _PHASES) if phase not in after.get("phases", _PHASES)]
        if lost:
            yield "criterion changed", f"{name}: phases", before.get("phases", _PHASES), after.get("phases", _PHASES)
        yield from _budget(f"{name}: budget", before.get("budget"), after.get("budget"))
        for key in ("file", "files"):
            if isinstance(after.get(key), str) and after[key] == before.get(key) and differs(after[key]):
                yield "criterion changed", f"{name}: content of {after[key]}", "", ""


def _waivers(old: Json, new: Json) -> _Found:
    known = {str(each.get("criterion")): each for each in _tables(old, "waivers")}
    for after in _tables(new, "waivers"):
        name = str(after.get("criterion"))
        before = known.get(name)
        shown = _without(after, {"criterion"})
        if before is None:
            yield "waiver added", name, None, shown
        elif not _same(before.get("accepts"), after.get("accepts")):
            yield "waiver changed", name, before.get("accepts"), after.get("accepts")
        elif str(after.get("until")) > str(before.get("until")):
            yield "waiver extended", name, before.get("until"), after.get("until")


def _changes(old: Json, new: Json) -> _Found:
    before, after = _table(old, "changes"), _table(new, "changes")
    for key in ("added", "dropped", "altered"):
        for name in _list(after, key):
            if name not in _list(before, key):
                yield "declared change added", f"{key}: {name}", None, None
    old_rows, new_rows = _table(before, "rows"), _table(after, "rows")
    for table in new_rows:
        was, now = _table(old_rows, table), _table(new_rows, table)
        more = [column for column in _list(now, "changed") if column not in _list(was, "changed")]
        if more:
            yield "declared rows widened", f"{table}: changed", _list(was, "changed"), _list(now, "changed")
        for key in ("added", "deleted"):
            # Of a table that goes, any number of rows may go unless the plan says how many.
            dropped = key == "deleted" and f"table:{table}" in _list(after, "dropped")
            if _wider(was.get(key, 0), now.get(key, None if dropped else 0)):
                yield "declared rows widened", f"{table}: {key}", was.get(key, 0), now.get(key, "any")


def _rollbacks(old: Json, new: Json) -> _Found:
    now = {str(each.get("name")): each for each in _tables(new, "rollback")}
    for before in _tables(old, "rollback"):
        name = str(before.get("name"))
        after = now.get(name)
        if after is None:
            yield "rollback removed", name, _without(before, {"name"}), None
            continue
        if after.get("restore") and not before.get("restore"):
            yield "rollback changed", name, "steps", "only restores the backup"
        for each in _list(after, "residue"):
            if each not in _list(before, "residue"):
                yield "residue added", f"{name}: {each}", None, None
        yield from _budget(f"rollback {name}", before.get("budget"), after.get("budget"))
        yield from _step_budgets(f"rollback {name}: ", before, after)
    for name, after in now.items():
        if all(str(each.get("name")) != name for each in _tables(old, "rollback")) and _list(after, "residue"):
            yield "residue added", f"{name}: {', '.join(map(str, _list(after, 'residue')))}", None, None


def _backup(old: Json, new: Json) -> _Found:
    before, after = _table(old, "backup"), _table(new, "backup")
    yield from _budget("backup.max_age", before.get("max_age"), after.get("max_age"))
    was, now = _table(before, "expect"), _table(after, "expect")
    if "tables" in was and _wider(was["tables"], now.get("tables")):
        yield "setting relaxed", "backup.expect.tables", was["tables"], now.get("tables")
    for table, rows in _table(was, "rows").items():
        if _wider(rows, _table(now, "rows").get(table)):
            yield "setting relaxed", f"backup.expect.rows.{table}", rows, _table(now, "rows").get(table)


def _content(old: Json, new: Json, differs: Callable[[str], bool]) -> _Found:
    before, after = _table(old, "backup"), _table(new, "backup")
    kept = [after.get("path")] if after.get("path") == before.get("path") else []
    for name in [*kept, *(each for each in _list(after, "prelude") if each in _list(before, "prelude"))]:
        if isinstance(name, str) and differs(name):
            yield "setting changed", f"backup: content of {name}", "", ""


def _budgets(old: Json, new: Json) -> _Found:
    yield from _budget("migrate", _table(old, "migrate").get("budget"), _table(new, "migrate").get("budget"))
    yield from _budget("live", _table(old, "live").get("budget"), _table(new, "live").get("budget"))
    yield from _step_budgets("", _table(old, "migrate"), _table(new, "migrate"))


def _settings(old: Json, new: Json) -> _Found:
    for section in _NEUTRAL:
        was, now = (old, new) if not section else (_table(old, section), _table(new, section))
        for key in dict.fromkeys([*was, *now]):
            before, after = was.get(key), now.get(key)
            known = key in _NEUTRAL.get(section, set()) or (not section and key in _NEUTRAL)
            if known or _same(before, after):
                continue
            name = f"{section}.{key}" if section else key
            if before == "fail":
                yield "setting relaxed", name, before, after
            elif key in _CHANGED.get(section, ()) or before is not None:
                yield "setting changed", name, before, after


def _step_budgets(where: str, old: Json, new: Json) -> _Found:
    now = {_step(each): each for each in _tables(new, "steps")}
    known = {_step(each) for each in _tables(old, "steps")}
    instead = [each.get("budget") for name, each in now.items() if name not in known]
    for before in _tables(old, "steps"):
        after = now.get(_step(before))
        if after is not None:
            yield from _budget(f"{where}step {_step(before)}", before.get("budget"), after.get("budget"))
        elif None in instead:
            # A step of another name may be the same one, without its budget.
            yield from _budget(f"{where}step {_step(before)}", before.get("budget"), None)


def _step(step: Json) -> str:
    command = step.get("command")
    return " ".join(map(str, command)) if isinstance(command, list) else str(step.get("sql") or step.get("flyway"))


def _budget(subject: str, before: Any, after: Any) -> _Found:
    if before is not None and after is None:
        yield "budget removed", subject, before, None
    elif before is not None and not _same(before, after):
        old, new = _seconds(before), _seconds(after)
        if old is None or new is None or new > old:
            yield "budget raised", subject, before, after


def _seconds(value: Any) -> float | None:
    try:
        return parse_duration(value)
    except ValueError:
        return None


def _wider(before: Any, after: Any) -> bool:
    """True where a number is accepted that was not; None accepts any."""
    if before is None or after is None:
        return before is not None and after is None
    try:
        old, new = Range.parse(before), Range.parse(after)
    except ValueError:
        return not _same(before, after)
    unbounded = new.maximum is None and old.maximum is not None
    higher = new.maximum is not None and old.maximum is not None and new.maximum > old.maximum
    return new.minimum < old.minimum or unbounded or higher


def _same(before: Any, after: Any) -> bool:
    if type(before) is type(after) is str and before != after:
        seconds = _seconds(before)
        return seconds is not None and seconds == _seconds(after)
    return type(before) is type(after) and bool(before == after)


def _table(data: Json, key: str) -> Json:
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def _list(data: Json, key: str) -> list[Any]:
    value = data.get(key)
    return value if isinstance(value, list) else []


def _tables(data: Json, key: str) -> list[Json]:
    return [each for each in _list(data, key) if isinstance(each, Mapping)]


def _without(data: Json, keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in keys}


def text_of(value: Any) -> str:
    """The value as a person writes it, on one line."""
    if value is None:
        return ""
    if isinstance(value, dict):
        text = ", ".join(f"{key} = {text_of(each)}" for key, each in value.items())
    elif isinstance(value, (list, bool)):
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
