"""Paying by instalments."""

from typing import Any

import requests

from shop.clients import PaymentAPI
from shop.settings import TIMEOUT


def offers(api: PaymentAPI, amount: int) -> list[dict[str, Any]]:
    """Return how an amount may be paid by instalments."""
    reply = requests.get(f'{api.url}/instalments', params={'amount': amount}, timeout=TIMEOUT)
    reply.raise_for_status()
    return reply.json()
