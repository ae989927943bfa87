"""Finds products by words."""

from typing import Any

from sqlalchemy import Engine, text

FIND = text('SELECT id, name FROM products WHERE name ILIKE :words ORDER BY id')


def find(database: Engine, words: str) -> list[dict[str, Any]]:
    """Return the products that have *words* in their name."""
    with database.connect() as connection:
        rows = connection.execute(FIND, {'words': f'%{words}%'}).mappings()
        return [dict(row) for row in rows]
