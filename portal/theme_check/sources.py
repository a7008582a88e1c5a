"""A theme's templates read line by line: what does not compile, is not defined, is left out, or would be dropped by browsers."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, TemplateNotFound, TemplateSyntaxError, meta, nodes

from portal.assets import TEMPLATES
from portal.rendering.renderer import Shell
from portal.theme_check.markup import find_dropped
from portal.theming.faults import Fault, did_you_mean, nearest_name
from portal.theming.overrides import is_protected, nearest_template

_UNKNOWN_FILTER = re.compile(r"No (filter|test) named '(\w+)'")
_GIVEN = ("page", "shell")
_SHELL = tuple(field.name for field in dataclasses.fields(Shell))
_PARTS = ("layouts/", "components/", "emails/layout")


def own_templates(folder: Path) -> dict[str, Path]:
    """The templates of a theme's folder that replace one of ours, by their names."""
    found = {}
    for part, start in (("templates", ""), ("emails", "emails/")):
        for path in sorted((folder / part).rglob("*")):
            name = start + path.relative_to(folder / part).as_posix()
            if path.is_file() and (TEMPLATES / name).is_file() and not is_protected(name):
                found[name] = path
    return found


def find_source_faults(environment: Environment, slug: str, name: str, path: Path, fields: set[str]) -> Iterator[Fault]:
    """All that is wrong with the source of one template. `fields` are those of its page, to say where an undefined name may be meant."""
    try:
        yield from _source_faults(environment, slug, name, path, fields)
    except RecursionError:
        yield Fault(slug, path, 0, "extends or includes itself, or is nested too deeply", "template")


def _source_faults(environment: Environment, slug: str, name: str, path: Path, fields: set[str]) -> Iterator[Fault]:
    try:
        source = path.read_text("utf-8")
        environment.compile(source, name, str(path))
    except (UnicodeDecodeError, OSError):
        return  # The start-up says so already.
    except TemplateSyntaxError as fault:
        yield _syntax_fault(environment, slug, path, fault)
        return
    except (ValueError, OverflowError) as fault:  # What it says is worked out when it is compiled.
        yield Fault(slug, path, 0, f"cannot be compiled: {fault}", "template")
        return
    tree = environment.parse(source)
    yield from _undefined_names(environment, slug, path, tree, fields)
    yield from _unknown_templates(environment, slug, path, tree)
    if not name.startswith(_PARTS):
        for block in sorted(_missing_blocks(environment, tree, set())):
            line = next((extends.lineno for extends in tree.find_all(nodes.Extends)), 0)
            yield Fault(slug, path, line, f"leaves out the required block {block}", "block")
    if path.suffix == ".html":
        for line, sentence in find_dropped(source, is_mail=name.startswith("emails/")):
            yield Fault(slug, path, line, sentence, "markup")


def undefined_sentence(name: str, fields: set[str]) -> tuple[str, str]:
    """What is said of a name that no template is given, and the nearest that there is: of the page, the shell, or their fields."""
    meant = (
        {each: each for each in _GIVEN}
        | {each: f"shell.{each}" for each in _SHELL}
        | {each: f"page.{each}" for each in fields}
    )
    nearest = meant.get(nearest_name(name, meant), "")
    return f"{name} is not defined: a page gets page and shell, a mail page alone{did_you_mean(nearest)}", nearest


def _syntax_fault(environment: Environment, slug: str, path: Path, fault: TemplateSyntaxError) -> Fault:
    unknown = _UNKNOWN_FILTER.match(fault.message or "")
    nearest = ""
    if unknown:
        nearest = nearest_name(unknown[2], environment.filters if unknown[1] == "filter" else environment.tests)
    message = (fault.message or "").removesuffix(".")
    return Fault(slug, path, fault.lineno, f"does not parse: {message}{did_you_mean(nearest)}", "template", nearest)


def _undefined_names(
    environment: Environment, slug: str, path: Path, tree: nodes.Template, fields: set[str]
) -> Iterator[Fault]:
    names = (
        meta.find_undeclared_variables(tree)
        - {*_GIVEN, *environment.globals}
        - _guarded_names(tree)
        - set(_defined(tree))
    )
    for node in tree.find_all(nodes.Name):
        if node.name in names and node.ctx == "load":
            sentence, nearest = undefined_sentence(node.name, fields)
            yield Fault(slug, path, node.lineno, sentence, "undefined", nearest)


def _defined(tree: nodes.Template) -> Iterator[str]:
    """The names that the template sets or imports anywhere: a block sees those of the whole template, which Jinja's own list leaves out."""
    yield from (node.name for node in tree.find_all(nodes.Name) if node.ctx != "load")
    yield from (node.name for node in tree.find_all(nodes.Macro))
    yield from (node.target for node in tree.find_all(nodes.Import))
    for node in tree.find_all(nodes.FromImport):
        yield from (name if isinstance(name, str) else name[1] for name in node.names)


def _guarded_names(tree: nodes.Template) -> set[str]:
    """The names of which the template asks itself whether they are defined, or gives what stands in for them."""
    guarded = [node.node for node in tree.find_all(nodes.Test) if node.name in ("defined", "undefined")]
    guarded += [node.node for node in tree.find_all(nodes.Filter) if node.name in ("default", "d") and node.node]
    return {node.name for node in guarded if isinstance(node, nodes.Name)}


def _unknown_templates(environment: Environment, slug: str, path: Path, tree: nodes.Template) -> Iterator[Fault]:
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        if isinstance(node, nodes.Include) and node.ignore_missing:
            continue
        for name in _constants(node):
            if _source_of(environment, name) is None:
                nearest = nearest_template(name, TEMPLATES)
                yield Fault(
                    slug,
                    path,
                    node.lineno,
                    f"uses {name}, which does not exist{did_you_mean(nearest)}",
                    "file",
                    nearest,
                )


def _missing_blocks(environment: Environment, tree: nodes.Template, filled: set[str]) -> set[str]:
    """The required blocks of what a template extends that neither it nor anything between fills."""
    filled = filled | {block.name for block in tree.find_all(nodes.Block) if not block.required}
    missing = {block.name for block in tree.find_all(nodes.Block) if block.required} - filled
    for extends in tree.find_all(nodes.Extends):
        for name in _constants(extends):
            source = _source_of(environment, name)
            if source is not None:
                missing |= _missing_blocks(environment, environment.parse(source), filled)
    return missing


def _constants(node: nodes.Node) -> Iterator[str]:
    """The names of templates that a node chooses between."""
    template = node.template  # type: ignore[attr-defined]  # All four kinds have it.
    found = [template] if isinstance(template, nodes.Const) else template.find_all(nodes.Const)
    yield from (const.value for const in found if isinstance(const.value, str) and "." in const.value)


def _source_of(environment: Environment, name: str) -> str | None:
    assert environment.loader is not None
    try:
        return environment.loader.get_source(environment, name)[0]
    except TemplateNotFound:
        return None
