"""Looking, filling the cart, and buying."""

from conftest import TEA
from payments import DECLINED_CARD
from sqlalchemy import text

CARD = '4242424242424242'


def order_states(database):
    with database.connect() as connection:
        return list(connection.execute(text('SELECT state FROM orders')).scalars())


def test_products_are_listed(client):
    reply = client.get('/products')
    assert reply.status_code == 200
    assert [product['name'] for product in reply.json] == ['Assam', 'Sencha']


def test_the_list_comes_from_the_cache(client, redis):
    redis.set('catalogue', '[{"id": 1, "name": "Assam", "price": 12}]')
    reply = client.get('/products')
    assert reply.status_code == 200
    assert reply.json[0]['name'] == 'Assam'


def test_products_are_found(client):
    reply = client.get('/search?words=sen')
    assert reply.status_code == 200
    assert reply.json == [{'id': 2, 'name': 'Sencha'}]


def test_prices_in_other_money(client):
    reply = client.get(f'/products/{TEA}/price?currency=EUR')
    assert reply.status_code == 200
    assert reply.json == {'price': 15}


def test_the_cart_adds_up(client):
    for count in (1, 2):
        reply = client.post('/carts/ada', json={'product': TEA, 'count': count})
        assert reply.status_code == 201
    assert reply.json == {'count': 3}


def test_the_cart_is_shown(client, redis):
    redis.hset('cart:ada', mapping={'1': 3, '2': 1})
    reply = client.get('/carts/ada')
    assert reply.status_code == 200
    assert reply.json == {'1': 3, '2': 1}


def test_instalments(client):
    reply = client.get('/instalments/120')
    assert reply.status_code == 200
    assert {'months': 12, 'each': 10} in reply.json


def test_an_order_is_paid(client, database, payments):
    reply = client.post('/orders', json={'customer': 'ada', 'product': TEA, 'card': CARD})
    assert reply.status_code == 201
    assert order_states(database) == ['paid']
    assert payments.kept(reply.json['id']) == [12]


def test_what_is_sold_out_is_not_charged(client, database, payments):
    reply = client.post('/orders', json={'customer': 'ada', 'product': 2, 'card': CARD})
    assert reply.status_code == 409
    assert order_states(database) == []
    assert not payments.charges


def test_a_card_is_declined(client, database):
    reply = client.post('/orders', json={'customer': 'ada', 'product': TEA, 'card': DECLINED_CARD})
    assert reply.status_code == 402
    assert order_states(database) == ['cancelled']
