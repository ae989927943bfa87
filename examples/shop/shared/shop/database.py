"""PostgreSQL: the schema, and connections that do not wait for ever."""

from collections.abc import Generator
from time import monotonic
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine

from shop.settings import TIMEOUT, database_url

SCHEMA = """
CREATE TABLE IF NOT EXISTS products (
    id int PRIMARY KEY, name text NOT NULL, price int NOT NULL, left_over int NOT NULL
);
CREATE TABLE IF NOT EXISTS customers (name text PRIMARY KEY, points int NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS orders (
    id uuid PRIMARY KEY, customer text NOT NULL, product int NOT NULL, amount int NOT NULL, state text NOT NULL
);
CREATE TABLE IF NOT EXISTS awards (order_id uuid PRIMARY KEY);
"""


class Connection(psycopg.Connection[Any]):
    """A connection that is closed if a reply takes longer than `TIMEOUT`.

    libpq waits for ever for a server that has gone silent: neither statement_timeout nor tcp_user_timeout ends that.
    """

    def wait(self, gen: Generator[Any, Any, Any], interval: float = TIMEOUT / 10, **options: Any) -> Any:
        """Wait for what *gen* waits for."""
        return super().wait(self._in_time(gen), interval, **options)

    def _in_time(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        deadline = monotonic() + TIMEOUT
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and monotonic() > deadline:
                    self.close()
                    raise psycopg.OperationalError(f'no reply within {TIMEOUT} s')
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value


def connect() -> Connection:
    """Return a new connection."""
    # libpq counts whole seconds, and takes 1 for 2.
    return Connection.connect(database_url(), connect_timeout=max(2, round(TIMEOUT)), prepare_threshold=None)


def make_engine() -> Engine:
    """Return the pool of connections."""
    return create_engine('postgresql+psycopg://', creator=connect, use_native_hstore=False)
