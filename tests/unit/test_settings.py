"""The settings of the server on which controls in the hazard log rest."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

SETTINGS = tomllib.loads((Path(__file__).resolve().parents[2] / ".streamlit" / "config.toml").read_text("utf-8"))


def test_only_this_machine_is_served():
    assert SETTINGS["server"]["address"] == "127.0.0.1"
    assert set(SETTINGS["server"]["allowedHosts"]) == {"127.0.0.1", "localhost", "::1"}
    assert SETTINGS["server"]["enableAgentApi"] is False


def test_a_sleeping_tablet_keeps_its_session():
    """Hazard KW-H15."""
    assert SETTINGS["server"]["disconnectedSessionTTL"] >= 4 * 60 * 60


def test_no_trace_reaches_the_screen():
    """Hazard KW-H18."""
    assert SETTINGS["client"]["showErrorDetails"] == "none"
    assert SETTINGS["logger"]["enableRich"] is False


def test_streamlits_own_export_is_off():
    """Hazard KW-H19."""
    assert SETTINGS["client"]["disableDataExport"] is True


def test_nobody_else_hears_of_it():
    """Hazard KW-H16."""
    assert SETTINGS["browser"]["gatherUsageStats"] is False


def test_an_upload_fits_the_memory_we_promise():
    """Uploads lie in memory; a file of 500 MB is refused before it is sent."""
    assert SETTINGS["server"]["maxUploadSize"] <= 200


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb". Source: WCAG 2.2, definition of relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21. Source: WCAG 2.2."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_chart_colours_can_be_told_from_the_page(scheme):
    """WCAG 1.4.3: 4.5 for text; 1.4.11: 3 for what is drawn."""
    theme = SETTINGS["theme"][scheme]
    pages = (theme["backgroundColor"], theme["secondaryBackgroundColor"])
    for page in pages:
        for name in ("textColor", "primaryColor", "linkColor", *(name for name in theme if name.endswith("TextColor"))):
            assert contrast(theme[name], page) >= 4.5, (name, page)
        for colour in theme["chartCategoricalColors"]:
            assert contrast(colour, page) >= 3, (colour, page)


def test_the_contrast_is_computed_as_in_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
