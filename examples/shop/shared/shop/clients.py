"""The clients of Redis and of the payment API."""

from typing import Any, NamedTuple

import requests
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine

from shop.settings import TIMEOUT, payment_url, redis_url


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


class PaymentAPI:
    """The payment API. A call raises `requests.RequestException` if there is no answer, or a status from 500 on."""

    def __init__(self) -> None:
        self.url = payment_url()
        self._session = requests.Session()

    def get(self, path: str, **params: Any) -> requests.Response:
        """Send GET."""
        return self._send('GET', path, params=params)

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> requests.Response:
        """Send POST, once."""
        return self._send('POST', path, json=body, headers=headers)

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        reply = self._session.request(method, self.url + path, timeout=TIMEOUT, **options)
        if reply.status_code >= 500:
            reply.raise_for_status()
        return reply

    def close(self) -> None:
        """Close its connections."""
        self._session.close()


class Backends(NamedTuple):
    """A client of each backend."""

    database: Engine
    redis: Redis
    api: PaymentAPI

    def close(self) -> None:
        """Close all connections."""
        self.database.dispose()
        self.redis.close()
        self.api.close()
