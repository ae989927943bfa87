"""Paying by instalments."""

from typing import Any

import requests

from shop.clients import PaymentAPI


def offers(api: PaymentAPI, amount: int) -> list[dict[str, Any]]:
    """Return how an amount may be paid by instalments."""
    reply = requests.get(f'{api.url}/instalments', params={'amount': amount})
    reply.raise_for_status()
    return reply.json()
