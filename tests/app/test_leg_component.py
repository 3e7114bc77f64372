"""The leg on a Streamlit page, without a browser: it is mounted, its script goes by address, its state comes back."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from starlette.applications import Starlette
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest
from streamlit.web.server.starlette.starlette_routes import create_bidi_component_routes

from kneewise.leg import component
from kneewise.leg.bundle import bundle_path, shapes_path
from kneewise.ui.server import SecurityHeaders

BASE = {"spec": {"inputs": []}}
DATA = {"values": {}, "rev": "1"}
MOVED = {"values": {"hip_rotation_deg": 12}, "side": "left", "view": "front", "factors": []}


def page():
    import json

    import streamlit as st

    from kneewise.leg.component import show_leg

    data = {"values": {}, "rev": "1"}
    base = {"spec": {"inputs": []}}
    shown, _ = show_leg(base, "one", data, key="leg", default={"values": {}}, on_change=lambda: st.session_state.update(called=True))
    st.text(json.dumps(shown))


@pytest.fixture
def session() -> AppTest:
    return AppTest.from_function(page, default_timeout=30).run()


def leg_on(session: AppTest):
    element, _base = session.get("bidi_component")
    return element


def move(session: AppTest, state: dict) -> AppTest:
    """What the browser does when a slider is let go. AppTest has no public way for components."""
    widgets = session._tree.get_widget_states()
    value = json.dumps({"leg": state})
    widgets.widgets.append(WidgetState(id=leg_on(session).proto.id, json_value=value))
    return session._run(widgets)


def test_the_leg_is_on_the_page_and_its_script_is_not_in_the_message(session):
    """Inline script would travel again with every change of the data; this is also the test of the door in component.py."""
    assert not session.exception
    proto = leg_on(session).proto
    assert proto.component_name == component.NAME
    assert proto.js_source_path == bundle_path().name
    assert proto.js_content == ""
    assert proto.isolate_styles
    assert json.loads(proto.json) == {**DATA, "base_id": "one"}


def test_what_is_the_same_for_every_patient_goes_in_a_message_of_its_own(session):
    """It stays the same from run to run, so that Streamlit sends it once and then only its mark."""
    base = session.get("bidi_component")[1].proto
    assert json.loads(base.json) == {"base_id": "one", "base": BASE}
    assert session.run().get("bidi_component")[1].proto == base


def test_until_something_is_moved_the_default_is_returned(session):
    assert json.loads(session.text[0].value) == {"values": {}}


def test_what_was_moved_comes_back_and_the_page_hears_of_it(session):
    move(session, MOVED)
    assert not session.exception
    assert json.loads(session.text[0].value) == MOVED
    assert session.session_state["called"]


def test_a_second_session_starts_fresh(session):
    move(session, MOVED)
    other = AppTest.from_function(page, default_timeout=30).run()
    assert json.loads(other.text[0].value) == {"values": {}}


def test_the_element_stays_the_same_over_reruns(session):
    """The camera and the sliders live in the element; a new one would forget them."""
    before = leg_on(session).proto.id
    assert leg_on(session.run()).proto.id == before


def test_many_sessions_at_once_never_meet_an_empty_leg(monkeypatch):
    """Registering the assets puts an empty definition in place for a moment; nobody may mount then."""
    manager = BidiComponentManager()
    monkeypatch.setattr(component, "get_bidi_component_manager", lambda: manager)
    monkeypatch.setattr("streamlit.components.v2.get_bidi_component_manager", lambda: manager)
    met = []

    def mount():
        component._renderer()
        met.append(manager.get(component.NAME).js)

    threads = [threading.Thread(target=mount) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert met == [str(bundle_path())] * 12


def get(app, path: str) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of a GET, straight through the ASGI door: no port, no client library."""
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "root_path": ""}
    answer = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        answer.append(message)

    asyncio.run(app(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in answer[0]["headers"]}
    return answer[0]["status"], headers, b"".join(each.get("body", b"") for each in answer[1:])


def test_script_and_shapes_are_handed_out_under_the_policy_of_the_app():
    """Hazard KW-H16: the module comes from our own server, as a script, with the security headers."""
    manager = BidiComponentManager()
    component._register_assets(manager)
    app = SecurityHeaders(Starlette(routes=create_bidi_component_routes(manager, None)))
    folder = f"/_stcore/bidi-components/{component.NAME}"
    status, headers, body = get(app, f"{folder}/{bundle_path().name}")
    assert (status, body) == (200, bundle_path().read_bytes())
    assert "javascript" in headers["content-type"]
    assert "script-src 'self'" in headers["content-security-policy"]
    assert get(app, f"{folder}/{shapes_path().name}")[2] == shapes_path().read_bytes()
    assert get(app, f"{folder}/../bundle.py")[0] in (400, 404)
