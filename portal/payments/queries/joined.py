"""Several rows packed into one column of another, for the statements of pages: unpacked by whoever reads them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from portal.database import Id


class SpaceJoined(sa.sql.functions.GenericFunction[str]):
    """The texts of a group joined by spaces. SQLAlchemy's own function for this compiles its separator on every execution."""

    type = Id
    inherit_cache = True


@compiles(SpaceJoined)
def _space_joined_on_sqlite(element: SpaceJoined, compiler: Any, **options: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **options)}, ' ')"


@compiles(SpaceJoined, "postgresql")
def _space_joined_on_postgresql(element: SpaceJoined, compiler: Any, **options: Any) -> str:
    return f"string_agg({compiler.process(element.clauses, **options)}, ' ')"
