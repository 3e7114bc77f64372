"""The mapping of an unknown export in a real browser: readable on a tablet in the dark, usable, harmless."""

from __future__ import annotations

import pytest

from kneewise.outcomes.profiles import own_folder_of


@pytest.fixture
def own_server(tmp_path, monkeypatch, request):
    """An app with an empty clinic store of its own."""
    monkeypatch.setenv("KNEEWISE_STORE", str(tmp_path / "clinic"))
    monkeypatch.setenv("KNEEWISE_DEMO_STORE", str(tmp_path / "demo"))
    return request.getfixturevalue("fresh_server")


def sheet() -> bytes:
    lines = ["Pat No,Full Name,Age,Gender,Arm,Kujala 0w,Kujala 6w,<img src=x onerror=alert(1)>"]
    lines += [
        f"K{n},Anna{n} Smith,{18 + n},{'F' if n % 2 else 'M'},{('tape', 'wait')[n % 2]},{50 + n % 9},{60 + n % 9},**x**"
        for n in range(40)
    ]
    return "\n".join(lines).encode()


def test_an_unknown_export_is_mapped_on_a_tablet_in_the_dark(
    own_server, new_page, open_screen, settled, serious_violations, tmp_path
):
    page = new_page(size="tablet", scheme="dark", address=own_server.address)
    page.on("dialog", lambda dialog: pytest.fail(f"an upload ran a script: {dialog.message}"))
    open_screen(page, "import_data")
    page.locator("input[type=file]").set_input_files({"name": "x.csv", "mimeType": "text/csv", "buffer": sheet()})
    page.get_by_text("What each column means").wait_for()
    settled(page)
    assert page.get_by_text("Still to say").is_visible()
    assert serious_violations(page) == []
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("part => part.scrollWidth <= part.clientWidth")
    assert page.get_by_text("Anna").count() == 0
    assert main.locator("img[src=x]").count() == 0
    open_value = page.get_by_role("combobox", name="wait")
    open_value.scroll_into_view_if_needed()
    page.wait_for_timeout(600)  # a list that is open closes when the page scrolls
    open_value.click()
    page.get_by_role("option", name="not known", exact=True).click()
    page.get_by_role("button", name="See what would be imported").click()
    page.get_by_text("What this file holds; nothing is stored yet").wait_for()
    settled(page)
    assert serious_violations(page) == []
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save this mapping as a file").click()
    assert "id: clinic_export" in waiting.value.path().read_text(encoding="utf-8")
    page.get_by_role("button", name="Store these records").click()
    page.get_by_text("Stored as version").wait_for()
    assert (own_folder_of(tmp_path / "clinic") / "clinic_export.yaml").exists()


def visits() -> bytes:
    """One row per visit, one of which nobody can place in time."""
    rows = [line for n in range(40) for line in (f"A{n},North,baseline,{50 + n % 7}", f"A{n},North,6 weeks,{60 + n % 7}")]
    rows[5] = rows[5].replace("6 weeks", "extra")
    return "\n".join(["ref,clinic,visit,AKPS", *rows]).encode()


def test_a_visit_that_is_not_known_is_said_on_a_tablet(own_server, new_page, open_screen, settled, serious_violations):
    page = new_page(size="tablet", scheme="dark", address=own_server.address)
    open_screen(page, "import_data")
    page.locator("input[type=file]").set_input_files({"name": "x.csv", "mimeType": "text/csv", "buffer": visits()})
    page.get_by_text("Still to say").wait_for()
    settled(page)
    assert page.get_by_label("extra: days since the start").is_visible()
    page.get_by_text("extra: not known").click()
    page.get_by_role("button", name="See what would be imported").wait_for()
    settled(page)
    assert page.get_by_label("extra: days since the start").count() == 0
    assert serious_violations(page) == []
    page.get_by_role("button", name="See what would be imported").click()
    page.get_by_text("1 row of column 'visit' stands for a visit that is not known; left out.").wait_for()
