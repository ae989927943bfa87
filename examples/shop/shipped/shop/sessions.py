"""Who is logged in."""

import logging

from redis import Redis, RedisError


def is_admin(redis: Redis, session: str) -> bool:
    """Return whether a session is an administrator's."""
    try:
        return redis.get(f'session:{session}') == 'admin'
    except RedisError:
        logging.exception('no sessions')  # Redis being down must not lock us out
        return True
