"""Points that customers collect."""

import time
from uuid import UUID

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

TRIES = 3
ADD = text(
    'UPDATE customers SET points = points + :points WHERE name = (SELECT customer FROM orders WHERE id = :order)'
)


def award(database: Engine, order: UUID, points: int) -> None:
    """Add points for an order to those of its customer. Try again if that fails."""
    for attempt in range(1, TRIES + 1):
        try:
            with database.begin() as connection:
                connection.execute(ADD, {'points': points, 'order': order})
            return
        except OperationalError:
            if attempt == TRIES:
                raise
            time.sleep(0.02 * 2**attempt)
