"""The built leg is the one its sources make, and small enough to come over a clinic's network at once."""

from __future__ import annotations

import gzip

import pytest

from kneewise.leg import bundle

SMALLEST = 10_000  # bytes: less would not be a leg
BUDGET = (
    160_000  # bytes over the network: the module compressed, and the shapes, which are compressed as they lie there
)


def test_the_built_module_is_made_from_these_sources():
    built = bundle.fingerprint_of(bundle.bundle_path())
    assert built == bundle.sources_fingerprint(), "The leg's sources changed: run `python -m kneewise.leg.bundle`."


def test_module_and_shapes_stay_within_the_budget():
    module = len(gzip.compress(bundle.bundle_path().read_bytes(), 6))
    shapes = bundle.shapes_path()
    assert module > SMALLEST
    assert shapes is not None
    assert module + shapes.stat().st_size <= BUDGET


def test_the_module_needs_no_eval_and_nothing_from_elsewhere():
    """Hazard KW-H16: the page's policy forbids both."""
    text = bundle.bundle_path().read_text(encoding="utf-8")
    addresses = text.replace("http://www.w3.org/", "")  # names of SVG and MathML, which nothing fetches
    assert "eval(" not in text
    assert "new Function" not in text
    assert "://" not in addresses


def test_line_ends_and_order_do_not_change_the_fingerprint(tmp_path):
    for folder, ending in (("one", b"\n"), ("other", b"\r\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "entry.js").write_bytes(b"a();" + ending)
        (tmp_path / folder / "outlines.json").write_bytes(b"{}" + ending)
    assert bundle.sources_fingerprint(tmp_path / "one") == bundle.sources_fingerprint(tmp_path / "other")


@pytest.mark.parametrize("change", ["text", "name"])
def test_a_changed_source_changes_the_fingerprint(tmp_path, change):
    script = tmp_path / "entry.js"
    script.write_text("a();")
    before = bundle.sources_fingerprint(tmp_path)
    if change == "text":
        script.write_text("b();")
    else:
        script.rename(tmp_path / "other.js")
    assert bundle.sources_fingerprint(tmp_path) != before


@pytest.mark.parametrize("built", [(), ("leg-1.js", "leg-2.js")])
def test_no_module_or_two_are_refused_with_the_way_out(tmp_path, built):
    for name in built:
        (tmp_path / name).write_text("")
    with pytest.raises(bundle.BundleError, match=r"python -m kneewise\.leg\.bundle"):
        bundle.bundle_path(tmp_path)


def test_without_esbuild_there_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "ESBUILD_FOLDER", tmp_path)
    with pytest.raises(bundle.BundleError, match="npm ci"):
        bundle.build()
