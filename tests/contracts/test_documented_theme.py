"""From a logo to a live theme, as docs/themes.md has it: its files, its commands, and the pages and the mail that come of them."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from portal.emails.rendering import render_mail
from portal.examples.mails import example_mail_brand, mail_examples
from portal.rendering.renderer import Renderer
from portal.theming.themes import load_themes
from tests.contracts.test_documented_shop import free_port, in_ports, run, running, said

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/themes.md"
FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class MadeTheme:
    """What the section's steps left behind: the folder, what the commands printed, and the last command, which serves."""

    folder: Path
    printed: str
    server: str
    environment: dict[str, str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeTheme:
    """The steps one after the other, in the order in which they stand there."""
    folder = tmp_path_factory.mktemp("brightwater")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "FLASK_"))}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(DOCUMENT.parents[1]),
        "PYTHONUNBUFFERED": "1",
    }
    ports = {"5000": free_port()}
    section = DOCUMENT.read_text("utf-8").partition("\n## From a logo to a live theme\n")[2].partition("\n## ")[0]
    printed, before = "", 0
    for block in FENCED.finditer(section):
        kind, text = block.groups()
        said_above = section[before : block.start()]
        before = block.end()
        if kind != "sh":
            _write(folder, said_above, kind, text)
        elif text.startswith("portal serve"):
            return MadeTheme(folder, printed, in_ports("portal serve --port 5000", ports), environment)
        else:
            done = run(f"{in_ports(text, ports)}\nprintf '\\0'\nenv -0", folder, environment)
            out, _, exported = done.partition("\0")
            printed += out
            environment |= dict(entry.split("=", 1) for entry in exported.split("\0") if "=" in entry)
    raise AssertionError("the section serves nothing")


def _write(folder: Path, said_above: str, kind: str, text: str) -> None:
    """A block into the file that is named above it, since the block before; the TOML stands at the end of one that is there."""
    (name,) = re.findall(r"`(logo\.svg|brightwater/[\w./]+)`", said_above)
    path = folder / "themes" / name if "/" in name else folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a" if kind == "toml" else "x", encoding="utf-8") as file:
        file.write(text)


def test_theme_is_sound_and_the_merchant_has_it(made: MadeTheme) -> None:
    assert re.search(r"^brightwater +Brightwater +extends base$", made.printed, re.MULTILINE)
    assert "brightwater is sound" in made.printed
    assert '"theme": "brightwater"' in made.printed


def test_live_pages_wear_the_theme_and_its_template(made: MadeTheme) -> None:
    with running(made.server, made.folder, made.environment) as served:
        said(served, "ready at")
        (port,) = re.findall(r"\d{4,5}", made.server)
        origin = f"http://127.0.0.1:{port}"
        with urlopen(f"{origin}/brightwater/sign-in?locale=fr", timeout=20) as answer:
            door = answer.read().decode()
        with pytest.raises(HTTPError) as missing:
            urlopen(f"{origin}/brightwater/nothing-here", timeout=20)
        lost = missing.value.read().decode()

    assert "Une eau claire, des comptes clairs." in door and 'class="brand-mark"' in door
    assert (missing.value.code, "from 8 to 18" in lost) == (404, True)


@pytest.mark.parametrize(
    ("locale", "words"), [("en", "Was it not you?"), ("fr", "Ce n’était pas vous"), ("ar", "Was it")]
)
def test_mail_is_the_themes_own(made: MadeTheme, locale: str, words: str) -> None:
    themes = load_themes([made.folder / "themes"])
    brand = example_mail_brand(themes.get("brightwater"), locale)
    pages = [example.page for example in mail_examples(brand) if example.template == "emails/method_changed"]

    mails = [render_mail(Renderer(themes), "method_changed", page, theme="brightwater") for page in pages]

    assert mails and all(words in mail.html and "+44 20 7946 0100" not in mail.text for mail in mails)
