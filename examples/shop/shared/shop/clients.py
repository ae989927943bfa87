"""The clients of Redis and of the payment API."""

from typing import Any, NamedTuple

import requests
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine

from shop.settings import TIMEOUT, redis_url


def make_redis() -> Redis:
    """Return a client of Redis.

    It tries nothing again: redis-py would send HINCRBY anew when only its reply was lost.
    """
    return Redis.from_url(
        redis_url(),
        decode_responses=True,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )


def make_api() -> requests.Session:
    """Return a client of the payment API. It raises `requests.HTTPError` if a status is 500 or above."""
    session = requests.Session()
    session.hooks['response'].append(_check)
    return session


def _check(reply: requests.Response, **_: Any) -> None:
    if reply.status_code >= 500:
        reply.raise_for_status()


class Backends(NamedTuple):
    """A client of each backend."""

    database: Engine
    redis: Redis
    api: requests.Session

    def close(self) -> None:
        """Close all connections."""
        self.database.dispose()
        self.redis.close()
        self.api.close()
