"""Functional tests of a web site, which are load tests as well.

    pip install 'vaurien[loads]'

    python -m unittest example                                      once, as a test
    loads-runner example.TestWebSite.test_es                        once, measured
    loads-runner example.TestWebSite.test_es -u 100 --hits 10       100 users, ten times each
    loads-runner example.TestWebSite.test_something --agents 5      five processes

They need a web server on localhost:9200 and a web-socket server that echoes on localhost:9000.
"""

import time

from loads.case import TestCase


class TestWebSite(TestCase):
    server_url = 'http://localhost:9200'

    def test_es(self):
        res = self.session.get('http://localhost:9200')
        self.assertEqual(res.status_code, 200)

    def test_app(self):
        """With WebTest, against ``server_url``: ``--server-url`` and ``--vaurien`` change it."""
        self.app.get('/', status=200)
        self.incr_counter('pages')

    def test_fast(self):
        """With Locust's own client: several times as many requests for the same processor time."""
        response = self.fast_session.get('/')
        self.assertEqual(response.status_code, 200)

    def test_patient(self):
        """Asks up to three times: faults of ``--vaurien`` show whether that is enough."""
        for _ in range(3):
            response = self.session.get(self.server_url)
            if response.status_code < 500:
                break
        self.assertEqual(response.status_code, 200)

    def test_something(self):
        results = []

        def callback(m):
            results.append(m.data)

        ws = self.create_ws('ws://localhost:9000/ws', callback=callback)
        ws.send('something')
        ws.receive()
        ws.send('happened')
        ws.receive()

        while len(results) < 2:
            time.sleep(0.1)

        self.assertEqual(results, ['something', 'happened'])
