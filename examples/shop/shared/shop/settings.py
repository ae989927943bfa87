"""Where the backends are, and how long the shop waits for them."""

import os

#: The most seconds that the shop waits for a reply of a backend.
TIMEOUT = float(os.environ.get('SHOP_TIMEOUT', '5'))


def database_url() -> str:
    """Return where PostgreSQL is: ``postgresql://user:password@host:port/name``."""
    return os.environ['DATABASE_URL']


def redis_url() -> str:
    """Return where Redis is: ``redis://host:port/0``."""
    return os.environ['REDIS_URL']


def payment_url() -> str:
    """Return where the payment API is: ``http://host:port``."""
    return os.environ['PAYMENT_URL']


def mail_url() -> str:
    """Return where the mail server is: ``smtp://host:port``."""
    return os.environ['MAIL_URL']
