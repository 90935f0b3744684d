"""Each hazard is found in its bad example and not in its good one, on each major version, whoever runs the steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_cutover.hazards import HAZARDS, Found, Scene, find
from pytest_cutover.sandbox import Server
from tests.tracing import RUNNERS, migrated

_TOGETHER = [name for name, hazard in HAZARDS.items() if hazard.ROLE is None and not hazard.AS_OWNER]


def _schema(name: str, variant: str) -> str:
    return f"{variant}_{name.replace('-', '_')}"


@pytest.fixture(scope="module", params=RUNNERS)
def scene(
    request: pytest.FixtureRequest, traced_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """One migration of all examples that need no role, each in a schema of its own."""
    before, migration = "", ""
    for name in _TOGETHER:
        for variant, text in (("bad", HAZARDS[name].BAD), ("good", HAZARDS[name].GOOD)):
            schema = _schema(name, variant)
            before += f"CREATE SCHEMA {schema};\nSET search_path = {schema};\n{HAZARDS[name].BEFORE}\n"
            migration += f"RESET ALL;\nSET search_path = {schema};\n{text}\n"
    with migrated(traced_server, tmp_path_factory.mktemp("hazards"), before, migration, request.param) as done:
        assert done.run.ok, done.run.failed_step
        yield done.scene()


@pytest.mark.parametrize("name", _TOGETHER)
def test_the_bad_example_has_the_hazard_and_the_good_one_has_it_not(name: str, scene: Scene) -> None:
    """The same job is done by both."""
    found = find(HAZARDS[name], scene)

    assert len([each for each in found if _schema(name, "bad") in each.object]) == 1, found
    assert not [each for each in found if _schema(name, "good") in each.object]
    assert {each.id for each in found} == {name}


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", sorted(HAZARDS.keys() - set(_TOGETHER)))
def test_the_examples_where_it_matters_who_runs_them_have_and_have_not_their_hazard(
    name: str, runner: str, traced_server: Server, tmp_path: Path
) -> None:
    """As above, each by itself."""
    hazard = HAZARDS[name]
    traced_server.create_roles([hazard.ROLE] if hazard.ROLE is not None else [])
    found: list[list[Found]] = []
    for text in (hazard.BAD, hazard.GOOD):
        with migrated(traced_server, tmp_path, hazard.BEFORE, text, runner, hazard.ROLE) as done:
            assert done.run.ok, done.run.failed_step
            found.append(find(hazard, done.scene()))

    assert [len(each) for each in found] == [1, 0]
