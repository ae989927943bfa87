"""The backends of the shop, real ones, and what has to be true after every test.

DATABASE_URL and REDIS_URL name servers for the tests, whose data is lost; those that are not named are started. The
payment API and the mail server are in this process.
"""

import os
from collections.abc import Iterator
from typing import Any

import payments as payment_api
import pytest
import servers
from aiosmtpd.controller import Controller
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, create_engine, text

# Tests need not wait as long as customers do.
os.environ.setdefault('SHOP_TIMEOUT', '0.25')

TEA = 1
IN_STOCK = 2


@pytest.fixture(scope='session', autouse=True)
def _database_url() -> Iterator[None]:
    if 'DATABASE_URL' in os.environ:
        yield
        return
    with servers.postgres() as os.environ['DATABASE_URL']:
        yield


@pytest.fixture(scope='session', autouse=True)
def _redis_url() -> Iterator[None]:
    if 'REDIS_URL' in os.environ:
        yield
        return
    with servers.redis() as os.environ['REDIS_URL']:
        yield


@pytest.fixture(scope='session')
def _payments() -> Iterator[payment_api.Payments]:
    with payment_api.serving() as books:
        os.environ['PAYMENT_URL'] = books.url
        yield books


@pytest.fixture(scope='session')
def _mails() -> Iterator[list[Any]]:
    mails: list[Any] = []

    class Outbox:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            mails.append(envelope)
            return '250 OK'

    controller = Controller(Outbox(), hostname='127.0.0.1', port=servers.free_port())
    controller.start()
    os.environ['MAIL_URL'] = f'smtp://{controller.hostname}:{controller.port}'
    yield mails
    controller.stop()


@pytest.fixture
def payments(_payments: payment_api.Payments) -> payment_api.Payments:
    """Give the books of the payment API, which are empty."""
    _payments.clear()
    return _payments


@pytest.fixture
def mails(_mails: list[Any]) -> list[Any]:
    """Give the mails that were sent."""
    _mails.clear()
    return _mails


@pytest.fixture(scope='session')
def _engine(_database_url: None) -> Iterator[Engine]:
    from shop.database import SCHEMA

    url = os.environ['DATABASE_URL'].replace('postgresql://', 'postgresql+psycopg://')
    engine = create_engine(url, pool_pre_ping=True, isolation_level='AUTOCOMMIT')
    with engine.connect() as connection:
        connection.execute(text(SCHEMA))
    yield engine
    engine.dispose()


@pytest.fixture
def database(_engine: Engine) -> Engine:
    """Give the database, in which there is some tea, a customer and no order."""
    with _engine.connect() as connection:
        connection.execute(text('DELETE FROM orders'))
        connection.execute(text('DELETE FROM awards'))
        connection.execute(text('DELETE FROM products'))
        connection.execute(text('DELETE FROM customers'))
        connection.execute(
            text("INSERT INTO products VALUES (:tea, 'Assam', 12, :count), (2, 'Sencha', 15, 0)"),
            {'tea': TEA, 'count': IN_STOCK},
        )
        connection.execute(text("INSERT INTO customers VALUES ('ada')"))
    return _engine


@pytest.fixture(scope='session')
def _redis(_redis_url: None) -> Iterator[Redis]:
    with Redis.from_url(os.environ['REDIS_URL'], decode_responses=True) as redis:
        yield redis


@pytest.fixture
def redis(_redis: Redis) -> Redis:
    """Give Redis, which is empty."""
    _redis.flushdb()
    return _redis


@pytest.fixture(scope='session')
def _app(_engine: Engine, _redis: Redis, _payments: payment_api.Payments, _mails: list[Any]) -> Iterator[Flask]:
    from shop.app import create_app

    app = create_app()
    yield app
    app.extensions['backends'].close()


@pytest.fixture
def client(_app: Flask, database: Engine, redis: Redis) -> FlaskClient:
    """Give a client of the shop."""
    return _app.test_client()


@pytest.fixture(autouse=True)
def _books_are_right(
    client: FlaskClient, database: Engine, redis: Redis, payments: payment_api.Payments
) -> Iterator[None]:
    """Whatever a test did: money, tea and locks are accounted for."""
    yield
    with database.connect() as connection:
        orders = connection.execute(text('SELECT id::text, product, amount, state FROM orders')).all()
        left = connection.execute(text('SELECT left_over FROM products WHERE id = :id'), {'id': TEA}).scalar()
    for order in orders:
        kept = payments.kept(order.id)
        if order.state == 'paid':
            assert kept == [order.amount], 'a paid order has its price'
        elif order.state == 'cancelled':
            assert kept == [], 'a cancelled order costs nothing'
        else:
            assert len(kept) <= 1, 'a pending order is charged once at the most'
    sold = sum(order.product == TEA and order.state != 'cancelled' for order in orders)
    assert left == IN_STOCK - sold, 'what was sold is not in stock'
    assert all(redis.ttl(key) > 0 for key in redis.keys('lock:*')), 'a lock runs out by itself'
