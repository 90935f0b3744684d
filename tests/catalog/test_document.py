"""A catalog goes through JSON without loss."""

from __future__ import annotations

import json

import pytest

from pytest_cutover.catalog import Catalog, diff
from pytest_cutover.errors import CutoverError


def test_a_catalog_comes_back_from_json_as_it_was(rich_catalog: Catalog) -> None:
    again = Catalog.from_json(json.loads(json.dumps(rich_catalog.to_json())))

    assert again == rich_catalog
    assert not diff(rich_catalog, again)
    assert again.primary_key("app.events") == ("id", "at")
    assert json.dumps(again.to_json()) == json.dumps(rich_catalog.to_json())


def test_what_is_as_usual_is_left_out(rich_catalog: Catalog) -> None:
    columns = rich_catalog.to_json()["columns"]

    assert {"table": "base", "name": "b", "position": 2, "type": "text"} in columns


def test_a_document_of_another_format_is_refused(rich_catalog: Catalog) -> None:
    with pytest.raises(CutoverError, match="has format 99; this version reads 1"):
        Catalog.from_json({**rich_catalog.to_json(), "format": 99})


@pytest.mark.parametrize(
    "damage",
    [{"tables": None}, {"tables": [{"name": "x"}]}, {"columns": [{"table": "t", "colour": 1}]}, {"tables": [7]}],
)
def test_a_damaged_document_is_refused(rich_catalog: Catalog, damage: dict[str, object]) -> None:
    with pytest.raises(CutoverError, match="a saved catalog is damaged"):
        Catalog.from_json({**rich_catalog.to_json(), **damage})


def test_a_document_without_a_part_is_refused(rich_catalog: Catalog) -> None:
    document = rich_catalog.to_json()
    del document["policies"]

    with pytest.raises(CutoverError, match="a saved catalog is damaged: KeyError: 'policies'"):
        Catalog.from_json(document)


def test_no_password_is_written(rich_catalog: Catalog) -> None:
    assert "not to be shown" not in json.dumps(rich_catalog.to_json())
