"""A picture of each screen, as the README shows it: not blank, with its heading."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from PIL import Image

from kneewise.ui.frame import SCREENS

PICTURES = {screen: screen for screen in SCREENS} | {"explorer_patient": "explorer"}


@pytest.mark.parametrize("name", list(PICTURES))
def test_the_picture_of_a_screen_shows_its_heading_and_something_below(
    name, page, open_screen, settled, picture, demo_store
):
    stem = PICTURES[name]
    open_screen(page, stem)
    if name == "explorer_patient":
        page.get_by_role("radio", name="Patient", exact=True).click()
        page.get_by_text("What helps").wait_for()
    settled(page)
    if stem in ("explorer", "outcomes"):
        page.locator(".js-plotly-plot .main-svg").first.wait_for()
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    picture(page, name)

    heading = page.get_by_role("heading", level=1, name=SCREENS[stem].title, exact=True)
    box = heading.bounding_box()
    assert heading.is_visible()
    assert 0 <= box["y"] < 900 - box["height"]
    shot = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    assert shot.size == (1440, 900)
    for part in (
        shot.crop((int(box["x"]), int(box["y"]), int(box["x"] + 300), int(box["y"] + box["height"]))),
        shot.crop((0, 250, 1440, 900)),
    ):  # the heading, and what stands below it
        colours = Counter(part.get_flattened_data() if hasattr(part, "get_flattened_data") else part.getdata())
        assert len(colours) > 20
        assert colours.most_common(1)[0][1] < 0.985 * part.width * part.height
    assert page.locator("[data-testid=stException]").count() == 0
