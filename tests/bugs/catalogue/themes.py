"""Seeded bugs: what themes cannot do to customers."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_FALLBACKS = "tests/integration/test_theme_fallbacks.py"
_GUARD = "tests/unit/rendering/test_fallbacks.py"
_LIVE = "tests/integration/test_live_themes.py"
_CHECK = "tests/unit/theme_check/test_checking.py"
_NEW = "tests/unit/theming/test_new_themes.py"
_GALLERY = "tests/unit/gallery/test_gallery.py"


BUGS: tuple[Bug, ...] = (
    bug(
        "a theme's template that fails is an error for the customer",
        ("portal/rendering/renderer.py", "        except Exception as fault:\n", "        except KeyError as fault:\n"),
        likely=(_FALLBACKS,),
    ),
    bug(
        "the log of a template that failed has its message",
        ("portal/rendering/fallbacks.py", "else type(fault).__name__", "else str(fault)"),
        likely=(_FALLBACKS,),
    ),
    bug(
        "a theme hides the payment panel",
        ("portal/rendering/renderer.py", "            if shows_panel(name, page) and", "            if not page and"),
        likely=(_GUARD,),
    ),
    bug(
        "a theme's component draws the amount in the payment panel",
        (
            "portal/rendering/theme_loader.py",
            "        if self._has_templates and",
            "        if not self._has_templates and",
        ),
        likely=(_GUARD,),
    ),
    bug(
        "a process that is behind has no files for the pages of one that is ahead",
        (
            "portal/web/live_themes.py",
            "            self.renew_if_changed()\n            self._follow()\n",
            "            self._follow()\n",
        ),
        likely=(_LIVE,),
    ),
    bug(
        "the check renders in English alone",
        (
            "portal/theme_check/checking.py",
            "    for locale in languages if drawn else ():\n",
            "    for locale in ():\n",
        ),
        likely=(_CHECK,),
    ),
    bug(
        "the colour of links is not moved until it can be read",
        (
            "portal/theming/derivation.py",
            "    link = _readable(button, [page, inset, mix(0.07, button, page)])",
            "    link = button",
        ),
        likely=(_NEW,),
    ),
    bug(
        "a theme that cannot be made is left half made",
        ("portal/theming/creation.py", 'draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=into))', "draft = into"),
        likely=(_NEW,),
    ),
    bug(
        "the gallery answers to names of others",
        ("portal/gallery/app.py", "            abort(400)", "            pass"),
        likely=(_GALLERY,),
    ),
)
