"""pytest-html's log as `pytest.html`: switched on, with the verdict on top, and with nothing in it that can act.

pytest-html builds its rows with JavaScript from HTML, and escapes neither test ids nor its environment table.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.plugin.outcomes import PAYLOAD
from pytest_cutover.plugin.session import RUN
from pytest_cutover.report import text, view, words

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_ACCOUNT = re.compile(r"(?<=://)[^/\s@]+@")
_TEST_ID = '<td class="col-testId">'
_COLOURS = {words.GO: "#1d7048", words.NO_GO: "#b3372c", words.INCOMPLETE: "#85560a", words.NONE: "#5d5a54"}
_STYLE = """<style>
body { display: flex; flex-direction: column; color: #5d5a54; }
a { color: #24567f; }
#results-table { color: #1d1c1a; }
#environment-header, #environment, footer { order: 1; }
.cutover { margin: 0 0 1.5em; color: #1d1c1a; }
.cutover p { margin: .35em 0; font-size: 14px; max-width: 60em; }
.cutover .word { font-size: 40px; font-weight: bold; margin: 0; }
.cutover td { padding: .25em 1.5em .25em 0; vertical-align: top; font-size: 13px; }
.col-plan, .col-criterion { font-family: monospace; }
</style>"""


def switch_on(config: pytest.Config, path: Path) -> None:
    """Has pytest-html write its log to `path`, unless the command line asks for another file or pytest-html is off.

    Call it before pytest-html's own `pytest_configure` (`tryfirst`), and not in a worker: there is one log.
    """
    if not hasattr(config.option, "htmlpath"):
        return
    if config.option.htmlpath is None:
        config.option.htmlpath = str(path)
        config.option.self_contained_html = True
    where = Path(os.path.expandvars(config.option.htmlpath)).expanduser().absolute()
    config.pluginmanager.register(_Log(where, path.with_name("report.html")), "cutover-pytest-html")


def verdict_of(config: pytest.Config) -> dict[str, Any] | None:
    """The result of this run, None as long as there is none."""
    run = config.stash.get(RUN, None)
    return None if run is None else run.result


class _Log:
    """The hooks that pytest-html calls."""

    def __init__(self, path: Path, report: Path) -> None:
        self._link = Path(os.path.relpath(report, path.parent)).as_posix()
        self._data: Any = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: Any) -> None:
        """Remembers the log, whose title has to wait for the verdict."""
        report.title = "cutover"
        report.set_data("environment", _harmless(report.data.get("environment", {})))
        self._data = report

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str], session: pytest.Session) -> None:
        """Puts the verdict on top."""
        result = verdict_of(session.config)
        if result is None:
            return
        run = view.read(result)
        if self._data is not None:
            self._data.title = " · ".join([run.verdict, *(text.one_line(plan.name) for plan in run.plans[:3])])
        prefix.insert(0, _summary(run, self._link))

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Adds the columns for plan and criterion."""
        cells[1:1] = [
            '<th class="sortable" data-column-type="plan">Plan</th>',
            '<th class="sortable" data-column-type="criterion">Criterion</th>',
        ]

    @pytest.hookimpl(optionalhook=True, trylast=True)
    def pytest_html_results_table_row(self, report: Any, cells: list[str]) -> None:
        """Fills those columns, and escapes the test id."""
        if not cells:
            return  # another plugin took the row out
        for position, cell in enumerate(cells):
            if cell.startswith(_TEST_ID):
                cells[position] = _TEST_ID + _html(cell.removeprefix(_TEST_ID).removesuffix("</td>")) + "</td>"
        payload = getattr(report, PAYLOAD, None) or {}
        record = payload.get("record") or {}
        cells[1:1] = [
            f'<td class="col-plan">{_html(payload.get("plan") or "")}</td>',
            f'<td class="col-criterion">{_html(record.get("id") or "")}</td>',
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_html(self, data: list[str]) -> None:
        """Takes control characters out of what tests printed; pytest-html has escaped it already."""
        data[:] = [text.clean(_ANSI.sub("", part)) for part in data]


def _summary(run: view.RunView, link: str) -> str:
    plans = "".join(
        f'<tr><td style="color:{_COLOURS[plan.verdict]}"><b>{_html(plan.verdict)}</b></td>'
        f"<td>{_html(plan.name)}</td><td>{_html(plan.reason)}</td></tr>"
        for plan in run.plans
    )
    return (
        f'{_STYLE}<div class="cutover"><p class="word" style="color:{_COLOURS[run.verdict]}">{_html(run.verdict)}</p>'
        f"<p>{_html(run.reason)}</p>"
        + (f"<table>{plans}</table>" if len(run.plans) > 1 else "")
        + f'<p><a href="{_html(link)}">The report</a> shows what was found; this is pytest\'s log of the checks.</p></div>'
    )


def _html(value: object) -> str:
    return escape(text.one_line(value))


def _harmless(value: Any) -> Any:
    """The environment table as text that is no HTML, without the account of any address in it."""
    if isinstance(value, Mapping):
        return {_html(key): _harmless(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_harmless(part) for part in value]
    return _html(_ACCOUNT.sub("", text.clean(value)))
