"""What comes after an order: receipts, mail, points, and the office."""

import uuid

import pytest
from payments import RECEIPT
from sqlalchemy import text


@pytest.fixture
def order(database):
    """Give the number of an order that waits for its money."""
    number = uuid.uuid4()
    with database.connect() as connection:
        connection.execute(text("INSERT INTO orders VALUES (:id, 'ada', 2, 15, 'pending')"), {'id': number})
    return number


def points(database):
    with database.connect() as connection:
        return connection.execute(text("SELECT points FROM customers WHERE name = 'ada'")).scalar()


def test_the_receipt(client, order):
    reply = client.get(f'/orders/{order}/receipt')
    assert reply.status_code == 200
    assert reply.text == RECEIPT


def test_the_receipt_is_kept(client, order, redis):
    redis.set(f'receipt:{order}', 'Thank you.')
    reply = client.get(f'/orders/{order}/receipt')
    assert reply.status_code == 200
    assert reply.text == 'Thank you.'


def test_the_confirmation_is_mailed(client, order, mails):
    reply = client.post(f'/orders/{order}/confirmation', json={'to': 'ada@example.com'})
    assert reply.status_code == 204
    assert [mail.rcpt_tos for mail in mails] == [['ada@example.com']]


def test_points_are_added(client, order, database):
    reply = client.post(f'/orders/{order}/points', json={'points': 10})
    assert reply.status_code == 204
    assert points(database) == 10


def test_visitors_see_no_orders(client, order):
    assert client.get('/orders').status_code == 401


def test_the_office_sees_orders(client, order, redis):
    redis.set('session:s1', 'admin')
    reply = client.get('/orders', headers={'X-Session': 's1'})
    assert reply.status_code == 200
    assert reply.json == [str(order)]
