"""Art: what a theme may draw, and that nothing else gets into its stylesheet."""

from __future__ import annotations

import pytest

from portal.theming.art import clean_art


@pytest.mark.parametrize(
    "text",
    [
        "none",
        "#123456",
        "linear-gradient(#000, #fff)",
        "linear-gradient(to right, #000 50%, #fff 50%)",
        "linear-gradient(90deg, #000 50%, #fff 50%)",
        "linear-gradient(to top left, #000 0 50%, #f00 50%)",
        "radial-gradient(circle at 50% 50%, #f00 10px, #00f 10px)",
        "radial-gradient(circle closest-side, #f00 0 50%, #00f 50%)",
        "repeating-linear-gradient(to right, #f00 0 10px, #00f 10px 20px)",
        "linear-gradient(#f00, #f00) no-repeat 100% 100% / 100% calc(1rem + 4px), #00f",
        "linear-gradient(#ff000080, #ff000080), #00f",
        "radial-gradient(ellipse 10px 5% at left top, #f00 10px 20px, oklch(45% 0.1 155) 50%), rgb(1 2 3)",
        "repeating-radial-gradient(circle at 104% 104%, transparent 0 calc(2rem - 1px), #2f3f9e2b calc(2rem * 2 / 3))",
        "linear-gradient(45deg, white, black), linear-gradient(.25turn, #fff, #000) left top / 2rem repeat-x",
    ],
)
def test_gradients_over_a_plain_colour_are_accepted_as_they_are(text):
    assert clean_art(text) == text


def test_art_is_written_in_one_line():
    assert clean_art(" Linear-Gradient( #FFF,\n   #000 )\n") == "linear-gradient( #fff, #000 )"


@pytest.mark.parametrize(
    "text",
    [
        "url(x.png)", "linear-gradient(url(x), #fff)", "image(red)", "linear-gradient(#fff)", "linear-gradient(#fff, #000", "var(--art)",
        "linear-gradient(#fff, #000); color: red", "linear-gradient(#fff, #000) }", "#fff, linear-gradient(#fff, #000)", "</style>",
        "linear-gradient(#fff 10, #000)", "@import 'x'", "element(#x)", "cross-fade(#fff, #000)", "linear-gradient(#fff, red)", "\\75rl(x)",
        "linear-gradient(#fff, #000) /* */", "", "linear-gradient(#fff calc(1px * 1px), #000)", "linear-gradient(#fff calc(1px / 0), #000)",
        "linear-gradient(url(https://evil.example/x.png), #000)", "url(https://evil.example/x.png), #fff", "input[value^=a]", "@import url(//x)",
        "linear-gradient(#fff, #000), image-set('x' 1x)", "-webkit-image-set(#fff)", "linear-gradient(attr(x), #000)", "env(x)", "'x'",
        "linear-gradient(#fff, #000)</style><script>", "linear-gradient(#fff, #000) fixed", "linear-gradient(<colour>, <colour>)",
        "linear-gradient(colour, colour)", "linear-gradient(\\<colour\\>, \\<colour\\>)", "linear-gradient(#fff, #000), none", "none, #fff",
        "linear-gradient(#fff, #000),", "#fff #000", "linear-gradient(#fff 1px 2px 3px, #000)", "linear-gradient(circle, #fff, #000)",
        "[" * 1500 + "]" * 1500, "linear-gradient(rgb(" + "(" * 900 + ")" * 902, "linear-gradient(#fff, #000)" + " " * 2000,
    ],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError):
        clean_art(text)
