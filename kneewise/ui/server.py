"""The server of the app: `streamlit run kneewise/ui/server.py`, which is what `python run.py` starts.

Adds to plain `streamlit run app.py`: what the first page needs is imported and loaded before the first person comes (a
first page in 0.1 s instead of 0.6 s), the garbage collector leaves those objects alone (a rerun in 5-30 ms instead of
75-120 ms), every answer carries security headers, and a failure shows one kind sentence and an id instead of a trace.
"""

from __future__ import annotations

import base64
import gc
import hashlib
import inspect
import logging
import re
import sys
import threading
import traceback
import uuid
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # `streamlit run` puts this folder on the path, not the repository
    sys.path.insert(0, str(ROOT))

from kneewise.errors import KneewiseError  # noqa: E402
from kneewise.leg.bundle import bundle_path  # noqa: E402

log = logging.getLogger("kneewise")

# Imported on start so that no visitor waits for them; a first rerun would import the same. Only what the first page
# needs: whoever starts Kneewise waits for it.
WARM = (
    "pandas",
    "pyarrow",
    "plotly.graph_objects",
    "streamlit.dataframe_util",
    "streamlit.elements.plotly_chart",
    "kneewise.ui.frame",
    "kneewise.ui.material",
    "kneewise.ui.explorer",
    "kneewise.ui.leg",
)
WARM_LATER = ("ibis", "duckdb", "kneewise.ui.outcomes", "kneewise.ui.importing")  # once the first page is there

WITH_THE_LEG = ("", "explorer")  # the addresses of the page that shows it first
ASSETS_ADDRESS = "_stcore/bidi-components/kneewise.leg"


def content_security_policy(index_html: str) -> str:
    """The policy under which Streamlit's page `index_html` works and loads nothing from anywhere else.

    Its inline scripts are allowed by their hash, so neither `unsafe-inline` nor `unsafe-eval` is needed for scripts.
    """
    inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", index_html, flags=re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in inline]
    scripts = " ".join(["'self'", "'wasm-unsafe-eval'", *(f"'sha256-{each}'" for each in hashes)])
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "frame-src 'self'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def security_headers() -> dict[str, str]:
    """The headers every answer of the server carries."""
    index = Path(st.__file__).with_name("static") / "index.html"
    return {
        "content-security-policy": content_security_policy(index.read_text(encoding="utf-8")),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
        "cross-origin-opener-policy": "same-origin",
    }


def early_links() -> str:
    """The Link header with which a page that holds the leg lets the browser fetch its scripts before it asks for them."""
    static = Path(st.__file__).with_name("static")
    mounts = [f"/{each.relative_to(static).as_posix()}" for each in static.glob("static/js/BidiComponent.*.js")]
    return ", ".join(f"<{path}>; rel=modulepreload" for path in (*mounts, f"/{ASSETS_ADDRESS}/{bundle_path().name}"))


class SecurityHeaders:
    """ASGI middleware that adds the headers, and keeps files made for one patient out of every cache."""

    def __init__(self, app: ASGIApp):
        self.app = app
        self.headers = [(name.encode(), value.encode()) for name, value in security_headers().items()]
        self.early_links = early_links().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on; the answer leaves with the headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        private = scope["path"].startswith("/media/")
        early = [(b"link", self.early_links)] if scope["path"].strip("/") in WITH_THE_LEG else []

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = [*self.headers, *early, *([(b"cache-control", b"no-store")] if private else [])]
                names = {name for name, _ in ours}
                kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in names]
                message = {**message, "headers": kept + ours}
            await send(message)

        await self.app(scope, receive, send_with_headers)


def say_what_failed(error: Exception) -> bool:
    """Put one kind sentence on the screen in place of a trace; True, because it was dealt with.

    A refusal carries its own sentences. Anything else gets an id; the log has the id, the kind of error and (from
    Streamlit, before this is called) where it happened, but no message: it could hold what somebody typed (KW-H18).
    """
    if isinstance(error, KneewiseError):
        for sentence in error.sentences:
            st.error(sentence)
        return True
    error_id = uuid.uuid4().hex[:8]
    log.error("Error %s is the %s whose place is logged above.", error_id, type(error).__name__)
    st.error(
        f"Sorry, this page could not be finished. Nothing you entered was lost. Please try again; "
        f"if it happens twice, tell whoever looks after Kneewise the code {error_id}."
    )
    return True


class WithoutMessage(logging.Filter):
    """Takes the message of an exception out of a log record: it may hold what somebody typed or uploaded."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True; the record keeps the kind of error and the place, and loses the message."""
        if record.exc_info and record.exc_info[1] is not None:
            kind, _, place = record.exc_info
            record.msg = f"{record.msg}\nTraceback of {kind.__name__}:\n{''.join(traceback.format_tb(place))}"
            record.exc_info, record.exc_text = None, None
        return True


_PREPARE_AFTER_SECONDS = 5.0


@asynccontextmanager
async def ready_before_anybody_comes(_app: st.App):
    """Import and load once, then take those objects out of the garbage collector's sight."""
    # Nearly all that is made here stays: looking through it for garbage takes a quarter of a second and finds 0.5 %.
    gc.disable()
    for name in WARM:
        __import__(name)
    from kneewise.leg.component import make_known
    from kneewise.ui import material

    make_known()
    try:
        material.knowledge()
    except KneewiseError as refusal:  # the pages say it again; whoever corrects the files needs the app meanwhile
        for sentence in refusal.sentences:
            log.error(sentence)
    logging.getLogger("streamlit.error_util").addFilter(WithoutMessage())
    gc.freeze()
    gc.enable()
    threading.Thread(target=_prepare_leg, daemon=True).start()
    # After the first visitor, not before: a start must not wait for charts that nobody may ask for.
    outcomes = threading.Timer(_PREPARE_AFTER_SECONDS, _prepare_outcomes)
    outcomes.daemon = True
    outcomes.start()
    yield {}
    outcomes.cancel()
    gc.unfreeze()  # otherwise DuckDB's binding counts what is left as leaked and prints pages about it


def _prepare_leg() -> None:
    """Do what the first page asks for last, while its browser is still loading Streamlit's scripts (half a second).

    A page that comes sooner does it itself, or waits for the import.
    """
    # Streamlit looks at the stack when the first thing is shown, and Python then looks through all modules: 0.1 s, once.
    inspect.stack()
    from kneewise.leg.material import leg_base
    from kneewise.ui import material

    with suppress(KneewiseError):  # the page says it
        leg_base(material.knowledge(), "clinician")  # imports SciPy and keeps the ways of the hip


def _prepare_outcomes() -> None:
    """Import what the pages with records need (Ibis, DuckDB: 0.3 s), and work out their first answers."""
    for name in WARM_LATER:
        __import__(name)
    from kneewise.outcomes.instruments import instruments_from
    from kneewise.ui import material, outcome_answers, stores, yearly_report

    try:
        outcome_answers.prepare()
        yearly_report.prepare()
        stores.prepare(instruments_from(material.knowledge()))
    except KneewiseError as refusal:
        log.warning(" ".join(refusal.sentences))


app = st.App(
    ROOT / "app.py",
    lifespan=ready_before_anybody_comes,
    middleware=[Middleware(SecurityHeaders)],
    on_script_error=say_what_failed,
)
