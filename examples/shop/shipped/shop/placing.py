"""Places orders: an order is pending until its money has been taken."""

from uuid import UUID, uuid4

from redis import Redis
from requests import Session
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from shop import charging, stock
from shop.settings import TIMEOUT, payment_url

PAID = text("UPDATE orders SET state = 'paid' WHERE id = :id")
CANCELLED = text("UPDATE orders SET state = 'cancelled' WHERE id = :id")


def place(database: Engine, redis: Redis, api: Session, customer: str, product: int, card: str) -> UUID:
    """Sell one of *product* to a customer; return the number of the order."""
    order = uuid4()
    amount = stock.reserve(database, redis, order, customer, product)
    try:
        charge = charging.charge(api, order, amount, card)
    except charging.Declined:
        with database.begin() as connection:
            connection.execute(CANCELLED, {'id': order})
            stock.give_back(connection, product)
        raise
    try:
        with database.begin() as connection:
            connection.execute(PAID, {'id': order})
    except DBAPIError:
        # There is no order: give the money back.
        api.post(f'{payment_url()}/refunds', json={'charge': charge}, timeout=TIMEOUT)
        raise
    return order
