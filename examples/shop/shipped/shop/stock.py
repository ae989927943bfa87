"""What is in stock. A lock in Redis lets one customer at a time have the last one."""

from uuid import UUID

from redis import Redis
from sqlalchemy import Connection, Engine, text

TAKE = text('UPDATE products SET left_over = left_over - 1 WHERE id = :product AND left_over > 0 RETURNING price')
GIVE_BACK = text('UPDATE products SET left_over = left_over + 1 WHERE id = :product')
ORDER = text("INSERT INTO orders VALUES (:id, :customer, :product, :amount, 'pending')")


class SoldOut(Exception):
    """There is none left."""


def reserve(database: Engine, redis: Redis, order: UUID, customer: str, product: int) -> int:
    """Set one of *product* aside for an order, which is pending from now on; return its price."""
    lock = redis.lock(f'lock:{product}')
    lock.acquire()
    try:
        amount = _take(database, order, customer, product)
    except SoldOut:
        lock.release()
        raise
    lock.release()
    return amount


def _take(database: Engine, order: UUID, customer: str, product: int) -> int:
    with database.begin() as connection:
        amount = connection.execute(TAKE, {'product': product}).scalar()
        if amount is None:
            raise SoldOut
        connection.execute(ORDER, {'id': order, 'customer': customer, 'product': product, 'amount': amount})
    return amount


def give_back(connection: Connection, product: int) -> None:
    """Put one of *product* back."""
    connection.execute(GIVE_BACK, {'product': product})
