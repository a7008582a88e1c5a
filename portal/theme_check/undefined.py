"""A Jinja undefined that says where it was used and lets the page go on, so that one rendering finds all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jinja2 import Undefined
from jinja2.utils import missing

Note = Callable[["Recorded", list[tuple[Path, int]]], None]


class Recorded(Undefined):
    """Stands for what is not there: empty, zero and false, whatever is done with it. `note` is set by `recording`."""

    __slots__ = ()
    note: Note

    @property
    def missing_name(self) -> str:
        return str(self._undefined_name)

    @property
    def has_no_name(self) -> bool:
        """Whether it is what a filter found nothing for, such as the first of an empty list."""
        return self._undefined_name is None

    @property
    def is_position(self) -> bool:
        """Whether it is what a tuple does not have at a place."""
        return isinstance(self._undefined_name, int)

    @property
    def owner(self) -> object:
        """What lacks the name; None for a name of the template itself."""
        return None if self._undefined_obj is missing else self._undefined_obj

    @property
    def sentence(self) -> str:
        return self._undefined_message

    def _record(self, *_: object, **__: object) -> Any:
        type(self).note(self, list(_template_lines()))
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._record()

    def __str__(self) -> str:
        self._record()
        return ""

    def __iter__(self) -> Iterator[Any]:
        self._record()
        return iter(())

    def __len__(self) -> int:
        self._record()
        return 0

    def __bool__(self) -> bool:
        self._record()
        return False

    def __int__(self) -> int:  # type: ignore[override]  # Jinja's own never returns.
        self._record()
        return 0

    def __float__(self) -> float:  # type: ignore[override]  # Jinja's own never returns.
        self._record()
        return 0.0

    def __eq__(self, other: object) -> bool:
        self._record()
        return False

    def __ne__(self, other: object) -> bool:
        self._record()
        return True

    def __hash__(self) -> int:
        self._record()
        return 0

    __call__ = __getitem__ = _record
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _record
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __pos__ = __neg__ = _record
    __lt__ = __le__ = __gt__ = __ge__ = _record


def recording(note: Note) -> type[Recorded]:
    """The undefined of an environment: `note` gets each that is used, and the lines of templates that led there, innermost first."""
    return type("RecordedHere", (Recorded,), {"note": staticmethod(note), "__slots__": ()})


def _template_lines() -> Iterator[tuple[Path, int]]:
    frame = sys._getframe(2)
    while frame is not None:
        template = frame.f_globals.get("__jinja_template__")
        if template is not None and template.filename:
            yield Path(template.filename), template.get_corresponding_lineno(frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]  # None at the end.
