"""The application."""

import logging
from http.client import HTTPException

import psycopg
from flask import Flask, Response, jsonify
from redis import RedisError
from sqlalchemy.exc import DBAPIError

from shop import afterwards, shopping
from shop.charging import Declined
from shop.clients import Backends, make_api, make_redis
from shop.database import make_engine
from shop.stock import SoldOut

#: What clients raise if a backend does not do its part; OSError includes what requests, urllib and smtplib raise.
BACKEND_ERRORS = (RedisError, DBAPIError, psycopg.Error, OSError, HTTPException)


def create_app() -> Flask:
    """Return the application. It takes the addresses of its backends from the environment."""
    app = Flask(__name__)
    backends = app.extensions['backends'] = Backends(make_engine(), make_redis(), make_api())
    for error in BACKEND_ERRORS:
        app.register_error_handler(error, _unavailable)
    app.register_error_handler(SoldOut, lambda error: (jsonify(error='sold out'), 409))
    app.register_error_handler(Declined, lambda error: (jsonify(error='card declined'), 402))
    app.register_blueprint(shopping.make_blueprint(backends))
    app.register_blueprint(afterwards.make_blueprint(backends))
    return app


def _unavailable(error: Exception) -> tuple[Response, int]:
    logging.warning('a backend fails', exc_info=error)
    return jsonify(error='try again later'), 503
