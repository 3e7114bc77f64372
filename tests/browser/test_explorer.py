"""The explorer in a real browser: what if by keyboard and by finger, the map answers a tap, small answers, every reader."""

from __future__ import annotations

import json
import re

import pytest

from kneewise.figures.mechanism_map import mechanism_map_of
from kneewise.reasoning import assess, serialise
from kneewise.ui import material
from kneewise.ui.sheet import worked_example

KNOWLEDGE = material.knowledge()
EXAMPLE = worked_example(KNOWLEDGE)
LIT = [link for link in mechanism_map_of(KNOWLEDGE, assess(EXAMPLE, KNOWLEDGE), "clinician").links if link.lit]
MOST_BYTES = 100_000

WHERE = """(id) => {
    const plot = document.querySelector('.js-plotly-plot');
    for (const trace of plot._fullData) {
        const place = (trace.customdata || []).indexOf(id);
        if (place < 0) continue;
        const box = plot.getBoundingClientRect(), layout = plot._fullLayout;
        return [box.left + layout.xaxis._offset + layout.xaxis.d2p(trace.x[place]),
                box.top + layout.yaxis._offset + layout.yaxis.d2p(trace.y[place])];
    }
}"""
LIT_ARROWS = """() => document.querySelector('.js-plotly-plot')._fullLayout.shapes
    .filter(shape => / C /.test(shape.path) && shape.line.color === '#0b5d66')
    .reduce((count, shape) => count + shape.path.match(/ C /g).length, 0)"""


def ready(page, settled) -> None:
    """The page is settled and the map is drawn."""
    settled(page)
    page.locator(".js-plotly-plot .main-svg").first.wait_for()


def map_place(page, identity: str) -> list[float]:
    """Where on the screen the mark of an arrow or factor lies; the map is scrolled into view first."""
    page.locator(".js-plotly-plot").first.scroll_into_view_if_needed()
    return page.evaluate(WHERE, identity)


def chosen_arrow(page):
    return page.get_by_role("combobox", name=re.compile("^Look closer"))


def arrow_name(link) -> str:
    return f"{KNOWLEDGE.entry(link.origin).label.clinician} → {KNOWLEDGE.entry(link.target).label.clinician}"


def focused(page) -> str:
    """The words on the button that has the focus."""
    return page.evaluate("document.activeElement.tagName === 'BUTTON' ? document.activeElement.innerText : ''").strip()


def what_if(page, factor: str):
    """The toggle of the page; the leg has buttons of the same names."""
    return page.locator("[data-testid=stButtonGroup]").get_by_role("button", name=factor, exact=True)


@pytest.mark.parametrize("size", ["desk", "tablet"])
def test_a_factor_is_switched_off_and_on_by_tapping_it(size, new_page, open_screen, settled):
    page = new_page(size=size)
    open_screen(page, "explorer")
    ready(page, settled)
    before = page.evaluate(LIT_ARROWS)
    what_if(page, "Foot pronation").click()
    page.get_by_text("(what if)").wait_for()
    ready(page, settled)
    assert page.evaluate(LIT_ARROWS) < before
    what_if(page, "Foot pronation").click()
    page.get_by_text("(what if)").wait_for(state="detached")
    ready(page, settled)
    assert page.evaluate(LIT_ARROWS) == before


def test_a_factor_is_reached_and_switched_off_with_the_keyboard_alone(page, open_screen, settled):
    open_screen(page, "explorer")
    ready(page, settled)
    before = page.evaluate(LIT_ARROWS)
    page.locator("h1").click()
    first = "Trunk and pelvis control"  # Tab leads to the group, arrow keys within it (as in any toolbar)
    for key, wanted in (("Tab", first), ("ArrowRight", "Foot pronation")):
        for _ in range(100):
            page.keyboard.press(key)
            if focused(page).startswith(wanted):
                break
        assert focused(page).startswith(wanted)
    page.keyboard.press("Space")
    page.get_by_text("(what if)").wait_for()
    ready(page, settled)
    assert page.evaluate(LIT_ARROWS) < before
    assert focused(page).startswith("Foot pronation")  # the focus stays where it was


@pytest.mark.parametrize("size", ["desk", "tablet"])
def test_a_tap_on_an_arrow_opens_it_and_another_can_be_chosen_after_it(size, new_page, open_screen, settled):
    page = new_page(size=size)
    open_screen(page, "explorer")
    ready(page, settled)
    tapped, other = LIT[0], LIT[-1]
    page.mouse.click(*map_place(page, tapped.id))
    page.get_by_text(tapped.studies).wait_for()
    settled(page)
    assert chosen_arrow(page).input_value() == arrow_name(tapped)
    chosen_arrow(page).press_sequentially("Load above")
    page.get_by_role("option", name=arrow_name(other), exact=True).click()
    page.get_by_text(other.studies).wait_for()
    settled(page)
    assert chosen_arrow(page).input_value() == arrow_name(other)
    page.mouse.click(*map_place(page, LIT[1].id))
    page.get_by_text(LIT[1].studies).wait_for()


def test_a_finger_opens_an_arrow_with_two_taps(chromium, server, settled):
    """Under a finger Plotly selects what the tap before had found; so the screen says "tap it twice"."""
    context = chromium().new_context(
        viewport={"width": 1024, "height": 768}, has_touch=True, base_url=server.address, reduced_motion="reduce"
    )
    try:
        page = context.new_page()
        page.goto("/explorer")
        ready(page, settled)
        for link in (LIT[0], LIT[-1]):
            place = map_place(page, link.id)
            page.touchscreen.tap(*place)
            page.wait_for_timeout(1000)  # faster would be Plotly's double click
            ready(page, settled)
            page.touchscreen.tap(*place)
            page.get_by_text(link.studies).wait_for()
            ready(page, settled)
    finally:
        context.close()


@pytest.mark.parametrize("size", ["desk", "tablet"])
@pytest.mark.parametrize("voice", ["Clinician", "Patient"])
def test_with_everything_open_nothing_scrolls_sideways(size, voice, new_page, open_screen, settled):
    page = new_page(size=size)
    open_screen(page, "explorer")
    page.get_by_role("radio", name=voice, exact=True).click()
    page.get_by_role("button", name="Change example").click()
    ready(page, settled)
    for part in ("The same as a table", "What can make the same activity easier"):
        for place in range(page.locator("summary", has_text=part).count()):
            page.locator("summary", has_text=part).nth(place).click()
            ready(page, settled)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("part => part.scrollWidth <= part.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("situation", ["patient", "own findings", "what if", "red flag", "arrow"])
def test_the_explorer_shuts_nobody_out(situation, scheme, new_page, open_screen, settled, serious_violations, tmp_path):
    page = new_page(scheme=scheme)
    open_screen(page, "explorer")
    if situation == "patient":
        page.get_by_role("radio", name="Patient", exact=True).click()
    elif situation == "own findings":
        page.get_by_role("button", name="Change example").click()
    elif situation == "what if":
        what_if(page, "Foot pronation").click()
        page.get_by_text("(what if)").wait_for()
    elif situation == "arrow":
        page.mouse.click(*map_place(page, LIT[0].id))
        page.get_by_text(LIT[0].studies).wait_for()
    else:
        open_file(page, settled, tmp_path, serialise(EXAMPLE.with_value("finding.locked_knee", True), KNOWLEDGE))
        page.get_by_role("button", name="Use them in this window").click()
        page.get_by_role("alert").first.wait_for()
    settled(page)
    page.keyboard.press("Escape")
    assert serious_violations(page) == []


def open_file(page, settled, folder, content: str) -> None:
    """Open a findings file through the file chooser."""
    file = folder / "findings.json"
    file.write_text(content, encoding="utf-8")
    page.get_by_role("button", name="File", exact=True).click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text(re.compile("findings read|There is no finding|not valid")).first.wait_for()
    settled(page)


def test_a_saved_file_opens_in_another_window_and_shows_the_same_map(new_page, open_screen, settled, tmp_path):
    page, other = new_page(), new_page()
    open_screen(page, "explorer")
    page.get_by_role("button", name="Change example").click()
    ready(page, settled)
    file_button = page.get_by_role("button", name="File", exact=True)
    file_button.nth(1).wait_for(state="detached")  # the row is made anew, and for a moment the old one is still there
    file_button.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save findings").click()
    assert re.fullmatch(r"kneewise-findings-[0-9a-f]{32}\.json", download.value.suggested_filename)
    content = download.value.path().read_text(encoding="utf-8")
    assert set(json.loads(content)) == {"kneewise_findings", "findings", "week", "profile"}
    open_screen(other, "explorer")
    other.get_by_role("button", name="Enter findings").click()
    other.get_by_text("Nothing is marked as present yet").wait_for()
    ready(other, settled)
    open_file(other, settled, tmp_path, content)
    other.get_by_role("button", name="Use them in this window").click()
    other.get_by_text("Nothing is marked as present yet").wait_for(state="detached")
    ready(other, settled)
    assert other.evaluate(LIT_ARROWS) == page.evaluate(LIT_ARROWS) > 0


def test_text_of_a_file_stays_text(new_page, open_screen, settled, tmp_path):
    """Hazard KW-H19; the page would also fail at the end if anything had been fetched from elsewhere."""
    page = new_page()
    open_screen(page, "explorer")
    keys = ("<img src=x onerror=alert(1)>", "**bold**", "![a](http://evil.test/x.png)", "[go](http://evil.test/)")
    content = json.dumps({"kneewise_findings": 1, "findings": {key: {"value": 1} for key in keys}})
    open_file(page, settled, tmp_path, content)
    alert = page.get_by_role("alert").filter(has_text="There is no finding")
    said = alert.inner_text().replace("\u200b", "")
    for key in keys:
        assert key in said
    assert alert.locator("img, a, strong, script").count() == 0


def test_findings_survive_a_walk_through_all_pages(page, open_screen, settled):
    """Hazard KW-H14."""
    open_screen(page, "explorer")
    page.get_by_role("button", name="Change example").click()
    ready(page, settled)
    before = page.evaluate(LIT_ARROWS)
    for title in ("Decision aid", "Outcomes", "Import data", "Cases", "Evidence", "About", "Explorer"):
        page.get_by_role("link", name=title, exact=True).click()
        page.get_by_role("heading", level=1, name=title, exact=True).wait_for()
        settled(page)
    ready(page, settled)
    page.get_by_text(re.compile(rf"{len(EXAMPLE)} findings; nothing leaves it")).wait_for()
    assert page.evaluate(LIT_ARROWS) == before


def test_one_changed_input_sends_at_most_a_hundred_kilobytes(new_page, open_screen, settled):
    """Issue: JavaScript and data for one changed input; counted as bytes, before any compression."""
    page = new_page()
    received = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page.on("response", lambda answer: received.append(int(answer.headers.get("content-length", 0))))
    open_screen(page, "explorer")
    page.get_by_role("button", name="Change example").click()
    ready(page, settled)
    sent = {}

    def silence() -> None:
        """Waits until what came before has arrived: on a busy machine the picture is there before its last message."""
        count = -1
        while count != len(received):
            count = len(received)
            page.wait_for_timeout(700)

    def change(name: str, act, shows: str) -> None:
        silence()
        received.clear()
        act()
        page.get_by_text(shows).first.wait_for()
        ready(page, settled)
        silence()
        sent[name] = sum(received)

    change("what if", lambda: what_if(page, "Foot pronation").click(), "(what if)")
    change("story", lambda: page.get_by_role("radio", name="The story").click(), "This is the story")
    change("arrow", lambda: page.mouse.click(*map_place(page, LIT[0].id)), LIT[0].studies)
    change("voice", lambda: page.get_by_role("radio", name="Patient", exact=True).click(), "may play a part here")
    week = page.get_by_role("spinbutton", name="Planned").first

    def more_walking() -> None:
        week.fill("9000")
        week.press("Enter")

    silence()
    received.clear()
    more_walking()
    page.wait_for_timeout(500)
    ready(page, settled)
    silence()
    sent["week"] = sum(received)
    assert all(0 < size <= MOST_BYTES for size in sent.values()), sent
