"""Django: the cache of the settings is before Redis, and behind the proxy."""

import django
import pytest
from django.conf import settings
from django.core.cache import caches
from django.http import JsonResponse
from django.test import Client
from django.test.utils import override_settings
from django.urls import path
from redis import RedisError

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=['testserver'])
django.setup()


def price(request):
    """The view: prices are cached, and a cache that fails is no reason to fail."""
    try:
        found = caches['default'].get_or_set('recipe:django', 42)
    except RedisError:
        found = 42
    return JsonResponse({'price': found})


urlpatterns = [path('price', price)]


@pytest.fixture
def client(redis_proxy):
    cache = {'BACKEND': 'django.core.cache.backends.redis.RedisCache', 'LOCATION': redis_proxy.url}
    with override_settings(CACHES={'default': cache}):
        yield Client()
        caches['default'].close()


def test_the_cache_is_down(client, redis_proxy):
    assert client.get('/price').json() == {'price': 42}
    with redis_proxy.down():
        assert client.get('/price').json() == {'price': 42}
    assert client.get('/price').json() == {'price': 42}


def test_the_cache_refuses_to_write(client, redis_proxy):
    with redis_proxy.with_behavior('error', message='READONLY'):
        assert client.get('/price').json() == {'price': 42}
        assert redis_proxy.wait_for_fault().behavior == 'error'
