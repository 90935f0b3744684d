"""pytest-html's log carries the verdict on top, and nothing in it can act."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

CONFTEST = """
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_cutover.plugin.outcomes import PAYLOAD
from pytest_cutover.plugin.pytest_html import switch_on
from pytest_cutover.plugin.session import RUN

RESULT = {result!r}


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.stash[RUN] = SimpleNamespace(result=RESULT)
        switch_on(config, Path("reports/pytest.html").absolute())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    setattr(report, PAYLOAD, {{"plan": "vatsim_cid", "record": {{"id": "no-null-cid"}}, "facts": {{}}}})
    return report
"""
RESULT: dict[str, Any] = {
    "verdict": "NO-GO",
    "plans": [{"name": "vatsim_cid", "verdict": "NO-GO", "reason": "3 rows <b>have</b> no cid", "criteria": []}],
}
PASSING = "def test_it(): pass\n"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose run ends with RESULT. The engine's own plugin is left out: what it found is given."""
    for name in ("GIT_BRANCH", "BUILD_URL", "GIT_URL"):
        monkeypatch.delenv(name, raising=False)
    pytester.makeconftest(CONFTEST.format(result=RESULT))
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:cutover", "-p", "no:randomly", *arguments)


class Log:
    """A written log, as a browser gets it."""

    def __init__(self, path: Path) -> None:
        self.source = path.read_text(encoding="utf-8")
        blob = re.search(r'data-jsonblob="(.*?)"', self.source, re.DOTALL)
        assert blob is not None
        self.data = json.loads(unescape(blob[1]))

    @property
    def rows(self) -> list[list[str]]:
        return [test["resultsTableRow"] for tests in self.data["tests"].values() for test in tests]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two workers"])
def test_the_log_is_written_with_the_verdict_on_top(project: pytest.Pytester, workers: tuple[str, ...]) -> None:
    project.makepyfile(PASSING)

    run(project, *workers).assert_outcomes(passed=1)

    log = Log(project.path / "reports" / "pytest.html")
    assert '<h1 id="title">NO-GO · vatsim_cid</h1>' in log.source
    prefix = log.source.partition('<div class="additional-summary prefix">')[2].partition('class="run-count"')[0]
    assert "NO-GO</p>" in prefix
    assert "3 rows &lt;b&gt;have&lt;/b&gt; no cid" in prefix
    assert 'href="report.html"' in prefix
    assert "<link" not in log.source.partition("<body>")[0], "it is one file"


def test_plan_and_criterion_are_columns_beside_the_result(project: pytest.Pytester) -> None:
    project.makepyfile(PASSING)

    run(project)

    log = Log(project.path / "reports" / "pytest.html")
    heads = re.findall(r"<th[^>]*>([^<]*)</th>", log.source)
    assert heads == ["Result", "Plan", "Criterion", "Test", "Duration", "Links"]
    assert log.rows[0][1:3] == ['<td class="col-plan">vatsim_cid</td>', '<td class="col-criterion">no-null-cid</td>']
    assert log.data["tests"].popitem()[1][0]["criterion"] == "no-null-cid"


def test_a_test_id_that_holds_html_is_shown_and_not_run(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>"])
        def test_it(name): pass
        """
    )

    run(project)

    cell = Log(project.path / "reports" / "pytest.html").rows[0][3]
    assert "&lt;img src=x onerror=alert(1)&gt;" in cell
    assert "<img" not in cell


def test_what_a_test_prints_is_shown_and_not_run(project: pytest.Pytester) -> None:
    project.makepyfile(
        r"""
        def test_it():
            print("\x1b[31mred\x1b[0m <script>alert(1)</script> \u202eevil\x08")
            assert False, "<b>bold</b>"
        """
    )

    run(project)

    shown = json.dumps(Log(project.path / "reports" / "pytest.html").data["tests"], ensure_ascii=False)
    assert "red &lt;script&gt;alert(1)&lt;/script&gt; \\\\u202eevil\\\\x08" in shown
    assert "<script>" not in shown and "<b>" not in shown and "\x1b" not in shown


def test_the_environment_table_holds_no_html_and_no_account(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes over variables of build servers: the name of a branch is anybody's text, an address may hold a token."""
    monkeypatch.setenv("GIT_BRANCH", "<img src=x onerror=alert(1)>")
    monkeypatch.setenv("GIT_URL", "https://robot:s3cret@git.example.net/a.git")
    project.makepyfile(PASSING)

    run(project)

    log = Log(project.path / "reports" / "pytest.html")
    assert log.data["environment"]["GIT_BRANCH"] == "&lt;img src=x onerror=alert(1)&gt;"
    assert log.data["environment"]["GIT_URL"] == "https://git.example.net/a.git"
    assert "s3cret" not in log.source


def test_another_file_asked_for_is_where_the_log_goes(project: pytest.Pytester) -> None:
    project.makepyfile(PASSING)

    run(project, "--html=elsewhere/log.html", "--self-contained-html")

    assert not (project.path / "reports" / "pytest.html").exists()
    assert 'href="../reports/report.html"' in Log(project.path / "elsewhere" / "log.html").source


def test_without_pytest_html_the_run_goes_on(project: pytest.Pytester) -> None:
    project.makepyfile(PASSING)

    run(project, "-p", "no:html").assert_outcomes(passed=1)

    assert not (project.path / "reports").exists()


def test_a_run_without_a_result_has_no_verdict_on_top(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST.format(result=None))
    pytester.makepyfile(PASSING)

    run(pytester).assert_outcomes(passed=1)

    log = Log(pytester.path / "reports" / "pytest.html")
    assert '<h1 id="title">cutover</h1>' in log.source
    assert "GO" not in log.source.partition('id="results-table"')[0].partition("additional-summary")[2]
