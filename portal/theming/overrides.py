"""Templates of a theme: which may stand in for a bundled one, and whether they can be used at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError, meta

from portal.theming.faults import Fault, did_you_mean, nearest_name

# Where one pays looks and works the same on every brand (design, principle 7).
PROTECTED = frozenset({"components/payment_panel.html"})


def is_protected(template: str) -> bool:
    """Whether a theme may not replace this template."""
    return template in PROTECTED


def check_overrides(slug: str, folder: Path, bundled: Path) -> Iterator[Fault]:
    """Faults of one `templates/` folder of a theme: no such template, protected, does not parse, or the panel left out."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        if is_protected(name):
            yield Fault(
                slug, path, 0, "the payment panel is the same on every brand and cannot be replaced", "override"
            )
        elif not (bundled / name).is_file():
            nearest = nearest_template(name, bundled)
            yield Fault(
                slug, path, 0, f"there is no template {name} to replace{did_you_mean(nearest)}", "override", nearest
            )
        else:
            yield from _check_source(slug, path, bundled / name)


def _check_source(slug: str, path: Path, replaced: Path) -> Iterator[Fault]:
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    try:
        used = _templates_used(environment, path)
    except TemplateSyntaxError as fault:
        yield Fault(slug, path, fault.lineno, f"does not parse: {fault.message}", "template")
        return
    except UnicodeDecodeError:
        yield Fault(slug, path, 0, "is not a text in UTF-8", "template")
        return
    except (OSError, RecursionError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is nested too deeply"
        yield Fault(slug, path, 0, f"cannot be read: {why}", "template")
        return
    for name in sorted((_templates_used(environment, replaced) & PROTECTED) - used):
        yield Fault(slug, path, 0, f"leaves out {name}, which the page it replaces has", "override")


def nearest_template(name: str, bundled: Path) -> str:
    """The bundled template whose path or name is most like this one; "" where none is. What all have, the suffix, is not compared."""
    suffix = Path(name).suffix
    stems = {
        key: path.relative_to(bundled).as_posix()
        for path in sorted(bundled.rglob(f"*{suffix}"))
        if path.is_file()
        for key in (path.stem, path.relative_to(bundled).with_suffix("").as_posix())
    }
    return stems.get(nearest_name(name.removesuffix(suffix), stems), "")


def _templates_used(environment: Environment, path: Path) -> set[str]:
    tree = environment.parse(path.read_text("utf-8"))
    return {name for name in meta.find_referenced_templates(tree) if name}
