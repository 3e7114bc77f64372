"""Builds the leg's one JavaScript module: `python -m kneewise.leg.bundle`. Only for whoever changes the leg.

Needs Node and, once, `npm ci` (package.json pins esbuild). The result is committed, so that neither a clinic nor the
tests need Node; its first line names the sources it was made from, and a test compares.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from kneewise.errors import KneewiseError

LEG = Path(__file__).resolve().parent
SOURCE = LEG / "source"
ASSETS = LEG / "assets"
ESBUILD_FOLDER = LEG.parents[1] / "node_modules" / ".bin"
_BANNER = "/* Kneewise leg; sources sha256 {} */"


class BundleError(KneewiseError):
    """The bundle could not be built; the sentence says what is missing."""


def sources_fingerprint(source: Path = SOURCE) -> str:
    """SHA-256 (64 hex digits) over name and text of every script and of the outlines, sorted by name.

    Line ends are made equal first: a checkout on Windows must give the same answer.
    """
    digest = hashlib.sha256()
    for path in sorted([*source.glob("*.js"), *source.glob("*.json")], key=lambda each: each.name):
        digest.update(path.name.encode() + b"\0")
        digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def bundle_path(assets: Path = ASSETS) -> Path:
    """The one built module; raises BundleError if there is none, or more than one."""
    found = sorted(assets.glob("leg-*.js"))
    if len(found) != 1:
        raise BundleError(
            f"There must be exactly one built leg in {assets.name}/, not {len(found)}: run `python -m kneewise.leg.bundle`."
        )
    return found[0]


def shapes_path(assets: Path = ASSETS) -> Path | None:
    """The baked bones of the 3-D view, or None where they were left out (the drawing works without)."""
    return next(iter(sorted(assets.glob("shapes-*.bin"))), None)


def fingerprint_of(bundle: Path) -> str | None:
    """The fingerprint in the first line of a built module, or None if it carries none."""
    with bundle.open(encoding="utf-8") as lines:
        found = re.search(r"sources sha256 ([0-9a-f]{64})", lines.readline())
    return found.group(1) if found else None


def build(source: Path = SOURCE, assets: Path = ASSETS) -> Path:
    """Build the module from `source`, put it into `assets` in place of older ones, and return its path.

    Its name carries ten digits of its own hash, because browsers keep what they once fetched by a name.
    """
    esbuild = shutil.which("esbuild", path=str(ESBUILD_FOLDER))
    if esbuild is None:
        raise BundleError("esbuild is not here: run `npm ci` in the repository's folder first.")
    command = [
        esbuild,
        str(source / "entry.js"),
        "--bundle",
        "--minify",
        "--format=esm",
        "--target=es2020",
        "--charset=utf8",
        "--legal-comments=none",
        "--log-level=warning",
        f"--banner:js={_BANNER.format(sources_fingerprint(source))}",
    ]
    made = subprocess.run(command, capture_output=True)
    if made.returncode != 0:
        raise BundleError(f"esbuild refused the sources: {made.stderr.decode(errors='replace').strip()}")
    assets.mkdir(parents=True, exist_ok=True)
    target = assets / f"leg-{hashlib.sha256(made.stdout).hexdigest()[:10]}.js"
    for old in assets.glob("leg-*.js"):
        old.unlink()
    target.write_bytes(made.stdout)
    return target


def main() -> int:
    """Build and say what came out; returns the exit code."""
    try:
        target = build()
    except BundleError as refusal:
        print(refusal, file=sys.stderr)
        return 1
    print(f"{target.name}: {target.stat().st_size / 1000:.1f} kB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
