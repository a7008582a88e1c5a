"""The faults of the settings document: all at once, each at its path and in words that follow it; pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from portal.merchants.errors import Fault

Path = tuple[str | int, ...]
Table = TypeVar("Table", bound=BaseModel)


class Section(BaseModel):
    """A table of the document: its keys are all there are, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def fault_at(path: Path, message: str, value: object) -> InitErrorDetails:
    """Return a fault of our own, at its path below the value that is being read."""
    # In braces: the message is data, and pydantic would read it as a template.
    error = PydanticCustomError("settings", "{message}", {"message": message})
    return InitErrorDetails(type=error, loc=path, input=value)


def refuse(faults: list[InitErrorDetails]) -> None:
    """Raise all faults at once, if there are any."""
    if faults:
        raise ValidationError.from_exception_data("settings", faults)


def read_partly(model: type[Table], value: object, key: str) -> tuple[Table, list[InitErrorDetails]]:
    """Return what can be read of a table, with the faults of the rest, each below `key`: the checks that follow look at it all the same."""
    if isinstance(value, model):
        return value, []
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        found = error.errors(include_url=False)
    faults = [fault_at((key, *each["loc"]), _message(each, model), each["input"]) for each in found]
    wrong = {each["loc"][0] for each in found if each["loc"]}
    given = value if isinstance(value, Mapping) else {}
    return model.model_construct(**{name: each for name, each in given.items() if name not in wrong}), faults


def faults_of(error: ValidationError, document: type[BaseModel]) -> list[Fault]:
    """Return what is wrong with a document, by path."""
    found = error.errors(include_url=False)
    return sorted({Fault(".".join(map(str, each["loc"])), _message(each, document)) for each in found})


_SENTENCES = {
    "missing": "is missing",
    "bool_type": "is true or false",
    "string_type": "is a text in quotation marks",
    "int_type": "is a whole number",
    "int_from_float": "is a whole number",
    "list_type": "is a list",
    "tuple_type": "is a list",
    "dict_type": "is a table",
    "model_type": "is a table",
    "model_attributes_type": "is a table",
}


def _message(found: ErrorDetails, document: type[BaseModel]) -> str:
    """Return what is wrong with a value, in words that follow its path."""
    kind, context = found["type"], found.get("ctx", {})
    if kind == "settings":
        return str(context["message"]) if "message" in context else found["msg"]
    if kind == "literal_error":
        return f"is one of {context['expected']}".replace("'", '"')
    if kind == "extra_forbidden":
        return "is not a key here" + _nearest(found["loc"], document)
    if kind == "too_long":
        return f"has {context['max_length']} entries at most"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"is {'at least' if kind.startswith('g') else 'at most'} {context.get('ge', context.get('le'))}"
    return _SENTENCES.get(kind, found["msg"])


def _nearest(path: Path, document: type[BaseModel]) -> str:
    """Return the keys that there are beside an unknown one, the nearest first."""
    model = document
    for name in path[:-1]:
        below = model.model_fields.get(str(name))
        if below is None or not isinstance(below.annotation, type) or not issubclass(below.annotation, BaseModel):
            return ""
        model = below.annotation
    nearest = difflib.get_close_matches(str(path[-1]), model.model_fields, n=1)
    return f"; did you mean {nearest[0]}?" if nearest else f"; there are {', '.join(model.model_fields)}"
