"""Pictures of the codes that banking apps scan, as SVG; what stands in them is decided by `transfer_codes`."""

from __future__ import annotations

import io

from markupsafe import Markup

_SWISS_MM = 46
# The Swiss cross of the standard, 7 mm wide in the middle: a white edge, a black square, the cross in white.
_SWISS_CROSS = (
    '<path fill="#fff" d="M-3.5-3.5h7v7h-7z"/><path fill="#000" d="M-3-3h6v6h-6z"/>'
    '<path fill="#fff" d="M-.583-1.944h1.167v1.361h1.361v1.167h-1.361v1.361h-1.167v-1.361h-1.361v-1.167h1.361z"/>'
)


def code_picture(text: str) -> Markup:
    """Return a code as a picture within a page, of the size that the page gives it: of a Swiss QR-bill, or of another scheme. The page says
    in words what it is, and leaves white around it."""
    drawn = swiss_qr_svg(text) if text.startswith("SPC\n") else qr_svg(text)
    width, rest = drawn.removeprefix('<svg xmlns="http://www.w3.org/2000/svg" width="').split('"', 1)
    inner = rest.partition(">")[2]
    # Nothing in it is text: modules and a cross.
    return Markup(f'<svg viewBox="0 0 {width} {width}" aria-hidden="true" focusable="false">{inner}')  # noqa: S704


def qr_svg(text: str) -> str:
    """Return a QR code (error correction M, as the schemes want) as an SVG, one unit a module."""
    import segno

    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", xmldecl=False, svgns=True, border=0)
    return out.getvalue().decode()


def swiss_qr_svg(text: str) -> str:
    """Return a Swiss QR Code: error correction M, with the Swiss cross, for a width of 46 mm."""
    import segno

    code = segno.make(text, error="m", micro=False, boost_error=False, encoding="utf-8", eci=False)
    out = io.BytesIO()
    code.save(out, kind="svg", xmldecl=False, svgns=True, border=0)
    width = code.symbol_size(border=0)[0]
    cross = f'<g transform="translate({width / 2} {width / 2}) scale({width / _SWISS_MM})">{_SWISS_CROSS}</g>'
    return out.getvalue().decode().replace("</svg>", f"{cross}</svg>")
