"""Runs pages without a browser, the way a session would: cold (opened by its address on a fresh server) and warm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from kneewise.outcomes import demo
from kneewise.outcomes.instruments import instruments_from
from kneewise.ui import material

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30  # a page may load the knowledge base first


def new_session() -> AppTest:
    """A session on a server that nobody has visited yet. (AppTest itself forgets the pages of earlier sessions.)"""
    return AppTest.from_file(ROOT / "app.py", default_timeout=SECONDS)


@pytest.fixture
def open_cold() -> Callable[[str], AppTest]:
    """`open_cold("outcomes")`: the page's first run when its address is the first thing anybody asks for."""

    def opened(stem: str) -> AppTest:
        session = new_session()
        session.switch_page(f"pages/{stem}.py")
        return session.run()

    return opened


@pytest.fixture
def open_warm(monkeypatch) -> Callable[[str], AppTest]:
    """`open_warm("outcomes")`: the page as reached from the start page, on a server that knows its pages.

    A server learns them with its first visitor and keeps them; AppTest forgets them before each run, so that every
    click would meet a cold page, which passes on to the app and loses what was clicked.
    """
    begin = PagesManager.__init__

    def begin_warm(manager, *arguments, **more) -> None:
        PagesManager.uses_pages_directory = False
        begin(manager, *arguments, **more)

    monkeypatch.setattr(PagesManager, "__init__", begin_warm)

    def opened(stem: str) -> AppTest:
        session = new_session().run()
        return session.switch_page(f"pages/{stem}.py").run()

    return opened


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory):
    """The demonstration clinics in a store of their own."""
    folder = tmp_path_factory.mktemp("demo") / "store"
    demo.import_demo(instruments_from(material.knowledge()), folder)
    return folder


@pytest.fixture
def clinic(tmp_path, monkeypatch, demo_folder):
    """An empty clinic store beside the demonstration."""
    monkeypatch.setenv("KNEEWISE_STORE", str(tmp_path / "clinic"))
    monkeypatch.setenv("KNEEWISE_DEMO_STORE", str(demo_folder))
    return tmp_path / "clinic"
