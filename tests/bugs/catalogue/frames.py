"""Seeded bugs: who may show a page in a frame."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_FRAMING = "tests/contracts/test_framing.py"
_ORIGINS = "tests/unit/merchants/test_embed_settings.py"

BUGS: tuple[Bug, ...] = (
    bug(
        "pages that are never framed are framed",
        ("portal/web/framing.py", "    if is_never_framed(path):\n        return ()\n", ""),
        likely=(_FRAMING,),
    ),
    bug(
        "a page below one that is never framed is framed",
        ("portal/web/framing.py", 'path == each or path.startswith(f"{each}/")', "path == each"),
        likely=(_FRAMING,),
    ),
    bug(
        "a page that is asked for on its own may be framed",
        ("portal/web/framing.py", "return dest in _FRAMES or (", "return dest != 'empty' or ("),
        likely=(_FRAMING,),
    ),
    bug(
        "a live merchant's page is framed by this machine",
        ("portal/web/framing.py", "    if merchant.is_live:\n", "    if False:\n"),
        likely=(_FRAMING,),
    ),
    bug(
        "a name that anybody can have a part of may frame pages",
        ("portal/merchants/rules/embed_settings.py", "if _suffixes().privatesuffix(host) is None:", "if False:"),
        likely=(_ORIGINS,),
    ),
)
