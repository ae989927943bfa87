"""Paying by instalments."""

from typing import Any

from requests import Session

from shop.settings import TIMEOUT, payment_url


def offers(api: Session, amount: int) -> list[dict[str, Any]]:
    """Return how an amount may be paid by instalments."""
    return api.get(f'{payment_url()}/instalments', params={'amount': amount}, timeout=TIMEOUT).json()
