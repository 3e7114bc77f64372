"""A picture that a browser sent, made safe to keep, to show and to print.

What a browser sends is data, never HTML. The drawing is not filtered but built anew from an allowlist: what is not
known to be harmless is not in the new one, or the whole picture is refused. The photograph-like picture is decoded and
encoded again, so that nothing but its pixels is left.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import struct
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Mapping

from PIL import Image

from kneewise.errors import KneewiseError

LARGEST_SVG_BYTES = 600_000
LARGEST_PNG_BYTES = 900_000
LARGEST_KEPT_PNG_BYTES = 1024 * 1024 - 1  # Streamlit tells bigger pictures apart by samples of their bytes (KW-H07)
MOST_PIXELS = 4_000_000
MOST_PARTS = 20_000
"""Elements of a drawing, each counted as often as it is drawn: a `use` of a `use` of a `use` multiplies."""
DEEPEST = 40
LONGEST_SENTENCE = 1_000

_SVG = "http://www.w3.org/2000/svg"
_XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_PNG_BEGINS = b"\x89PNG\r\n\x1a\n"
_DATA_URL = "data:image/png;base64,"

_ELEMENTS = frozenset({
    "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "title", "desc",
    "defs", "linearGradient", "radialGradient", "stop", "clipPath", "pattern", "use",
})  # fmt: skip
_WITH_TEXT = frozenset({"text", "tspan", "title", "desc"})

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e-\d+)?"
_LENGTH = re.compile(rf"{_NUMBER}(?:px|em|%)?", re.ASCII)
_NUMBERS = re.compile(r"[-+.,\de\s]*", re.ASCII)
_PATH = re.compile(r"[MmLlHhVvCcSsQqTtAaZz\-+.,\de\s]*", re.ASCII)
_TRANSFORM = re.compile(r"[\s,]*(?:(?:matrix|translate|scale|rotate|skewX|skewY)\([-+.,\de\s]*\)[\s,]*)*", re.ASCII)
_HUGE = re.compile(r"(?<![\d.])\d{8}|(?<=[\d.])e(?![-m])", re.ASCII)  # a size of ten million, or one written as 1e300
_ID = re.compile(r"[A-Za-z_][\w.:-]{0,99}", re.ASCII)
_TO_ID = re.compile(r"#([A-Za-z_][\w.:-]{0,99})", re.ASCII)
_URL = re.compile(r"url\(#([A-Za-z_][\w.:-]{0,99})\)", re.ASCII)
_PAINT = re.compile(
    r"(?:url\(#[A-Za-z_][\w.:-]{0,99}\)\s*)?(?:#[0-9a-fA-F]{3,8}|[A-Za-z]{1,30}|(?:rgb|hsl)a?\([-\d.,%\s/]{1,60}\))?",
    re.ASCII,
)
_WORD = re.compile(r"[A-Za-z0-9 -]{1,60}", re.ASCII)
_FONT = re.compile(r"[A-Za-z0-9 ,'\"_-]{1,200}", re.ASCII)

_ATTRIBUTES: Mapping[str, re.Pattern[str]] = {
    name: pattern
    for names, pattern in (
        (
            "width height r rx ry cx cy fx fy x1 y1 x2 y2 offset opacity fill-opacity stroke-opacity stop-opacity",
            _LENGTH,
        ),
        ("stroke-width stroke-miterlimit stroke-dashoffset font-size letter-spacing", _LENGTH),
        ("x y dx dy rotate viewBox points", _NUMBERS),
        ("d", _PATH),
        ("transform gradientTransform patternTransform", _TRANSFORM),
        ("id", _ID),
        ("href", _TO_ID),
        ("clip-path", re.compile(rf"none|{_URL.pattern}", re.ASCII)),
        ("fill stroke stop-color color", _PAINT),
        ("stroke-dasharray", re.compile(rf"none|{_NUMBERS.pattern}", re.ASCII)),
        ("stroke-linecap stroke-linejoin fill-rule clip-rule display visibility paint-order vector-effect", _WORD),
        ("gradientUnits patternUnits patternContentUnits clipPathUnits spreadMethod preserveAspectRatio", _WORD),
        ("text-anchor dominant-baseline font-weight font-style font-variant", _WORD),
        ("font-family", _FONT),
    )
    for name in names.split()
}
_OF_NUMBERS = frozenset(
    name for name, pattern in _ATTRIBUTES.items() if pattern in (_LENGTH, _NUMBERS, _PATH)
) | {"transform", "gradientTransform", "patternTransform", "stroke-dasharray"}  # fmt: skip
_UNITS_TOO = frozenset({"x", "y", "dx", "dy"})  # one length ("100%", "1.2em"), or a list of numbers for letters


class PictureRefused(KneewiseError):
    """The picture is not kept; the one sentence says why, and never quotes it."""

    def __init__(self, why: str):
        super().__init__(f"The picture can't be used: {why}.")


def checked_svg(text: object) -> str:
    """The drawing `text` built anew from known elements and attributes; checking it again changes nothing.

    Harmless attributes that no picture needs (`data-...`, `role`, `class`, `style`) are dropped. A drawing that wants
    more than to be drawn (scripts, events, addresses, other elements) is refused as a whole: ours never does.

    Raises
    ------
    PictureRefused
        With one sentence that says what is wrong; never with a piece of the drawing.
    """
    if not isinstance(text, str):
        raise PictureRefused("it did not arrive as a drawing")
    if len(text) > LARGEST_SVG_BYTES or len(text.encode("utf-8", "replace")) > LARGEST_SVG_BYTES:
        raise PictureRefused(f"its drawing is bigger than {LARGEST_SVG_BYTES // 1000} kB")
    if "<!" in text or "<?" in text:  # in XML a < can't stand for itself, so this is one of them and not a text
        raise PictureRefused("its drawing holds a declaration, an instruction or a comment")
    parser = ET.XMLParser(target=_Rebuilt())
    try:
        parser.feed(text)
        root = parser.close()
    except (ET.ParseError, ValueError):  # ValueError: letters that UTF-8 can't write
        raise PictureRefused("its drawing can't be read") from None
    _check_references(root)
    return ET.tostring(root, encoding="unicode")


def checked_png(data_url: object) -> bytes:
    """The PNG file in a "data:image/png;base64,..." address, encoded anew from its pixels: no metadata is left.

    Raises
    ------
    PictureRefused
        With one sentence: not a PNG, too many bytes, or too many pixels (before anything is unpacked).
    """
    if not isinstance(data_url, str) or not data_url.startswith(_DATA_URL):
        raise PictureRefused("it did not arrive as a PNG file")
    if len(data_url) - len(_DATA_URL) > -(-LARGEST_PNG_BYTES // 3) * 4:
        raise PictureRefused(f"it is bigger than {LARGEST_PNG_BYTES // 1000} kB")
    try:
        data = base64.b64decode(data_url[len(_DATA_URL) :], validate=True)
    except (binascii.Error, ValueError):
        raise PictureRefused("it did not arrive whole") from None
    if not data.startswith(_PNG_BEGINS) or data[12:16] != b"IHDR" or len(data) < 33:
        raise PictureRefused("it is not a PNG file")
    width, height = struct.unpack(">II", data[16:24])
    if not 0 < width * height <= MOST_PIXELS:  # read from the header: a small file can unpack to gigabytes
        raise PictureRefused(f"it has no pixels, or more than {MOST_PIXELS // 1_000_000} million")
    kept = _encoded_anew(data)
    if len(kept) > LARGEST_KEPT_PNG_BYTES:
        raise PictureRefused("it is bigger than 1 MB")
    return kept


def checked_sentence(text: object) -> str:
    """What the picture shows, as one line of plain text; raises PictureRefused where there is none or far too much."""
    words = re.sub(r"\s+", " ", text).strip() if isinstance(text, str) else ""
    line = "".join(letter for letter in words if letter.isprintable())  # no marks that turn or hide what follows
    if not line or len(line) > LONGEST_SENTENCE:
        raise PictureRefused("it came without a sentence that says what it shows")
    return line


class _Rebuilt:
    """Takes what the parser reads and builds the new drawing from it; the old one never exists as a tree."""

    def __init__(self) -> None:
        self._builder = ET.TreeBuilder()
        self._open: list[str] = []
        self._ids: set[str] = set()
        self._count = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        space, _, name = tag.rpartition("}")
        if space != f"{{{_SVG}" or name not in _ELEMENTS or (not self._open and name != "svg"):
            raise PictureRefused("it holds something that is not part of a drawing")
        self._count += 1
        if self._count > MOST_PARTS or len(self._open) >= DEEPEST:
            raise PictureRefused("its drawing has too many parts")
        kept = {} if self._open else {"xmlns": _SVG}
        for key, value in attributes.items():
            attribute = "href" if key == _XLINK_HREF else key
            if _is_harmful(attribute, value):
                raise PictureRefused("its drawing holds a script or an address")
            if attribute not in _ATTRIBUTES:
                continue
            if not _is_allowed(attribute, value):
                raise PictureRefused(f"its drawing has a value of “{attribute}” that is not known to be harmless")
            kept[attribute] = value
        own = kept.get("id")
        if own in self._ids:
            raise PictureRefused("two parts of its drawing have the same name")
        if own:
            self._ids.add(own)
        self._open.append(name)
        self._builder.start(name, kept)

    def end(self, _tag: str) -> None:
        self._builder.end(self._open.pop())

    def data(self, text: str) -> None:
        if self._open and self._open[-1] in _WITH_TEXT:
            self._builder.data(text)

    def close(self) -> ET.Element:
        return self._builder.close()


def _is_harmful(attribute: str, value: str) -> bool:
    """Whether an attribute would run something or lead out of the drawing."""
    name = attribute.rpartition("}")[2].lower()
    if name.startswith("on") or (name in ("href", "src") and not value.startswith("#")):
        return True
    if name != "style" and attribute not in _ATTRIBUTES:
        return False
    said = re.sub(r"[\s\x00-\x1f\\'\"]+", "", value).lower()  # "java\nscript:" is an address as well
    return re.search(r"script:|data:|url\((?!#)|@import|expression\(", said) is not None


def _is_allowed(attribute: str, value: str) -> bool:
    if attribute in _OF_NUMBERS and _HUGE.search(value):
        return False
    if attribute in _UNITS_TOO and _LENGTH.fullmatch(value):
        return True
    return _ATTRIBUTES[attribute].fullmatch(value) is not None


def _check_references(root: ET.Element) -> None:
    """Nothing if every part is drawn a bearable number of times; raises PictureRefused for circles and multiplying."""
    named = {element.get("id"): element for element in root.iter() if element.get("id")}
    drawn: dict[ET.Element, int] = {}
    walking: set[ET.Element] = set()

    def parts_of(element: ET.Element) -> int:
        if element in drawn:
            return drawn[element]
        if element in walking:
            raise PictureRefused("parts of its drawing lead to each other in a circle")
        if len(walking) > 2 * DEEPEST:
            raise PictureRefused("its drawing has too many parts")
        walking.add(element)
        targets = [found for key, value in element.items() for found in _references(key, value)]
        total = 1 + sum(parts_of(each) for each in (*element, *(named[name] for name in targets if name in named)))
        walking.discard(element)
        if total > MOST_PARTS:
            raise PictureRefused("its drawing has too many parts")
        drawn[element] = total
        return total

    parts_of(root)


def _references(attribute: str, value: str) -> list[str]:
    return [value[1:]] if attribute == "href" else _URL.findall(value)


def _encoded_anew(data: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            opened.load()
            mode = "RGBA" if "A" in opened.getbands() or "transparency" in opened.info else "RGB"
            pixels = opened.convert(mode)
    # What Pillow raises for files that were cut or tampered with.
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError):
        raise PictureRefused("it is not a PNG file that can be read") from None
    bare = Image.frombytes(mode, pixels.size, pixels.tobytes())  # a copy would take profile and texts along
    file = io.BytesIO()
    bare.save(file, format="PNG")
    return file.getvalue()
