"""Who approved which result: a list beside it, each entry bound to the result's SHA-256.

The file proves that the result is the one that was approved. It does not prove who wrote the entry: keep it where that is
known, as in a commit.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pytest_cutover.criteria import KINDS
from pytest_cutover.errors import CutoverError, PlanError
from pytest_cutover.plan.load import find_plan_folders, load_plans
from pytest_cutover.plugin.claims import marked_kinds
from pytest_cutover.report.deployment import render_deployment
from pytest_cutover.report.files import DEPLOYMENT
from pytest_cutover.report.result import FORMAT, write_text
from pytest_cutover.verdict import FAILED, GO, NOT_CHECKED, PASSED, WAIVED, overall

SIGN_OFFS = "sign-off.json"


class SignOffRefusedError(CutoverError):
    """The result is not one that is signed off without a word."""


@dataclass(frozen=True)
class SignOff:
    """One approval: by whom, of what, when (UTC), of which result, and despite what."""

    by: str
    what: str
    when: str
    verdict: str | None
    run_id: str
    plans: tuple[str, ...]
    waived: tuple[str, ...]
    despite: str
    result_sha256: str


@dataclass(frozen=True)
class Verified:
    """The approvals of a result as it is now, and those of other ones; `stale` says which plans are not those that it
    tells of, and is None where there are no plans to compare with."""

    sha256: str
    stale: tuple[str, ...] | None
    bound: tuple[SignOff, ...] = field(default=())
    others: tuple[SignOff, ...] = field(default=())


def sign(path: Path, by: str, what: str = "", despite: str = "", plans: Path = Path("migrations")) -> SignOff:
    """Adds an approval of the result at `path` to the list beside it; `deployment.md` beside it shows it.

    Raises:
        SignOffRefusedError: the verdict is not GO, and no reason is given to go on despite it; or a plan in the folder
            `plans` is not the one that the result tells of. Nothing was written.
        CutoverError: the result or the list cannot be read.
    """
    result, sha256 = _read_result(path)
    verdict = result["verdict"]
    if not by.strip():
        raise CutoverError("--by is empty: name a team or a role")
    if verdict == GO and despite:
        raise CutoverError("--despite is for a result that is not GO: leave it out")
    if verdict != GO and not despite.strip():
        reason = f": {result['reason']}" if result.get("reason") else ""
        raise SignOffRefusedError(
            f"not signed off: the verdict of {path} is {verdict or 'none: nothing was rehearsed'}{reason}\n"
            "Whoever goes on all the same says why: --despite REASON."
        )
    stale = list(_stale(result, plans))
    if stale:
        raise SignOffRefusedError(f"not signed off: {'; '.join(stale)}. Run pytest again")
    entry = SignOff(
        by.strip(), what.strip() or _what(result), datetime.now(timezone.utc).isoformat(timespec="seconds")[:19] + "Z",
        verdict, str(result.get("run_id", "")), tuple(plan["name"] for plan in result["plans"]), tuple(_waived(result)),
        despite.strip(), sha256,
    )  # fmt: skip
    with _locked(path.parent):
        listed = [*_read_list(path.parent), entry]
        content = {"format": 1, "sign_offs": [asdict(each) for each in listed]}
        write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", path.parent / SIGN_OFFS)
    bound = [asdict(each) for each in listed if each.result_sha256 == sha256]
    write_text(render_deployment(result, bound), path.parent / DEPLOYMENT)
    return entry


def verify(path: Path, plans: Path = Path("migrations")) -> Verified:
    """The approvals beside the result at `path`, by whether they are of the result as it is now; and whether the plans
    in the folder `plans` still are what it tells of.

    Raises:
        CutoverError: the result or the list cannot be read.
    """
    result, sha256 = _read_result(path)
    listed = _read_list(path.parent)
    return Verified(
        sha256,
        None if not plans.is_dir() else tuple(_stale(result, plans)),
        tuple(each for each in listed if each.result_sha256 == sha256),
        tuple(each for each in listed if each.result_sha256 != sha256),
    )


def _read_result(path: Path) -> tuple[dict[str, Any], str]:
    try:
        content = path.read_bytes()
        result = json.loads(content)
    except OSError as error:
        raise CutoverError(f"{path}: cannot be read: {error.strerror}; run pytest first") from error
    except ValueError as error:
        raise CutoverError(f"{path}: is not JSON: {error}") from error
    if not isinstance(result, dict) or result.get("format") != FORMAT or "verdict" not in result:
        raise CutoverError(f"{path}: is not a result of format {FORMAT}; run pytest again")
    if result["verdict"] == GO and not _follows(result):
        raise CutoverError(f"{path}: its verdict does not follow from its criteria: run pytest again")
    return result, hashlib.sha256(content).hexdigest()


def _follows(result: Mapping[str, Any]) -> bool:
    """True where everything in the result is a GO as its verdict is."""
    try:
        outcomes = [[each["outcome"] for each in plan["criteria"]] for plan in result["plans"]]
        return overall([plan["verdict"] for plan in result["plans"]]) == GO and all(
            {PASSED, WAIVED} & set(found) and not {FAILED, NOT_CHECKED} & set(found) for found in outcomes
        )
    except (KeyError, TypeError):
        return False


def _stale(result: Mapping[str, Any], plans: Path) -> Iterator[str]:
    """The plans of the result that are other ones now, in words; none where there is no folder of plans."""
    if not plans.is_dir():
        return
    folders = {folder.name: folder.resolve() for folder in find_plan_folders(plans)}
    root = plans.resolve().parent
    own = [kind for kind in marked_kinds(root / "verifications") if kind not in KINDS]
    for plan in result["plans"]:
        name, hashes = str(plan["name"]), plan.get("hashes", {})
        if name not in folders:
            yield f"there is no plan {name} in {plans}/"
            continue
        try:
            now = load_plans([folders[name]], root, KINDS, own)[0]
        except PlanError as error:
            yield f"{name} cannot be read: {error}"
            continue
        if hashes.get("migration") != now.migration_sha256:
            yield f"the migration of {name} changed since the result was written"
        elif hashes.get("plan") != now.plan_sha256:
            yield f"plan.toml of {name}, or a file that its criteria name, changed since the result was written"


def _read_list(folder: Path) -> list[SignOff]:
    path = folder / SIGN_OFFS
    try:
        listed = json.loads(path.read_bytes())["sign_offs"]
        return [SignOff(**each | {key: tuple(each[key]) for key in ("plans", "waived")}) for each in listed]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CutoverError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise CutoverError(f"{path}: is not a list of sign-offs: put it aside, nothing is overwritten") from error


def _what(result: Mapping[str, Any]) -> str:
    names = ", ".join(plan["name"] for plan in result["plans"]) or "no plan"
    if result.get("mode") != "live":
        return f"the rehearsal of {names}"
    places = ", ".join(dict.fromkeys(str(plan.get("target", {}).get("kind", "")) for plan in result["plans"]))
    return f"the live check of {names} on {places}"


def _waived(result: Mapping[str, Any]) -> Iterator[str]:
    for plan in result["plans"]:
        yield from (f"{plan['name']}: {each['id']}" for each in plan["criteria"] if each["outcome"] == WAIVED)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else adds to the list meanwhile, where the file system can lock."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
