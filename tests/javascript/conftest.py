"""The JavaScript that is shipped, run by V8 without a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from kneewise.leg.bundle import bundle_path

py_mini_racer = pytest.importorskip("py_mini_racer", reason="the JavaScript of the leg runs in the mini-racer package")


class Shipped:
    """The named exports of the bundle, in an engine of their own."""

    def __init__(self, engine: Any) -> None:
        source = bundle_path().read_text(encoding="utf-8")
        exports = re.search(r"export\s*\{([^}]*)\};?\s*$", source)
        pairs = [each.split(" as ") for each in exports.group(1).split(",")]
        named = ",".join(f"{pair[-1].strip()}:{pair[0].strip()}" for pair in pairs)
        script = source[: exports.start()].replace("import.meta.url", '""')
        self._engine = engine
        self._engine.eval(f"var shipped = (() => {{ {script}\n return {{{named}}}; }})(); 0")

    def eval(self, expression: str, **given: Any) -> Any:
        """The value of an expression, or of a block that returns one; `shipped` holds the exports, `given` the data."""
        names = ",".join(given)
        values = ",".join(json.dumps(value) for value in given.values())
        body = expression if expression.startswith("{") else f"({expression})"
        return json.loads(self._engine.eval(f"JSON.stringify((({names}) => {body})({values}))"))


@pytest.fixture(scope="session")
def shipped() -> Iterator[Shipped]:
    """The shipped bundle, loaded once; the engine is closed, or Python would wait for it at its end."""
    engine = py_mini_racer.MiniRacer()
    yield Shipped(engine)
    engine.close()
