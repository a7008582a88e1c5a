"""The Python that templates become: Jinja's, with its texts in the locale already and cheaper reading and writing of values.

A list of 25 rows reads some 600 attributes and writes some 350 values, which as Jinja compiles them is half of the page's time.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import date
from typing import Any

from jinja2 import Environment, Template, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.environment import TemplateModule
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape

try:  # The C function under `escape`, without the Markup that a piece of a page need not be.
    from markupsafe._speedups import _escape_inner as _escape_text
except ImportError:  # pragma: no cover - a build of markupsafe without its C part
    from markupsafe._native import _escape_inner as _escape_text

_READER = """\
def read_{0}(value):
    try:
        return value.{0}
    except AttributeError:
        return environment.getattr(value, "{0}")
"""
_READER_OF_DICT_TOO = """\
def read_{0}(value):
    if type(value) is dict and "{0}" in value:
        return value["{0}"]
    try:
        return value.{0}
    except AttributeError:
        return environment.getattr(value, "{0}")
"""


class PageCode(CodeGenerator):
    """Reads an attribute by a function of its own name, which Python makes fast, and asks Jinja only where there is none."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._read: set[str] = set()

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:
        super().visit_Template(node, frame)
        self.writeline(f"from {__name__} import write_escaped as escape")  # In place of the one imported above.
        for name in sorted(self._read):
            for line in (_READER if hasattr(dict, name) else _READER_OF_DICT_TOO).format(name).splitlines():
                self.writeline(line)

    def writeline(self, x: str, node: nodes.Node | None = None, extra: int = 0) -> None:
        # A block, and the layout around a page, goes up as one text: piece by piece it would pass through every level above.
        if x.startswith("yield from "):
            x = f"yield concat({x.removeprefix('yield from ')})"
        super().writeline(x, node, extra)

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:
        self._read.add(node.attr)
        self.write(f"read_{node.attr}(")
        self.visit(node.node, frame)
        self.write(")")


class PageTemplate(Template):
    """A template whose macros are made once: every template of an environment has the same globals."""

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        # Jinja compares the globals of both at each import, which costs more than the macros do.
        return self._module or super()._get_default_module(ctx)


class PageEnvironment(Environment):
    """The environment of one locale; its global `_` is the locale's.

    Jinja trusts every message as markup. Here only those written in the template are; what comes from elsewhere is escaped.
    """

    code_generator_class = PageCode
    template_class = PageTemplate

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._ready: dict[str, Template] = {}

    def _load_template(self, name: str, globals: MutableMapping[str, Any] | None) -> Template:
        # A page asks for six templates each time; Jinja makes a weak reference to find each.
        if self.auto_reload or globals:
            return super()._load_template(name, globals)
        template = self._ready.get(name)
        if template is None:
            template = self._ready[name] = super()._load_template(name, globals)
        return template

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        # Jinja lays a second mapping over the globals for each template, and walks through both for each page.
        return super().make_globals(d) if d else self.globals

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Translation(self.globals["_"]).visit(super()._parse(source, name, filename))
        return tree


class _Translation(NodeTransformer):
    """Puts a text without variables into the template in the locale's words."""

    def __init__(self, translate: Any) -> None:
        self._translate = translate

    def visit_Call(self, call: nodes.Call) -> nodes.Node:
        self.generic_visit(call)
        if not isinstance(call.node, nodes.Name) or call.node.name not in ("_", "gettext"):
            return call
        if len(call.args) != 1 or not isinstance(call.args[0], nodes.Const):
            call.node.name = "translate_data"
            return call
        if call.kwargs or call.dyn_args or call.dyn_kwargs:
            return call
        text = str(self._translate(call.args[0].value))
        return nodes.MarkSafe(nodes.Const(text, lineno=call.lineno), lineno=call.lineno)


def write_escaped(value: Any) -> str:
    """The value as text of a page; only markup is taken as it is."""
    kind = type(value)
    if kind is str:
        return _escape_text(value)
    if kind is Markup:
        return value  # type: ignore[no-any-return]  # A str.
    if kind is int or kind is date:
        return str(value)
    return escape(value)
