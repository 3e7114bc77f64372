"""Setting a template of Typst with plain data as an accessible PDF, with typefaces of our own and nothing else to read."""

from __future__ import annotations

import functools
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import font_source_sans_pro
import typst

from kneewise.errors import KneewiseError

FONTS = ("Source Sans Pro", "Libertinus Serif")
"""The app's own typeface, from a package, and one that Typst brings along for letters the first does not have."""

LARGEST_BYTES = 1024 * 1024 - 1  # hazard KW-H07


def typeset(template: Path, data: Mapping[str, object], refusal: KneewiseError) -> bytes:
    """The template set with the data as a PDF (PDF/UA-1); raises `refusal` where it can't be set."""
    # An empty folder as the root, for pages and for packages: there is nothing that a template or a picture could read.
    with tempfile.TemporaryDirectory(prefix="kneewise-") as nothing:
        try:
            return typst.compile(
                template.read_bytes(),
                root=nothing,
                font_paths=_fonts(),
                package_path=nothing,
                package_cache_path=nothing,
                sys_inputs={"page": json.dumps(data)},
                format="pdf",
                pdf_standards=["ua-1"],
                timestamp=0,
            )
        except typst.TypstError:  # its message may quote the text
            raise refusal from None


@functools.cache
def _fonts() -> typst.Fonts:
    """The typefaces of the page, the same on every machine: none of the system's."""
    return typst.Fonts(include_system_fonts=False, font_paths=[font_source_sans_pro.font_directory])


def clean(part):
    """The part with line breaks, control letters and invisible marks taken out of every text in it."""
    if isinstance(part, str):
        return "".join(letter for letter in re.sub(r"\s+", " ", part).strip() if letter.isprintable())
    if isinstance(part, Mapping):
        return {name: clean(each) for name, each in part.items()}
    return [clean(each) for each in part]
