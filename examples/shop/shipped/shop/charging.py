"""Charges cards."""

import time
from uuid import UUID

from requests import RequestException

from shop.clients import PaymentAPI

TRIES = 3


class Declined(Exception):
    """The bank says no."""


def charge(api: PaymentAPI, order: UUID, amount: int, card: str) -> str:
    """Take the money for an order; return the number of the charge. Try again if that fails."""
    body = {'order': str(order), 'amount': amount, 'card': card}
    for attempt in range(1, TRIES + 1):
        try:
            reply = api.post('/charges', body)
            break
        except RequestException:
            if attempt == TRIES:
                raise
            time.sleep(0.02 * 2**attempt)
    if reply.status_code == 402:
        raise Declined
    return reply.json()['id']
