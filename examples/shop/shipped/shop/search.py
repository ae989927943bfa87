"""Finds products by words."""

from typing import Any

from sqlalchemy import Engine

from shop.database import Connection, connect

_connection: Connection | None = None


def find(database: Engine, words: str) -> list[dict[str, Any]]:
    """Return the products that have *words* in their name."""
    # A connection of its own: the pool's are for orders.
    global _connection
    if _connection is None:
        _connection = connect()
        _connection.autocommit = True
    rows = _connection.execute('SELECT id, name FROM products WHERE name ILIKE %s ORDER BY id', [f'%{words}%'])
    return [{'id': number, 'name': name} for number, name in rows]
