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


def test_the_outcomes_are_read_at_a_glance(demo_store, page, open_screen, picture):
    open_screen(page, "outcomes")
    page.locator(".js-plotly-plot").nth(3).wait_for()
    for label in ("People counted", "Completeness", "Average change, in points", "Improved by what matters"):
        assert page.get_by_test_id("stMetric").filter(has_text=label).is_visible()
    assert page.get_by_text("Synthetic data.").is_visible()
    assert page.get_by_text("regression to the mean").is_visible()
    assert page.locator(".js-plotly-plot").count() == 4
    assert page.get_by_role("figure").count() == 4
    picture(page, "outcomes")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_split_outcomes_shut_nobody_out_and_fit_a_tablet(
    scheme, demo_store, new_page, open_screen, settled, serious_violations
):
    page = new_page(size="tablet", scheme=scheme)
    open_screen(page, "outcomes")
    choose(page, settled, "Split by", "Site")
    page.get_by_text("The same as a table").first.click()
    page.get_by_role("table").first.wait_for()
    assert serious_violations(page) == []
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("part => part.scrollWidth <= part.clientWidth")


def test_a_table_is_saved_as_csv_that_says_synthetic(demo_store, page, open_screen, settled):
    """Hazard KW-H19."""
    open_screen(page, "outcomes")
    page.get_by_text("Tables to keep").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Completeness and change").click()
    saved = waiting.value
    assert saved.suggested_filename.startswith("kneewise-synthetic-completeness-")
    content = saved.path().read_text(encoding="utf-8-sig")
    assert content.startswith('"SYNTHETIC DATA') or content.startswith("SYNTHETIC DATA")


def test_the_keyboard_alone_splits_the_outcomes(demo_store, page, open_screen, settled):
    open_screen(page, "outcomes")
    page.get_by_role("combobox", name="Split by").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("Sex")
    page.keyboard.press("Enter")
    settled(page)
    page.get_by_text("groups in the order of their names").wait_for()


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
