"""The pages for looking, filling the cart, and buying."""

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import text

from shop import cart, catalogue, instalments, placing, rates, search
from shop.clients import Backends

PRICE = text('SELECT price FROM products WHERE id = :id')


def make_blueprint(backends: Backends) -> Blueprint:
    """Return the pages."""
    pages = Blueprint('shopping', __name__)
    database, redis, api = backends

    @pages.get('/products')
    def list_products() -> Response:
        return jsonify(catalogue.products(database, redis))

    @pages.get('/products/<int:product>/price')
    def price_of(product: int) -> Response:
        with database.connect() as connection:
            price = connection.execute(PRICE, {'id': product}).scalar_one()
        return jsonify(price=round(price * rates.rate(api, request.args['currency'])))

    @pages.get('/search')
    def find() -> Response:
        return jsonify(search.find(database, request.args['words']))

    @pages.get('/instalments/<int:amount>')
    def offers(amount: int) -> Response:
        return jsonify(instalments.offers(api, amount))

    @pages.post('/carts/<customer>')
    def add_to_cart(customer: str) -> tuple[Response, int]:
        item = request.get_json()
        return jsonify(count=cart.add(redis, customer, item['product'], item['count'])), 201

    @pages.get('/carts/<customer>')
    def show_cart(customer: str) -> Response:
        return jsonify(cart.read(redis, customer))

    @pages.post('/orders')
    def order() -> tuple[Response, int]:
        wanted = request.get_json()
        placed = placing.place(database, redis, api, wanted['customer'], wanted['product'], wanted['card'])
        return jsonify(id=str(placed)), 201

    return pages
