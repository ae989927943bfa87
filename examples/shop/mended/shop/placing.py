"""Places orders: an order is pending until its money has been taken.

Orders that stay pending are settled at night: the payment API knows whether there is a charge for them.
"""

from uuid import UUID, uuid4

from redis import Redis
from requests import Session
from sqlalchemy import Engine, text

from shop import charging, stock

PAID = text("UPDATE orders SET state = 'paid' WHERE id = :id")
CANCELLED = text("UPDATE orders SET state = 'cancelled' WHERE id = :id")


def place(database: Engine, redis: Redis, api: Session, customer: str, product: int, card: str) -> UUID:
    """Sell one of *product* to a customer; return the number of the order."""
    order = uuid4()
    amount = stock.reserve(database, redis, order, customer, product)
    try:
        charging.charge(api, order, amount, card)
    except charging.Declined:
        with database.begin() as connection:
            connection.execute(CANCELLED, {'id': order})
            stock.give_back(connection, product)
        raise
    # If this fails, nobody knows whether the COMMIT was carried out: leave the money where it is.
    with database.begin() as connection:
        connection.execute(PAID, {'id': order})
    return order
