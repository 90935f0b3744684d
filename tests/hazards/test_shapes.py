"""A hazard is found in whatever shape it comes, and what only looks like one is not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from pytest_cutover.hazards import HAZARDS, Hazards, Scene, find_all
from pytest_cutover.sandbox import Server
from tests.hazards.shapes import SHAPES as LEFT
from tests.hazards.shapes_of_work import WAITING, WORK
from tests.tracing import RUNNERS, migrated

SHAPES = LEFT | WORK | WAITING


@pytest.fixture(scope="module", params=RUNNERS)
def hazards(
    request: pytest.FixtureRequest, traced_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hazards]:
    """All that is found in one migration of all shapes, each in a schema of its own."""
    before, migration = "", ""
    for name, shape in SHAPES.items():
        schema = f"CREATE SCHEMA {name};\nSET search_path = {name};\n"
        before += f"{schema}{shape.before}\n".replace("~", name)
        migration += f"RESET ALL;\nSET search_path = {name};\nSET lock_timeout = '2s';\n{shape.migration}\n".replace(
            "~", name
        )
    with migrated(traced_server, tmp_path_factory.mktemp("shapes"), before, migration, request.param) as done:
        assert done.run.ok, done.run.failed_step
        yield find_all(Scene(done.before, done.after, done.recording))


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_has_the_hazards_that_it_has(name: str, hazards: Hazards) -> None:
    """Each of them, on the right object, and no other."""
    found = [f"{each.id} {each.object}" for each in hazards.found if re.search(rf"\b{name}\.", each.object)]

    assert sorted(found) == sorted(each.replace("~", name) for each in SHAPES[name].hazards)
    assert hazards.unknown.keys() == {each for each, hazard in HAZARDS.items() if hazard.AS_OWNER}
