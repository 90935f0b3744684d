"""The report in a browser: it reads well on a desk, a phone, in the dark, on paper, by keyboard, and nothing acts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator

from pytest_cutover.report.page import render_page

from . import samples
from .browsing import Desk, Shown, chromium

PHONE = {"width": 390, "height": 844}
SCHEMES = ("light", "dark")
EVERY = {**samples.SAMPLES, "hostile": samples.hostile}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def desk(browser: Browser, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(browser, tmp_path)
    yield desk
    desk.close()


def in_view(shown: Shown, element: Locator) -> bool:
    """True where the beginning of the element is on the screen, without scrolling."""
    box, screen = element.bounding_box(), shown.tab.viewport_size
    return bool(box and screen and box["height"] > 0 and 0 <= box["y"] < screen["height"])


@pytest.mark.parametrize("size", [{"width": 1280, "height": 720}, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("name", ["go", "no_go", "incomplete"])
def test_the_verdict_and_its_reason_are_what_one_sees_first(desk: Desk, name: str, size: dict[str, int]) -> None:
    result = samples.SAMPLES[name]()

    shown = desk.show(result, **size)

    word = shown.tab.locator("h1 .word")
    assert word.inner_text() == result["verdict"]
    for element in (word, shown.tab.locator(".reason"), shown.tab.get_by_text("5 hours old").first):
        assert in_view(shown, element)


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [("no_go", "light", 1280), ("no_go", "dark", 390), ("several", "dark", 1280), ("live", "light", 390)],
)
def test_no_rule_of_accessibility_is_broken(desk: Desk, name: str, scheme: Any, width: int) -> None:
    """axe looks at contrast, names, order and landmarks as they are rendered; folded parts are opened for it."""
    shown = desk.show(EVERY[name](), width=width, color_scheme=scheme, bypass_csp=True)
    shown.tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")

    violations, passed = axe(shown)

    assert violations == []
    assert "color-contrast" in passed


def test_axe_sees_what_is_wrong(desk: Desk) -> None:
    """The test above can fail: text that is hardly darker than its ground is found."""
    shown = desk.show(samples.go(), bypass_csp=True)
    shown.tab.add_style_tag(content=".reason { color: #ddd !important; }")

    violations, _ = axe(shown)

    assert [each.partition(": <")[0] for each in violations] == ["serious: color-contrast"]


def axe(shown: Shown) -> tuple[list[str], set[str]]:
    """What axe finds wrong, the first place of each, and the rules that it found kept."""
    found = Axe().run(shown.tab, options={"resultTypes": ["violations"]}).response
    violations = [f"{each['impact']}: {each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]
    return violations, {each["id"] for each in found["passes"]}


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [("no_go", "light", 1280), ("no_go", "dark", 390), ("several", "dark", 1280), ("several", "light", 390)],
)
def test_pictures_are_kept_for_people(desk: Desk, name: str, scheme: Any, width: int) -> None:
    shown = desk.show(EVERY[name](), width=width, color_scheme=scheme)

    picture = shown.keep(f"{name}-{scheme}-{width}")

    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", EVERY)
def test_a_phone_never_scrolls_sideways_and_the_browser_has_nothing_to_say(desk: Desk, name: str) -> None:
    """A style or an image that the policy forbids would be a message in the console; nothing is loaded from elsewhere."""
    shown = desk.show(EVERY[name](), **PHONE)

    shown.tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")

    assert shown.tab.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert shown.said == []
    assert [url for url in shown.asked if not url.startswith(("file:", "data:image/svg+xml,"))] == []
    assert len(shown.asked) <= 2


def test_the_policy_stops_what_would_act(desk: Desk) -> None:
    """Were there a hole in the escaping, the browser would still refuse: script, style, images and other pages."""
    intruder = (
        "<script>document.title = 'ran'</script><img src='missing.png' onerror=\"document.title = 'ran'\">"
        "<p id=p style='color: rgb(1, 2, 3)'>x</p><iframe src='data:text/html,x'></iframe></main>"
    )

    shown = desk.show(render_page(samples.go()).replace("</main>", intruder))

    assert shown.tab.title() == "GO · vatsim_cid"
    assert shown.tab.evaluate("getComputedStyle(document.getElementById('p')).color") != "rgb(1, 2, 3)"
    assert len([line for line in shown.said if "Content Security Policy" in line]) >= 4


def test_hostile_text_does_nothing_even_without_the_policy(desk: Desk) -> None:
    shown = desk.show(re.sub(r"<meta http-equiv[^>]*>", "", render_page(samples.hostile())))

    assert shown.said == []
    assert shown.tab.locator("script, img, iframe").count() == 0
    assert "<script>alert(1)</script>" in shown.tab.locator("main").inner_text()


def test_it_folds_and_unfolds_without_scripts(desk: Desk) -> None:
    shown = desk.show(samples.go(), java_script_enabled=False)
    fold = shown.tab.locator("details", has_text="Statements and messages").first
    inside = fold.locator("table")
    assert not inside.is_visible()

    fold.locator("summary").click()

    assert inside.is_visible()
    fold.locator("summary").click()
    assert not inside.is_visible()


def test_every_section_is_one_click_away(desk: Desk) -> None:
    shown = desk.show(samples.no_go(), java_script_enabled=False)
    links = shown.tab.locator("nav a")
    assert links.count() >= 8

    for position in range(links.count()):
        link = links.nth(position)
        link.click()
        target = shown.tab.locator(f'[id="{(link.get_attribute("href") or "")[1:]}"]')
        assert in_view(shown, target)


def test_the_address_of_a_criterion_leads_to_it_also_where_it_is_folded(desk: Desk) -> None:
    shown = desk.show(samples.large(200), at="vatsim_cid-no-null-00150", java_script_enabled=False)

    line = shown.tab.locator('[id="vatsim_cid-no-null-00150"]')
    assert in_view(shown, line)
    assert line.locator("a").get_attribute("href") == "#vatsim_cid-no-null-00150"
    assert not shown.tab.locator('[id="vatsim_cid-no-null-00151"]').is_visible()


def test_the_keyboard_is_enough(desk: Desk) -> None:
    shown = desk.show(samples.go())
    focused = "document.activeElement"

    shown.tab.keyboard.press("Tab")
    assert shown.tab.evaluate(f"{focused}.className") == "skip"
    assert in_view(shown, shown.tab.locator(".skip"))
    shown.tab.keyboard.press("Enter")
    assert shown.tab.url.endswith("#main")

    for _ in range(60):
        shown.tab.keyboard.press("Tab")
        if shown.tab.evaluate(f"{focused}.tagName") == "SUMMARY":
            break
    assert shown.tab.evaluate(f"getComputedStyle({focused}).outlineStyle") == "solid"
    shown.tab.keyboard.press("Enter")
    assert shown.tab.evaluate(f"{focused}.parentElement.open")


def test_the_dark_is_dark(desk: Desk) -> None:
    grounds = {
        scheme: shown.tab.evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in SCHEMES
        for shown in [desk.show(samples.go(), color_scheme=scheme)]
    }

    lightness = {scheme: sum(map(int, re.findall(r"\d+", ground)[:3])) for scheme, ground in grounds.items()}
    assert lightness["light"] > 3 * 230
    assert lightness["dark"] < 3 * 40


def test_paper_holds_all_that_is_folded(desk: Desk, tmp_path: Path) -> None:
    """A print is kept as a record: what a click would open on the screen is there, on white, without navigation."""
    shown = desk.show(samples.large(200, failed=0), color_scheme="dark")
    hidden = shown.tab.locator('[id="vatsim_cid-no-null-00199"]')
    assert not hidden.is_visible()

    shown.tab.emulate_media(media="print", color_scheme="dark")

    heights = (
        "[...document.querySelectorAll('details')].map(each => each.lastElementChild.getBoundingClientRect().height)"
    )
    assert min(shown.tab.evaluate(heights)) > 10
    assert hidden.bounding_box() is not None
    assert not shown.tab.locator("nav").is_visible()
    assert shown.tab.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--paper')") == "#fbfaf8"
    pdf = shown.tab.pdf(format="A4")
    assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 8


def test_ten_thousand_criteria_open_in_less_than_three_seconds(desk: Desk) -> None:
    source = render_page(samples.large(10_000))

    seconds = []
    for _ in range(3):  # the best of three: other tests run on this machine
        begun = time.perf_counter()
        shown = desk.show(source)
        assert shown.tab.locator("h1").is_visible()
        seconds.append(time.perf_counter() - begun)

    print("seconds to open:", [f"{each:.2f}" for each in seconds])
    assert min(seconds) < 3, seconds
