"""Tests that meet faults."""

import os
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import requests
from redis import Redis
from redis.exceptions import RedisError

from vaurien.loads import TestCase


class TestFaults(TestCase):
    def test_answered(self):
        self.assertIn(self.session.get(f'{self.server_url}/ok').status_code, (200, 503))

    def test_retried(self):
        for _ in range(3):
            if self.session.get(f'{self.server_url}/ok').ok:
                return
        self.fail('three times')

    def test_in_a_thread(self):
        with ThreadPoolExecutor() as pool:
            pool.submit(self.test_retried).result()

    def test_failed(self):
        self.assertEqual(self.session.get(f'{self.server_url}/ok').status_code, 200)

    def test_failed_in_time(self):
        self.assertEqual(self.session.get(f'{self.server_url}/ok', timeout=0.2).status_code, 200)

    def test_app(self):
        self.app.get('/ok', status=200)

    def test_hidden(self):
        self.session.get(os.environ['SERVER'])

    def test_redis(self):
        url = urlsplit(self.server_url)
        with Redis(url.hostname, url.port) as server:
            for _ in range(2):
                try:
                    server.get('user:1')
                except RedisError:
                    continue
                return
        self.fail('twice')

    def test_twice(self):
        url = urlsplit(self.server_url)
        with Redis(url.hostname, url.port, retry=None) as server:
            try:
                server.incr('visits')
            except RedisError:
                server.incr('visits')

    def test_closed(self):
        try:
            self.session.get(f'{self.server_url}/ok')
        except requests.ConnectionError:
            self.session.get(f'{self.server_url}/ok')
