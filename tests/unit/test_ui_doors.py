"""Downloads, caches, session and server: the doors that guard the measured hazards of the platform."""

from __future__ import annotations

import json
import logging

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from kneewise.errors import FindingsError
from kneewise.ui import caches, downloads, server, session


def test_two_files_of_one_name_get_two_names():
    """Hazard KW-H07."""
    names = {downloads.unique_name("handout.pdf") for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith("handout-") and name.endswith(".pdf") for name in names)


@given(some.text())
def test_no_text_becomes_a_path(text):
    """Uploaded text is never a path."""
    assert not set(downloads.unique_name(text)) - set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    )
    assert not downloads.unique_name(text).startswith(".")


def test_a_file_of_one_mebibyte_is_refused_and_the_byte_below_is_not():
    """Hazard KW-H07: from 1 MiB on, Streamlit tells files apart by sample."""
    downloads.check_size(b"x" * (1024 * 1024 - 1))
    with pytest.raises(downloads.DownloadRefused, match="under 1 MB"):
        downloads.check_size(b"x" * (1024 * 1024))


def test_two_arguments_never_look_like_two_others():
    """Hazard KW-H12: Streamlit's own key confuses these two."""
    assert caches.plain_key(("doc1", "acme"), {}) != caches.plain_key(("doc1str:orgstr:acme",), {})


plain = some.one_of(some.none(), some.booleans(), some.integers(), some.floats(allow_nan=False), some.text(max_size=20))


@given(some.lists(plain, max_size=4), some.lists(plain, max_size=4))
def test_one_key_means_one_list_of_arguments(one, other):
    """Hazard KW-H12."""
    same = caches.plain_key(tuple(one), {}) == caches.plain_key(tuple(other), {})
    assert same == ([(type(each), repr(each)) for each in one] == [(type(each), repr(each)) for each in other])


@pytest.mark.parametrize("value", [pd.DataFrame({"a": [1]}), [1], {"a": 1}, "free text " * 20, b"bytes"])
def test_a_frame_or_free_text_is_no_key(value):
    """Hazard KW-H12: a frame would be hashed by sample."""
    with pytest.raises(TypeError):
        caches.plain_key(("v1", value), {})


def test_a_new_version_is_computed_anew_and_an_old_one_is_not():
    """Hazard KW-H12."""
    asked = []

    @caches.remember(max_entries=4)
    def total(version: str, clinic: str) -> str:
        asked.append((version, clinic))
        return f"{version}/{clinic}"

    assert [total("v1", "a"), total("v1", "a"), total("v2", "a"), total("v1", "b")] == ["v1/a", "v1/a", "v2/a", "v1/b"]
    assert asked == [("v1", "a"), ("v2", "a"), ("v1", "b")]


def test_two_functions_never_share_a_result():
    """Hazard KW-H12: both are wrapped by the same inner function."""

    @caches.remember()
    def one(version: str) -> str:
        return "one"

    @caches.remember()
    def two(version: str) -> str:
        return "two"

    assert (one("v"), two("v")) == ("one", "two")


def page(script):
    """A one-page app in a session of its own."""
    return AppTest.from_function(script, default_timeout=20).run()


def test_a_widget_finds_its_value_again_after_it_was_gone():
    """Hazard KW-H14."""

    def script():
        import streamlit as st

        from kneewise.ui import session

        if st.toggle("Show", value=True, key="show"):
            st.number_input("Pain", **session.keep(("screen", "pain"), 2.0))

    app = page(script)
    app.number_input[0].set_value(7.0).run()
    app.toggle(key="show").set_value(False).run()
    assert len(app.number_input) == 0
    app.toggle(key="show").set_value(True).run()
    assert app.number_input[0].value == 7.0


def test_what_replaces_the_work_shows_in_the_widgets():
    """Hazard KW-H17: a widget must not go on showing what no longer holds."""

    def script():
        import streamlit as st

        from kneewise.ui import session

        options = ("present", "absent", "not tested")
        tie = session.keep_finding("finding.example", not_tested="not tested", options=options)
        st.selectbox("Example", options, **tie)
        st.button("Open", on_click=session.replace_findings, args=({"finding.example": {"value": "absent"}},))
        st.button("Clear", on_click=session.clear)
        st.write(str(session.findings()))

    app = page(script)
    assert app.selectbox[0].value == "not tested"
    assert app.markdown[0].value == "{}"
    app.selectbox[0].set_value("present").run()
    assert app.markdown[0].value == "{'finding.example': {'value': 'present', 'unit': None}}"
    app.button[0].click().run()
    assert app.selectbox[0].value == "absent"
    app.selectbox[0].set_value("not tested").run()
    assert app.markdown[0].value == "{}"
    app.selectbox[0].set_value("present").run()
    app.button[1].click().run()
    assert app.selectbox[0].value == "not tested"
    assert app.markdown[0].value == "{}"


def test_a_kept_value_that_is_no_longer_offered_falls_back_visibly():
    """Hazard KW-H17: Streamlit raises, or resets in silence."""

    def script():
        import streamlit as st

        from kneewise.ui import session

        session.put("screen.instrument", "retired")
        st.selectbox("Instrument", ("a", "b"), **session.keep("screen.instrument", "a", ("a", "b")))

    app = page(script)
    assert [each.value for each in app.exception] == []
    assert app.selectbox[0].value == "a"


def test_the_work_is_plain_data_that_a_file_can_hold():
    """Hazard KW-H15: what was saved can be opened again."""

    def script():
        import streamlit as st

        from kneewise.ui import session

        session.set_finding("finding.example", 3.5, "mm")
        session.put(("week", "before", "activity.example"), 4)
        session.set_case_progress("case.example", {"committed": ["a"]})
        saved = session.work()
        session.clear()
        session.replace(saved)
        st.write(session.findings() == saved["findings"] and session.work() == saved)
        st.json(saved)

    app = page(script)
    assert [each.value for each in app.exception] == []
    assert app.markdown[0].value == "`True`"
    assert json.loads(app.json[0].value)["findings"] == {"finding.example": {"value": 3.5, "unit": "mm"}}


@pytest.mark.parametrize("wrong", [{"patient_name": "x"}, {"findings": []}, {"view": 3}])
def test_work_of_another_shape_is_refused_with_a_sentence(wrong):
    with pytest.raises(FindingsError) as refused:
        session.replace(wrong)
    assert refused.value.sentences[0].endswith(".")


@pytest.mark.parametrize("value", [pd.DataFrame(), object(), float("nan"), {"a": {1: 2}}])
def test_only_plain_data_is_kept(value):
    with pytest.raises(TypeError):
        session.put("screen.thing", value)


def test_the_policy_allows_the_inline_script_by_its_hash_and_nothing_else():
    """Hazard KW-H16. The hash is that of `x`, computed with sha256sum and base64."""
    policy = server.content_security_policy('<script>x</script><script type="module" src="./a.js"></script>')
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert scripts == "script-src 'self' 'wasm-unsafe-eval' 'sha256-LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE='"
    assert "unsafe-inline" not in scripts
    assert "http" not in policy


def test_what_somebody_typed_stays_out_of_the_log():
    """Hazard KW-H18: an exception's message may hold it."""
    try:
        raise ValueError("Jane Example, born 1.2.1970")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, __file__, 1, "Failed", (), (type(error), error, error.__traceback__)
        )
    assert server.WithoutMessage().filter(record) is True
    written = logging.Formatter().format(record)
    assert "Jane" not in written.replace('raise ValueError("Jane Example, born 1.2.1970")', "")
    assert "ValueError" in written
    assert "test_ui_doors.py" in written


def test_a_failure_on_a_page_shows_one_kind_sentence_and_an_id():
    """Hazard KW-H18."""

    def script():
        from kneewise.errors import StoreError
        from kneewise.ui import server

        server.say_what_failed(StoreError("The store is being changed; try again in a minute."))
        server.say_what_failed(ZeroDivisionError("secret"))

    app = page(script)
    assert app.error[0].value == "The store is being changed; try again in a minute."
    assert app.error[1].value.startswith("Sorry, this page could not be finished.")
    assert "secret" not in app.error[1].value
