"""Charges cards."""

import time
from uuid import UUID

from requests import RequestException, Session

from shop.settings import TIMEOUT, payment_url

TRIES = 3


class Declined(Exception):
    """The bank says no."""


def charge(api: Session, order: UUID, amount: int, card: str) -> str:
    """Take the money for an order; return the number of the charge. Try again if that fails."""
    body = {'order': str(order), 'amount': amount, 'card': card}
    for attempt in range(1, TRIES + 1):
        try:
            key = {'Idempotency-Key': str(order)}
            reply = api.post(f'{payment_url()}/charges', json=body, headers=key, timeout=TIMEOUT)
            break
        except RequestException:
            if attempt == TRIES:
                raise
            time.sleep(0.02 * 2**attempt)
    if reply.status_code == 402:
        raise Declined
    return reply.json()['id']
