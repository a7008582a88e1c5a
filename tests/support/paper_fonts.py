"""Makes the fonts of the papers anew from Debian's package `fonts-noto-core`: `python -m tests.support.paper_fonts /usr/share/fonts/truetype/noto`.

The files in `portal/documents/fonts` are committed: this is how they were made (fonttools must be installed, and is no dependency).
Hints are dropped, which no PDF needs; of Noto Sans and Noto Serif Latin, Greek, Cyrillic, punctuation and currencies are kept.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "portal" / "documents" / "fonts"
# Latin with its extensions, combining marks, Greek, Cyrillic, punctuation, super- and subscripts, currencies, letter-like signs,
# number forms, arrows and mathematical signs that invoices have.
EUROPE = (
    "U+0020-052F,U+1AB0-1AFF,U+1C80-1C8F,U+1D00-1DBF,U+1DC0-1FFF,U+2000-206F,U+2070-20CF,U+20F0,U+2100-2190,"
    "U+2191-2193,U+2212,U+2215,U+2219,U+221E,U+2248,U+2260,U+2264,U+2265,U+25CC,U+2C60-2C7F,U+2DE0-2DFF,U+2E00-2E4F,"
    "U+A640-A69F,U+A700-A7FF,U+AB30-AB6F,U+FB00-FB06,U+FE20-FE2F,U+FFFD"
)
FONTS = {
    "NotoSans-Regular": EUROPE, "NotoSans-Bold": EUROPE, "NotoSerif-Regular": EUROPE, "NotoSerif-Bold": EUROPE,
    "NotoSansArabic-Regular": "*", "NotoSansArabic-Bold": "*", "NotoNaskhArabic-Regular": "*",
    "NotoSansHebrew-Regular": "*", "NotoSansHebrew-Bold": "*",
    "NotoSansDevanagari-Regular": "*", "NotoSansDevanagari-Bold": "*",
    "NotoSansEthiopic-Regular": "*", "NotoSansEthiopic-Bold": "*",
}  # fmt: skip


def main(source: Path) -> None:
    """Write each font, and the characters that all of them cover."""
    from fontTools.ttLib import TTFont  # type: ignore[import-not-found,unused-ignore]

    covered: set[int] = set()
    for name, unicodes in FONTS.items():
        target = FOLDER / f"{name}.ttf"
        subprocess.run(
            [sys.executable, "-m", "fontTools.subset", str(source / f"{name}.ttf"), f"--unicodes={unicodes}",
             "--layout-features=*", "--no-hinting", "--desubroutinize", "--name-IDs=*", "--notdef-outline",
             f"--output-file={target}"],
            check=True,
        )  # fmt: skip
        if name.startswith("NotoSans"):  # What only a heading's font has is missing in the text.
            covered |= set(TTFont(target).getBestCmap())
    (FOLDER / "coverage.txt").write_text("\n".join(_ranges(sorted(covered))) + "\n", encoding="ascii")


def _ranges(points: list[int]) -> list[str]:
    found: list[list[int]] = []
    for point in points:
        if found and found[-1][1] == point - 1:
            found[-1][1] = point
        else:
            found.append([point, point])
    return [f"{first:X}-{last:X}" for first, last in found]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
