"""One browser tab without a browser: speaks the app's websocket protocol and counts time and bytes.

The messages are the ones Streamlit ships (`streamlit.proto`). A tab keeps the hash of each message it may keep and
sends it back, or the server would send a table again each time.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

SUPERSEDED = ForwardMsg.FINISHED_EARLY_FOR_RERUN
CHANGEABLE = ("button_group", "number_input", "slider", "checkbox", "selectbox", "radio")
NEVER = {"Forget everything"}


class PageFailed(Exception):
    """The page showed an exception: its timing means nothing."""


@dataclass(frozen=True)
class Run:
    """One run of a page as the tab saw it: seconds from sending to finished, bytes received."""

    seconds: float
    received_bytes: int


@dataclass
class Tab:
    """An open tab. `widgets` holds the last state the server told, by widget id."""

    connection: ClientConnection
    page_hash: str = ""
    page_hashes: dict[str, str] = field(default_factory=dict)
    widgets: dict[str, tuple[str, Any]] = field(default_factory=dict)
    states: dict[str, WidgetState] = field(default_factory=dict)
    kept_hashes: set[str] = field(default_factory=set)

    @classmethod
    def opened(cls, port: int) -> Tab:
        """A tab connected to the app on this machine."""
        connection = connect(
            f"ws://127.0.0.1:{port}/_stcore/stream",
            subprotocols=["streamlit", "placeholder"],
            origin=f"http://127.0.0.1:{port}",
            max_size=None,
            compression=None,
        )
        # Otherwise this client waits 40 ms for company before it sends a small packet, which no browser does.
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(connection)

    def visit(self, page_name: str) -> Run:
        """Open a page by its address."""
        self.widgets.clear()
        self.states.clear()
        return self._run(page_name=page_name, page_hash=self.page_hashes.get(page_name, ""))

    def rerun(self) -> Run:
        """Run the page again with nothing changed."""
        return self._run(page_hash=self.page_hash)

    def change(self, widget_id: str) -> Run:
        """Change one widget to another of its values, as a person would."""
        kind, widget = self.widgets[widget_id]
        self.states[widget_id] = changed(kind, widget, self.states.get(widget_id))
        return self._run(page_hash=self.page_hash)

    def close(self) -> None:
        """Leave."""
        self.connection.close()

    def _run(self, page_hash: str, page_name: str = "") -> Run:
        message = BackMsg()
        state = message.rerun_script
        state.page_script_hash = page_hash
        state.page_name = page_name
        state.widget_states.widgets.extend(self.states.values())
        state.cached_message_hashes.extend(self.kept_hashes)
        state.context_info.color_scheme = "light"
        begun = time.perf_counter()
        self.connection.send(message.SerializeToString())
        received = 0
        while True:
            data = self.connection.recv(timeout=60)
            received += len(data)
            answer = ForwardMsg.FromString(data)
            kind = answer.WhichOneof("type")
            if answer.metadata.cacheable and answer.hash:
                self.kept_hashes.add(answer.hash)
            if kind == "navigation":
                self.page_hashes = {each.url_pathname: each.page_script_hash for each in answer.navigation.app_pages}
                self.page_hash = answer.navigation.page_script_hash
            elif kind == "delta":
                self._look_at(answer)
            elif kind == "script_finished" and answer.script_finished != SUPERSEDED:
                return Run(time.perf_counter() - begun, received)

    def _look_at(self, answer: ForwardMsg) -> None:
        if answer.delta.WhichOneof("type") != "new_element":
            return
        element = answer.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise PageFailed(element.exception.message)
        if kind in CHANGEABLE:
            widget = getattr(element, kind)
            if not widget.disabled and widget.label not in NEVER and possible(kind, widget):
                self.widgets[widget.id] = (kind, widget)


def possible(kind: str, widget: Any) -> bool:
    """Whether the widget has a second value to change to."""
    if kind in ("button_group", "selectbox", "radio"):
        return len(widget.options) > 1
    if kind == "slider":
        return widget.max > widget.min and not widget.options
    return True


def changed(kind: str, widget: Any, before: WidgetState | None) -> WidgetState:
    """The state of the widget after one more change: the next option, one step, the other side of a switch."""
    state = WidgetState(id=widget.id)
    if kind in ("button_group", "selectbox", "radio"):
        options = [each.content for each in widget.options] if kind == "button_group" else list(widget.options)
        last = None
        if before is not None:
            last = before.string_array_value.data[0] if kind == "button_group" else before.string_value
        choice = options[(options.index(last) + 1) % len(options)] if last in options else options[-1]
        if kind == "button_group":
            state.string_array_value.data.append(choice)
        else:
            state.string_value = choice
    elif kind == "checkbox":
        state.bool_value = not (before.bool_value if before is not None else widget.default)
    else:
        step = widget.step or 1
        if kind == "slider":
            value = before.double_array_value.data[0] if before is not None else widget.default[0]
            rest = list(widget.default[1:])
            state.double_array_value.data.extend([value + step if value + step <= widget.max else widget.min, *rest])
        else:
            value = before.double_value if before is not None else widget.default
            highest = widget.max if widget.has_max else value + step
            lowest = widget.min if widget.has_min else value - step
            state.double_value = value + step if value + step <= highest else lowest
    return state
