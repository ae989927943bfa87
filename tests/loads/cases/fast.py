"""A test with the one client that needs Locust, which must not patch anything here."""

import os
import socket

from vaurien.loads import TestCase


class TestFast(TestCase):
    server_url = os.environ['SERVER']

    def test_fast_session(self):
        self.assertEqual(self.fast_session.get('/ok').text, 'ok\n')
        self.assertEqual(socket.socket.__module__, 'socket')
