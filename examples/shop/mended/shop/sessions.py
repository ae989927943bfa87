"""Who is logged in."""

from redis import Redis


def is_admin(redis: Redis, session: str) -> bool:
    """Return whether a session is an administrator's; raise RedisError if nobody knows."""
    return redis.get(f'session:{session}') == 'admin'
