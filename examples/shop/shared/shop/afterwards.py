"""The pages for what comes after an order: receipts, mail, points, and the office."""

from uuid import UUID

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import text

from shop import mailing, points, receipts, sessions
from shop.clients import Backends

ORDERS = text('SELECT id FROM orders')


def make_blueprint(backends: Backends) -> Blueprint:
    """Return the pages."""
    pages = Blueprint('afterwards', __name__)
    database, redis, _ = backends

    @pages.get('/orders')
    def list_orders() -> tuple[Response, int]:
        if not sessions.is_admin(redis, request.headers.get('X-Session', '')):
            return jsonify(error='log in first'), 401
        with database.connect() as connection:
            return jsonify([str(order) for order in connection.execute(ORDERS).scalars()]), 200

    @pages.get('/orders/<uuid:order_id>/receipt')
    def receipt(order_id: UUID) -> str:
        return receipts.receipt(redis, order_id)

    @pages.post('/orders/<uuid:order_id>/confirmation')
    def confirm(order_id: UUID) -> tuple[str, int]:
        mailing.send(request.get_json()['to'], f'Your order {order_id}', 'It is on its way.')
        return '', 204

    @pages.post('/orders/<uuid:order_id>/points')
    def award(order_id: UUID) -> tuple[str, int]:
        points.award(database, order_id, request.get_json()['points'])
        return '', 204

    return pages
