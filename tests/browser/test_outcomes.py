"""The outcomes and import screens in a real browser: read, choose, upload, store, undo; uploaded text stays text."""

from __future__ import annotations

import pytest

from tests.outcomes_samples import HEADER, good_rows, long_csv

EVIL = "<img src=x onerror=alert(1)>,[evil](http://evil.example) **bold** :smile: www.evil.example"


@pytest.fixture
def own_server(tmp_path, monkeypatch, request, demo_store):
    """An app with a clinic store of its own."""
    monkeypatch.setenv("KNEEWISE_STORE", str(tmp_path / "clinic"))
    return request.getfixturevalue("fresh_server")


def export(rows: int) -> dict:
    """An upload whose unread columns are named by somebody who means harm, with one row to refuse."""
    lines = [f"{row},a,b" for row in good_rows(rows)]
    lines[3] = lines[3].replace(",60,", ",=cmd(),").replace(",61,", ",=cmd(),")
    return {"name": "x.csv", "mimeType": "text/csv", "buffer": long_csv(lines, f"{HEADER},{EVIL}")}


def upload(page, settled, rows: int) -> None:
    page.locator("input[type=file]").set_input_files(export(rows))
    page.get_by_text("What this file holds; nothing is stored yet").wait_for()
    settled(page)


def choose(page, settled, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()
    settled(page)


PARTS = (
    "Headline", "Over time", "Sites and clinicians", "Subgroups", "Time to recovery", "Treatments", "Data quality",
)  # fmt: skip


def open_part(page, settled, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).click()
    settled(page)
    page.locator(".js-plotly-plot .main-svg").first.wait_for()


def click_row(page, chart: int, row: int) -> None:
    """Click into a row of a chart of rows, beside its mark."""
    plot = page.locator(".js-plotly-plot").nth(chart).locator(".nsewdrag").first.bounding_box()
    rows = page.locator(".js-plotly-plot").nth(chart).locator(".ytick").count()
    page.mouse.click(plot["x"] + 0.1 * plot["width"], plot["y"] + plot["height"] * (row + 0.5) / rows)


def test_the_outcomes_are_read_at_a_glance(demo_store, page, open_screen, picture):
    open_screen(page, "outcomes")
    page.locator(".js-plotly-plot").wait_for()
    for label in ("People counted", "Completeness", "Average change, in points", "Improved by what matters"):
        assert page.get_by_test_id("stMetric").filter(has_text=label).is_visible()
    assert page.get_by_text("Synthetic data.").is_visible()
    assert page.get_by_text("regression to the mean").is_visible()
    assert page.get_by_text("Newest quarter whose follow-up is over").is_visible()
    assert page.get_by_role("figure").count() == 1
    picture(page, "outcomes")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_part_of_the_outcomes_shuts_anybody_out_and_all_fit_a_tablet(
    scheme, demo_store, new_page, open_screen, settled, serious_violations
):
    page = new_page(size="tablet", scheme=scheme)
    open_screen(page, "outcomes")
    main = page.locator("[data-testid=stMain]")
    # In the dark only what has colours of its own: the rest are the same elements.
    for name in PARTS if scheme == "light" else ("Over time", "Sites and clinicians", "Subgroups"):
        open_part(page, settled, name)
        if name == "Subgroups":
            choose(page, settled, "Split by", "Site")
        wide = scheme == "light" and name in ("Subgroups", "Treatments")
        tables = page.get_by_text("The same as a table").all() if wide else []
        for number, table in enumerate(tables, 1):
            table.click()
            page.get_by_role("table").nth(number - 1).wait_for()
        assert serious_violations(page) == [], name
        assert main.evaluate("part => part.scrollWidth <= part.clientWidth"), name


def test_a_click_on_a_group_shows_the_other_charts_of_it_alone_and_a_link_shows_the_same(
    demo_store, new_page, open_screen, settled
):
    page = new_page()
    open_screen(page, "outcomes")
    open_part(page, settled, "Subgroups")
    choose(page, settled, "Split by", "Site")
    click_row(page, 0, 1)
    page.get_by_role("button", name="Only: site North").wait_for()
    settled(page)
    page.get_by_text("shows all groups; the other charts show North only").wait_for()
    assert page.locator(".js-plotly-plot").nth(0).locator(".ytick").count() == 4
    assert page.locator(".js-plotly-plot").nth(1).locator(".ytick").count() == 1
    assert page.url.endswith("section=subgroups&split=site&only=site.North")
    other = new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Only: site North").wait_for()
    other.get_by_text("shows all groups; the other charts show North only").wait_for()
    page.get_by_role("button", name="Only: site North").click()
    settled(page)
    page.get_by_text("Click a group to see it alone").wait_for()
    assert page.url.endswith("section=subgroups&split=site")
    page.go_back()
    page.get_by_role("button", name="Only: site North").wait_for()


def test_a_table_and_a_picture_are_saved_and_say_synthetic(demo_store, page, open_screen, settled):
    """Hazard KW-H19. The picture by the keyboard, drawn in this browser alone."""
    open_screen(page, "outcomes")
    page.get_by_text("The same as a table").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as CSV").click()
    assert waiting.value.suggested_filename.startswith("kneewise-SYNTHETIC-missing-")
    assert waiting.value.path().read_text(encoding="utf-8-sig").lstrip('"').startswith("SYNTHETIC DATA")
    page.get_by_role("radio", name="SVG").click()
    settled(page)
    camera = page.get_by_role("button", name="Save “What those who did not come back could change” as SVG")
    camera.focus()
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename == "kneewise-SYNTHETIC-missing.svg"
    assert "SYNTHETIC DATA" in waiting.value.path().read_text(encoding="utf-8")


def test_the_yearly_report_is_saved_with_one_click_as_a_pdf(
    demo_store, new_page, open_screen, settled, serious_violations
):
    page = new_page(size="tablet", scheme="dark")
    open_screen(page, "outcomes")
    save = page.get_by_role("button", name="Save the report of 2025 (PDF)")
    settled(page)
    if not save.is_visible():  # the server has not made it yet
        page.get_by_text("Yearly report, as a PDF").click()
    save.wait_for()
    settled(page)
    assert serious_violations(page) == []
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("part => part.scrollWidth <= part.clientWidth")
    names = []
    for _ in range(2):
        with page.expect_download() as waiting:
            save.click()
        assert waiting.value.path().read_bytes().startswith(b"%PDF")
        names.append(waiting.value.suggested_filename)
    assert all(name.startswith("kneewise-SYNTHETIC-report-2025-akps-") and name.endswith(".pdf") for name in names)
    choose(page, settled, "Year in which people started", "2024")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save the report of 2024 (PDF)").click()
    assert waiting.value.suggested_filename.startswith("kneewise-SYNTHETIC-report-2024-akps-")
    assert page.get_by_test_id("stMetric").count() == 4  # the figures above stayed


def test_the_keyboard_alone_splits_the_outcomes(demo_store, page, open_screen, settled):
    open_screen(page, "outcomes")
    page.get_by_role("radio", name="Subgroups", exact=True).focus()
    page.keyboard.press("Space")
    settled(page)
    page.get_by_role("combobox", name="Split by").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("Sex")
    page.keyboard.press("Enter")
    settled(page)
    page.get_by_text("groups in a fixed order, not by result").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_export_is_previewed_stored_and_taken_back(
    scheme, own_server, new_page, open_screen, settled, serious_violations, picture
):
    page = new_page(size="tablet", scheme=scheme, address=own_server.address)
    page.on("dialog", lambda dialog: pytest.fail(f"an upload ran a script: {dialog.message}"))
    open_screen(page, "import_data")
    assert page.get_by_text("Nothing yet.").is_visible()
    upload(page, settled, 60)
    assert serious_violations(page) == []
    if scheme == "light":
        picture(page, "import_data")
    page.get_by_text("2 columns are not read and not stored").click()
    page.get_by_text(EVIL.partition(",")[0]).wait_for()
    main = page.locator("[data-testid=stMain]")
    assert main.locator("img[src=x]").count() == 0
    assert main.locator("a[href*=evil]").count() == 0
    assert main.get_by_text("**bold** :smile:").count() == 1
    page.get_by_role("tab", name="Refused rows (1)").click()
    page.get_by_text("this is a spreadsheet formula, not a value.").wait_for()
    page.get_by_role("button", name="Store these records").click()
    page.get_by_text("Stored as version").wait_for()
    settled(page)
    upload(page, settled, 80)
    page.get_by_role("button", name="Store these records").click()
    page.get_by_text("Stored as version").wait_for()
    page.get_by_text("about 80").wait_for()
    page.get_by_role("button", name="Undo the last import").click()
    page.get_by_role("button", name="Bring it back").click()
    page.get_by_text("The last import is undone.").wait_for()
    page.get_by_text("about 60").wait_for()
    page.get_by_role("link", name="Outcomes", exact=True).click()
    settled(page)
    page.locator(".js-plotly-plot").first.wait_for()
    assert page.get_by_text("Synthetic data.").count() == 0
    assert main.evaluate("part => part.scrollWidth <= part.clientWidth")


def test_a_file_that_is_no_table_gets_one_sentence(own_server, new_page, open_screen, settled):
    """Hazard KW-H18."""
    page = new_page(address=own_server.address)
    open_screen(page, "import_data")
    page.locator("input[type=file]").set_input_files(
        {"name": "scan.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\x00\x01\x02" * 40}
    )
    page.get_by_text("bytes that are not text").wait_for()
    assert page.get_by_role("alert").count() == 1
    assert page.get_by_text("Traceback").count() == 0
    assert page.get_by_role("button", name="Store these records").count() == 0
