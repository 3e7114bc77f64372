"""The leg on a Streamlit page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

from kneewise.leg.bundle import ASSETS, bundle_path

_PROJECT, _COMPONENT = "kneewise", "leg"
NAME = f"{_PROJECT}.{_COMPONENT}"
_ROOT_HTML = "<div data-leg-root></div>"

# Telling Streamlit where the assets are puts an empty definition in the place of ours for a moment. A second session
# that mounts just then would show nothing, so both happen behind one lock.
_registering = threading.Lock()


def show_leg(
    base: Mapping[str, Any],
    base_id: str,
    data: Mapping[str, Any],
    *,
    key: str,
    default: Mapping[str, Any] | None = None,
    on_change: Callable[[], None] | None = None,
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Show the leg; returns what was last set on it, or `default`, and the picture that was just put into the plan.

    The picture is {"svg", "png", "values"}, once, in the run that follows the press. Set on the leg are: {"values": what differs from typical, by input, "side", "view", "factors": ids of those that are
    shown, "rev": of the data it was set on}. It comes from a browser, so the caller checks it.

    Parameters
    ----------
    base, base_id
        What is the same for every patient (`leg_base`), and a mark that changes with it. Sent once and then by its mark.
    data
        What changes (`leg_data`), as plain data for JSON. A new `data["rev"]`, or other `data["values"]`, moves
        the sliders; anything else leaves them where the person put them.
    key
        Names this leg on its page. With it the camera and the sliders survive every rerun.
    default
        What is returned until somebody moved something.
    on_change
        Called before the rerun that follows a moved slider (on release), a chosen side or view.

    Notes
    -----
    Streamlit forgets the state when the page is left: the caller keeps what is returned, and when the page is opened
    again gives it back as `data["values"]`, `data["side"]` and `data["view"]`. Until then these stay as they were: any
    change of `data` sends all of it (some 30 kB) again, an unchanged one sends nothing.
    """
    render = _renderer()
    result = render(
        key=key,
        data={**data, "base_id": base_id},
        default={"leg": dict(default) if default else None},
        on_leg_change=on_change or _nothing,  # a default is only accepted for a state that has a callback
        on_picture_change=_nothing,
    )
    render(key=f"{key}/base", data={"base_id": base_id, "base": dict(base)})  # shows nothing
    state, picture = result.get("leg"), result.get("picture")
    return (dict(state) if state else None), (dict(picture) if picture else None)


def make_known() -> None:
    """Let the running server hand out the leg's files, also to a browser that asks before any page has shown the leg."""
    with _registering:
        _register_assets(get_bidi_component_manager())


def _renderer() -> Callable[..., Any]:
    """The function that mounts the leg, known to the running server (AppTest starts one per session)."""
    with _registering:
        _register_assets(get_bidi_component_manager())
        return st.components.v2.component(NAME, html=_ROOT_HTML, js=bundle_path().name)


def _register_assets(components: BidiComponentManager) -> None:
    """Let the server hand out the assets folder, so that the script travels once, by URL, and not with every change.

    The public way to an asset folder is the manifest of an *installed* distribution, and Kneewise is run from its
    folder. These two calls do what Streamlit 1.67 does with such a manifest on start. They are not public: the version
    is pinned, and tests/app/test_leg_component.py fails if a new one closes this door.
    """
    if components.get_component_asset_root(NAME) is None:
        manifest = ComponentManifest(
            name=_PROJECT, version="0", components=[ComponentConfig(name=_COMPONENT, asset_dir=ASSETS.name)]
        )
        components.register_from_manifest(manifest, package_root=Path(ASSETS).parent)


def _nothing() -> None:
    """A state needs a callback to be kept; this one has nothing to do."""
