"""What there is to buy. The list is kept in Redis, and comes from the database if Redis is of no help."""

import json
import logging
from typing import Any

from redis import Redis, RedisError
from sqlalchemy import Engine, text

KEY = 'catalogue'
SECONDS = 60


def products(database: Engine, redis: Redis) -> list[dict[str, Any]]:
    """Return all products."""
    try:
        if cached := redis.get(KEY):
            return json.loads(cached)
    except RedisError:
        logging.warning('no cache', exc_info=True)
    with database.connect() as connection:
        rows = connection.execute(text('SELECT id, name, price FROM products ORDER BY id')).mappings()
        found = [dict(row) for row in rows]
    try:
        redis.set(KEY, json.dumps(found), ex=SECONDS)
    except RedisError:
        logging.warning('no cache', exc_info=True)
    return found
