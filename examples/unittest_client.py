# ruff: noqa: PT009, PT027
"""A proxy in a process of its own, which the tests change over its control API.

python unittest_client.py
"""

import socket
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from vaurien import Client, start_proxy, stop_proxy


class Hello(BaseHTTPRequestHandler):
    """The backend."""

    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '5')
        self.end_headers()
        self.wfile.write(b'hello')

    def log_message(self, *args):
        pass


def free_port():
    with socket.socket() as sock:
        sock.bind(('localhost', 0))
        return sock.getsockname()[1]


class MyTest(unittest.TestCase):
    def setUp(self):
        self.backend = ThreadingHTTPServer(('localhost', 0), Hello)
        self.addCleanup(self.backend.server_close)
        threading.Thread(target=self.backend.serve_forever, daemon=True).start()
        self.addCleanup(self.backend.shutdown)

        port = free_port()
        self.proxy_pid = start_proxy(port=port, proxy_port=0, backend_port=self.backend.server_port, protocol='http')
        self.client = Client(port=port)
        self.url = f'http://{self.client.status()["proxy"]}/'

    def tearDown(self):
        stop_proxy(self.proxy_pid)

    def test_an_error(self):
        with self.client.with_behavior('error', code=503):
            self.assertEqual(requests.get(self.url).status_code, 503)

        # we're back to normal here
        self.assertEqual(requests.get(self.url).text, 'hello')

    def test_a_reply_that_is_late(self):
        options = {'sleep': 5, 'before': False}

        with self.client.with_behavior('delay', **options), self.assertRaises(requests.Timeout):
            requests.get(self.url, timeout=0.2)


if __name__ == '__main__':
    unittest.main()
