"""Recipes for tests with pytest: how a proxy comes before the backend of an application, by framework.

They need a Redis on localhost:6379, or at the address in the environment variable REDIS.

    pip install vaurien pytest redis        and what the recipe imports
    pytest test_flask.py
    pytest -n 2                             with pytest-xdist: each worker has proxies of its own
    python -m gevent.monkey --module pytest test_gevent.py
"""

import os

import pytest


@pytest.fixture(scope='session')
def redis_address():
    return os.environ.get('REDIS', 'localhost:6379')


@pytest.fixture(scope='module')
def redis_proxy(vaurien_proxy_factory, redis_address):
    """A proxy for all tests of a module."""
    proxy = vaurien_proxy_factory(redis_address, protocol='redis')
    yield proxy
    proxy.stop()


@pytest.fixture(autouse=True)
def nothing_is_armed(request):
    """Each test begins without faults."""
    yield
    if 'redis_proxy' in request.fixturenames:
        request.getfixturevalue('redis_proxy').reset()
