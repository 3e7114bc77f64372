"""A picture from a browser is data: what is drawn stays, whatever would do more is refused or left out."""

from __future__ import annotations

import base64
import io
import struct
import xml.etree.ElementTree as ET
import zlib

import pytest
from PIL import Image, PngImagePlugin

from kneewise.handout import picture
from kneewise.handout.picture import PictureRefused, checked_png, checked_sentence, checked_svg

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
GOOD = f"""<svg xmlns="{SVG}" role="presentation" style="display:block" width="672" height="518" viewBox="0 0 672 518">
<defs>
 <linearGradient id="leg1-bone" x1="0" x2="1" y1="0" y2="0.25"><stop offset="0" stop-color="#efe4cd" stop-opacity="1"/></linearGradient>
 <radialGradient id="leg1-shadow" r="0.5" gradientUnits="userSpaceOnUse"><stop offset="55%" stop-color="red"/></radialGradient>
 <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="3.2" height="6"/></pattern>
 <clipPath id="clip"><use href="#leg1-femur"/></clipPath>
</defs>
<rect width="100%" height="100%" fill="url(#leg1-bone)"/>
<g data-view="front" transform="matrix(0.035 0 0 -0.035 460.02 512.5)" stroke-linejoin="round" stroke-width="31.4" display="inline">
 <path id="leg1-femur" d="M598 300Q601 130 590 116C1.5-2.5 .5.25 1e-7 0Z" data-part="femur" fill="none" stroke="url(#leg1-bone) #fff"/>
 <g clip-path="url(#clip)"><use href="#leg1-femur" transform="translate(22 14) scale(2)" opacity="0.14"/></g>
</g>
<ellipse cx="208" cy="504" rx="37.51260504201681" ry="7.7" fill="url(#leg1-shadow)"/>
<polyline points="85.16999999999999 244.4 93.1 244.4" stroke-dasharray="142.8 100.0"/><circle cx="1" cy="2" r="2.8"/>
<line x1="0" y1="0" x2="3" y2="4"/><polygon points="0,0 1,1"/><title>A leg</title><desc>Bent &amp; drawn</desc>
<g data-label="femur" transform="translate(8 104.07)"><text font-family="sans-serif" font-size="13.5" font-weight="500"
 text-anchor="start" paint-order="stroke" fill="#15191a"><tspan x="0" dy="1.2em">Thigh bone &lt; ü ğ</tspan></text></g>
</svg>"""


def drawing(inside: str = "", more: str = "") -> str:
    return f'<svg xmlns="{SVG}" xmlns:xlink="{XLINK}" viewBox="0 0 9 9" {more}>{inside}</svg>'


def shape(root: ET.Element) -> list[tuple[str, dict[str, str], str]]:
    """Every element with what is drawn of it."""
    dropped = {"role", "style"}
    return [
        (
            each.tag.rpartition("}")[2],
            {key: value for key, value in each.items() if key not in dropped and not key.startswith("data-")},
            (each.text or "").strip(),
        )
        for each in root.iter()
    ]


def test_a_good_drawing_keeps_everything_that_is_drawn():
    made = checked_svg(GOOD)
    assert shape(ET.fromstring(made)) == shape(ET.fromstring(GOOD))
    assert not {"data-", "role", "style"} & {word for word in ("data-", "role", "style") if word in made}


def test_checking_twice_changes_nothing():
    assert checked_svg(checked_svg(GOOD)) == checked_svg(GOOD)


def test_a_drawing_inside_a_drawing_is_kept():
    inner = (
        f'<svg x="0" y="0" width="800" height="600" viewBox="0 0 9 9" xmlns="{SVG}"><rect width="1" height="1"/></svg>'
    )
    assert [each.tag.rpartition("}")[2] for each in ET.fromstring(checked_svg(drawing(inner))).iter()] == [
        "svg",
        "svg",
        "rect",
    ]


def test_the_old_way_to_name_a_part_becomes_the_new_one():
    made = ET.fromstring(checked_svg(drawing('<path id="a" d="M0 0"/><use xlink:href="#a"/>')))
    assert made[1].attrib == {"href": "#a"}


BOMB = "".join(f'<g id="u{n}"><use href="#u{n - 1}"/><use href="#u{n - 1}"/></g>' for n in range(1, 40))
PATTERNS = "".join(
    f'<pattern id="p{n}"><rect fill="url(#p{n - 1})"/><rect fill="url(#p{n - 1})"/></pattern>' for n in range(1, 40)
)
ENTITIES = f"""<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">{"".join(f'<!ENTITY {"abcdefghi"[n]} "{"&" + "abcdefghi"[n - 1] + ";"}{"&" + "abcdefghi"[n - 1] + ";"}">' for n in range(1, 9))}]>
<svg xmlns="{SVG}"><text>&i;</text></svg>"""
REFUSED = {
    "script": drawing("<script>alert(1)</script>"),
    "script in capitals": drawing("<SCRIPT>alert(1)</SCRIPT>"),
    "script of another namespace": drawing('<s:script xmlns:s="http://www.w3.org/1999/xhtml">alert(1)</s:script>'),
    "onload": drawing(more='onload="alert(1)"'),
    "onclick in capitals": drawing('<path d="M0 0" ONCLICK="alert(1)"/>'),
    "event that nobody knows": drawing('<path d="M0 0" onsomething="alert(1)"/>'),
    "foreignObject": drawing('<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>'),
    "image from a file": drawing('<image href="file:///etc/passwd"/>'),
    "image in the text": drawing('<image href="data:image/png;base64,AAAA"/>'),
    "use from elsewhere": drawing('<use href="http://example.org/a.svg#a"/>'),
    "use from elsewhere, old way": drawing('<use xlink:href="https://example.org/a.svg#a"/>'),
    "use of a file": drawing('<use href="other.svg#a"/>'),
    "link": drawing('<a href="https://example.org"><path d="M0 0"/></a>'),
    "javascript address": drawing('<use href="javascript:alert(1)"/>'),
    "javascript address with a break": drawing('<use href="java&#10;script:alert(1)"/>'),
    "data address": drawing('<use href="data:image/svg+xml;base64,AAAA"/>'),
    "style that fetches": drawing('<path d="M0 0" style="fill:url(http://example.org/a)"/>'),
    "style that imports": drawing('<path d="M0 0" style="@import \'a.css\'"/>'),
    "style element with an import": drawing("<style>@import url(http://example.org/a.css)</style>"),
    "fill that fetches": drawing('<path d="M0 0" fill="url(http://example.org/a#b)"/>'),
    "fill that fetches, quoted": drawing("<path d='M0 0' fill='url(\"//example.org/a#b\")'/>"),
    "fill that fetches, escaped": drawing(r'<path d="M0 0" fill="u\rl(//example.org)"/>'),
    "clip path from elsewhere": drawing('<path d="M0 0" clip-path="url(a.svg#b)"/>'),
    "animation of an address": drawing('<set attributeName="href" to="javascript:alert(1)"/>'),
    "filter": drawing('<filter id="a"><feImage href="file:///etc/passwd"/></filter>'),
    "DOCTYPE": f'<!DOCTYPE svg SYSTEM "file:///etc/passwd">{drawing()}',
    "DOCTYPE in small letters": f"<!doctype svg>{drawing()}",
    "entity bomb": ENTITIES,
    "style sheet instruction": f'<?xml-stylesheet href="http://example.org/a.css"?>{drawing()}',
    "CDATA": drawing("<text><![CDATA[<script>alert(1)</script>]]></text>"),
    "bomb of uses": drawing(f'<g id="u0"><path d="M0 0"/></g>{BOMB}'),
    "bomb of patterns": drawing(f'<pattern id="p0"/>{PATTERNS}<rect fill="url(#p39)"/>'),
    "circle of uses": drawing('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>'),
    "part that draws itself": drawing('<g id="a"><use href="#a"/></g>'),
    "two parts of one name": drawing('<g id="a"/><g id="a"/>'),
    "nested too deep": drawing("<g>" * 5000 + "</g>" * 5000),
    "too many parts": drawing("<g/>" * (picture.MOST_PARTS + 1)),
    "huge": drawing("<text>" + "a" * picture.LARGEST_SVG_BYTES + "</text>"),
    "huge in bytes only": drawing("<text>" + "ü" * (picture.LARGEST_SVG_BYTES - 200) + "</text>"),
    "huge size": drawing(more='width="99999999999"'),
    "huge size by exponent": drawing('<rect width="1e300"/>'),
    "huge path": drawing('<path d="M0 0L1e300 5"/>'),
    "no number": drawing('<rect width="calc(1px)"/>'),
    "no number in a path": drawing('<path d="M NaN 5"/>'),
    "transform with more": drawing('<g transform="translate(1) evil(2)"/>'),
    "transform that takes long": drawing(f'<g transform="{"rotate(1)   " * 2000}!"/>'),
    "path that takes long": drawing(f'<path d="{"1" * 7 + " " * 50000}!"/>'),
    "not XML": "not a drawing",
    "cut off": drawing("<g>")[:-9],
    "nothing": "",
    "no letters that UTF-8 has": drawing("<text>\ud800</text>"),
    "wrong root": f'<g xmlns="{SVG}"><path d="M0 0"/></g>',
    "page": '<html xmlns="http://www.w3.org/1999/xhtml"><body/></html>',
    "no namespace": "<svg><path d='M0 0'/></svg>",
    "no text": None,
    "bytes": b"<svg/>",
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("attack", REFUSED.values(), ids=REFUSED.keys())
def test_a_drawing_that_wants_more_than_to_be_drawn_is_refused_in_one_sentence(attack):
    with pytest.raises(PictureRefused) as refusal:
        checked_svg(attack)
    (sentence,) = refusal.value.sentences
    assert sentence.endswith(".")
    assert not any(piece in sentence for piece in ("alert", "example.org", "passwd"))


@pytest.mark.parametrize(
    "harmless",
    [
        '<path d="M0 0" style="fill: red; stroke: url(#a)"/>',
        '<path d="M0 0" class="a" data-part="b" aria-label="data: c" role="img" tabindex="0"/>',
        '<path d="M0 0" xml:base="http://example.org/" target="_top" filter="url(http://example.org)"/>',
    ],
)
def test_what_no_picture_needs_is_left_out(harmless):
    assert ET.fromstring(checked_svg(drawing(harmless)))[0].attrib == {"d": "M0 0"}


def test_text_is_kept_only_where_text_is_drawn():
    made = checked_svg(drawing("stray<g>stray<text>kept &lt;b&gt;</text>stray</g>"))
    assert "stray" not in made
    assert "kept &lt;b&gt;" in made


# --- PNG ---------------------------------------------------------------------------------------------------------------


def png(size=(40, 30), mode="RGB", **more) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, 90).save(file, format="PNG", **more)
    return file.getvalue()


def sent(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_header(width: int, height: int) -> bytes:
    """A well-formed PNG file that says it has so many pixels and holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_a_picture_keeps_its_pixels():
    original = Image.effect_noise((64, 48), 80).convert("RGB")
    file = io.BytesIO()
    original.save(file, format="PNG")
    made = Image.open(io.BytesIO(checked_png(sent(file.getvalue()))))
    assert (made.format, made.size, made.tobytes()) == ("PNG", original.size, original.tobytes())


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "1", "I;16"])
def test_every_kind_of_png_becomes_a_plain_one(mode):
    made = Image.open(io.BytesIO(checked_png(sent(png(mode=mode)))))
    assert made.mode == ("RGBA" if mode in ("RGBA", "LA") else "RGB")


def test_metadata_is_dropped():
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Somebody Known")
    texts.add_itxt("Comment", "born 1980", zip=True)
    exif = Image.Exif()
    exif[0x013B] = "Somebody Known"
    data = png(pnginfo=texts, exif=exif, icc_profile=b"profile of a camera", dpi=(300, 300))
    data += b"something after the end"
    made = checked_png(sent(data))
    assert Image.open(io.BytesIO(data)).info
    assert Image.open(io.BytesIO(made)).info == {}
    assert not any(piece in made for piece in (b"Somebody", b"profile", b"eXIf", b"tEXt", b"after the end"))


REFUSED_PNG = {
    "not a picture": sent(b"MZ not a picture" * 10),
    "another kind": sent(png(), "image/svg+xml"),
    "an address": "https://example.org/a.png",
    "a JPEG that says PNG": sent(b"\xff\xd8\xff\xe0" + b"\0" * 100),
    "a PNG that is none": sent(b"\x89PNG\r\n\x1a\n" + b"\0" * 100),
    "cut off": sent(png((300, 300))[:-40]),
    "header only": sent(png()[:33]),
    "not base64": "data:image/png;base64,????",
    "one letter too few": sent(png())[:-1],
    "bomb": sent(with_header(60_000, 60_000)),
    "too many pixels": sent(with_header(4001, 1000)),
    "no pixels": sent(with_header(0, 10)),
    "promises more than it holds": sent(with_header(2000, 2000)),
    "too many bytes": sent(png() + b"\0" * picture.LARGEST_PNG_BYTES),
    "text that unpacks to a lot": sent(
        png()[:33] + chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 50_000_000)) + png()[33:]
    ),
    "no text": None,
    "nothing": "",
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("attack", REFUSED_PNG.values(), ids=REFUSED_PNG.keys())
def test_what_is_no_small_png_is_refused_in_one_sentence(attack):
    with pytest.raises(PictureRefused) as refusal:
        checked_png(attack)
    assert len(refusal.value.sentences) == 1


def test_pixels_are_counted_before_anything_is_unpacked(monkeypatch):
    monkeypatch.setattr(picture, "_encoded_anew", lambda _: pytest.fail("it was unpacked"))
    with pytest.raises(PictureRefused, match="4 million"):
        checked_png(sent(with_header(60_000, 60_000)))


def test_a_picture_that_grows_past_the_limit_of_streamlit_is_refused(monkeypatch):
    """Hazard KW-H07: files of 1 MiB and more are told apart by samples of their bytes."""
    monkeypatch.setattr(picture, "_encoded_anew", lambda _: b"\0" * (picture.LARGEST_KEPT_PNG_BYTES + 1))
    with pytest.raises(PictureRefused, match="1 MB"):
        checked_png(sent(png()))


# --- The sentence --------------------------------------------------------------------------------------------------------


def test_a_sentence_is_one_line_of_what_can_be_read():
    assert checked_sentence("  The knee\n is\tbent. \u202e\x07Ü ğ “a” ") == "The knee is bent. Ü ğ “a”"


@pytest.mark.parametrize("nothing", [None, "", " \n", "\u202e", 5, "a" * (picture.LONGEST_SENTENCE + 1)])
def test_a_picture_without_a_sentence_is_refused(nothing):
    with pytest.raises(PictureRefused, match="sentence"):
        checked_sentence(nothing)
