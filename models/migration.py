"""Files of earlier versions, brought to the form of this one by their schema number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Values = dict[str, Any]
Migration = Callable[[Values], Values]


class BadSchema(ValueError):
    """A schema number that this version cannot read. The message follows the name of the file."""


def migrated(values: Values, migrations: Sequence[Migration]) -> Values:
    """What a file holds, in the newest form.

    Args:
        values: what the file holds; one without a `schema` is of schema 0, from before there were numbers.
        migrations: number n of them makes schema n + 1 of schema n.
    Raises:
        BadSchema: newer than this version, or no number at all.
    """
    newest, schema = len(migrations), values.get("schema", 0)
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 0:
        raise BadSchema(f"has schema {schema!r}, which is no number of one: it is damaged, take another copy")
    if schema > newest:
        raise BadSchema(f"has schema {schema}; this version reads up to {newest}: update translate-images")
    for migration in migrations[schema:]:
        values = migration(values)
    return {**values, "schema": newest}
