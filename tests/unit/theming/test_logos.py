"""A logo that is too heavy, or that could run or load something, is not served."""

from __future__ import annotations

import pytest

from portal.assets import THEMES
from portal.theming.logos import MAX_PICTURE_BYTES, MAX_SVG_BYTES, find_unfit
from portal.theming.themes import load_themes

START = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">'


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ("<script>alert(1)</script>", "has <script>"),
        ('<path onload="x" d="M1 1"/>', "event handler onload"),
        ('<a href="https://evil.example"><path d="M1 1"/></a>', "foreign reference in <a>"),
        ('<use xlink:href="//evil.example/x.svg#a"/>', "foreign reference in <use>"),
        ('<image href="data:image/svg+xml;base64,AAAA"/>', "foreign reference in <image>"),
        ('<a href="javascript:alert(1)"/>', "foreign reference"),
        ("<foreignObject><p/></foreignObject>", "has <foreignObject>"),
        ("<style>@import 'https://evil.example/x.css';</style>", "style that loads"),
        ('<path fill="url(https://evil.example/x)" d="M1 1"/>', "fill that loads"),
        ('<set attributeName="xlink:href" to="javascript:alert(1)"/>', "changes an address"),
    ],
)
def test_svg_that_runs_or_loads_something_is_unfit(tmp_path, inside, words):
    path = tmp_path / "logo.svg"
    path.write_text(f"{START}{inside}</svg>")

    assert words in " ".join(find_unfit(path))


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        ("logo.svg", b"<svg " + b" " * MAX_SVG_BYTES + b"/>", "is heavier than 64 KB"),
        ("logo.png", b"\x89PNG\r\n\x1a\n" + b"0" * MAX_PICTURE_BYTES, "is heavier than 256 KB"),
        ("logo.png", b"GIF89a", "is not a picture of the kind that .png says"),
        ("logo.svg", b"<svg", "cannot be read"[3:]),
        ("logo.svg", b'<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', "document type"),
        ("logo.svg", b'<?xml-stylesheet href="https://evil.example/x.css"?><svg/>', "names a stylesheet"),
    ],
)
def test_file_that_is_heavy_or_something_else_is_unfit(tmp_path, name, source, words):
    (tmp_path / name).write_bytes(source)

    sentences = " ".join(find_unfit(tmp_path / name))

    assert words in sentences or "an SVG that can be read" in sentences


def test_drawing_with_its_own_gradients_is_fit(tmp_path):
    path = tmp_path / "logo.svg"
    path.write_text(
        f'{START}<defs><linearGradient id="g"/></defs><use xlink:href="#g"/><path fill="url(#g)" d="M1 1"/></svg>'
    )

    assert list(find_unfit(path)) == []
    assert [fault for logo in THEMES.glob("*/static/*.svg") for fault in find_unfit(logo)] == []


def test_theme_with_an_unsafe_logo_is_not_used(tmp_path):
    folder = tmp_path / "loud"
    (folder / "static").mkdir(parents=True)
    (folder / "static" / "logo.svg").write_text(f"{START}<script>x</script></svg>")
    (folder / "theme.toml").write_text('name = "Loud"\n[brand]\nlogo = "static/logo.svg"\n')

    loaded = load_themes([tmp_path])

    assert loaded.get("loud").slug == "base"
    assert [(fault.line, fault.kind) for fault in loaded.faults] == [(3, "logo")]


@pytest.mark.parametrize(
    "source",
    [
        START.encode("utf-16") + "</svg>".encode("utf-16-le"),
        f'<?xml version="1.0" encoding="foo-9"?>{START}</svg>'.encode(),
        b'<html xmlns="http://www.w3.org/1999/xhtml"><meta http-equiv="refresh" content="0;url=https://evil.example/"/></html>',
        f'{START}<form xmlns="http://www.w3.org/1999/xhtml" action="https://evil.example/"/></svg>'.encode(),
        f'{START}<set attributeName="onclick" to="x()"/></svg>'.encode(),
        f'{START}<a ping="https://evil.example/"/></svg>'.encode(),
        f'{START}<path style="fill:u\\72l(https://evil.example/)"/></svg>'.encode(),
        f'{START}<path style="fill:image-set(&quot;https://evil.example/&quot;)"/></svg>'.encode(),
        f"{START}<style><g/>rect{{fill:url(https://evil.example/)}}</style></svg>".encode(),
        b"<svg/>",
    ],
)
def test_drawing_in_disguise_is_unfit(tmp_path, source):
    (tmp_path / "logo.svg").write_bytes(source)

    assert len(list(find_unfit(tmp_path / "logo.svg"))) >= 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("logo.webp", b"RIFF\x10\0\0\0AVI "),
        ("logo.png", b"\x89PNG\r\n\x1a\n"),
        ("LOGO.PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(20)),
    ],
)
def test_picture_that_is_none_is_unfit(tmp_path, name, source):
    (tmp_path / name).write_bytes(source)

    assert len(list(find_unfit(tmp_path / name))) == 1


def test_what_drawing_programs_note_is_no_fault(tmp_path):
    (tmp_path / "LOGO.SVG").write_text(
        f'{START}<sodipodi:namedview xmlns:sodipodi="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd"/><path d="M1 1"/></svg>'
    )

    assert list(find_unfit(tmp_path / "LOGO.SVG")) == []
