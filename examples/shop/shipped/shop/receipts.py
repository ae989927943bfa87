"""Receipts, which the payment API writes and Redis keeps."""

import io
import shutil
from urllib.request import urlopen
from uuid import UUID

from redis import Redis

from shop.settings import TIMEOUT, payment_url

SECONDS = 24 * 60 * 60


def receipt(redis: Redis, order: UUID) -> str:
    """Return the receipt for an order."""
    if cached := redis.get(f'receipt:{order}'):
        return cached
    with urlopen(f'{payment_url()}/receipts/{order}', timeout=TIMEOUT) as reply:
        content = io.BytesIO()
        shutil.copyfileobj(reply, content)
    text = content.getvalue().decode()
    redis.set(f'receipt:{order}', text, ex=SECONDS)
    return text
