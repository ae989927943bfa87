"""Tests that run under unittest and pytest as well."""

import os
import sys
import unittest

from loads.case import TestCase as CaseOfLoads
from vaurien.loads import TestCase


class TestPlain(TestCase):
    server_url = os.environ['SERVER']

    def test_same_class(self):
        self.assertIs(TestCase, CaseOfLoads)
        self.assertTrue(issubclass(TestCase, unittest.TestCase))

    def test_session(self):
        import requests

        self.assertIsInstance(self.session, requests.Session)
        self.assertIs(self.session, self.session)
        response = self.session.get(f'{self.server_url}/ok', name='fine')
        self.assertEqual(response.text, 'ok\n')
        prepared = requests.Request('POST', f'{self.server_url}/ok', data={'a': 'b'}).prepare()
        self.assertEqual(self.session.send(prepared).status_code, 200)
        with self.session.get(f'{self.server_url}/large', stream=True) as large:
            self.assertEqual(len(next(large.iter_content(1000))), 1000)

    def test_app(self):
        self.assertEqual(self.app.get('/ok').text, 'ok\n')
        self.app.post('/ok', {'a': 'b'})
        path = f'/upload/{id(self)}'
        self.app.put(path, b'some text')
        self.assertEqual(self.app.get(path).body, b'some text')
        self.app.delete(path, status=204)
        self.assertIn('It works', self.app.get('/chunked').text)

    def test_app_elsewhere(self):
        self.app.server_url = os.environ['CLOSED']
        with self.assertRaisesRegex(OSError, 'Connection refused'):
            self.app.get('/ok')
        self.app.server_url = None
        with self.assertRaisesRegex(ValueError, 'no server to send requests to'):
            self.app.get('/ok')

    def test_web_socket(self):
        heard = []
        socket = self.create_ws(os.environ['WEBSOCKET'], callback=lambda m: heard.append(m.data), protocols=['chat'])
        self.assertEqual(socket.subprotocol, 'chat')
        socket.send('a text')
        self.assertEqual(socket.receive().data, 'a text')
        socket.send(b'bytes')
        self.assertEqual(socket.receive().data, b'bytes')
        self.assertEqual(heard, ['a text', b'bytes'])
        with self.assertRaises(TimeoutError):
            socket.receive(timeout=0.05)

    def test_web_socket_that_closes(self):
        socket = self.create_ws(os.environ['WEBSOCKET'] + '/shut')
        socket.send('only this')
        self.assertEqual(str(socket.receive()), 'only this')
        with self.assertRaises(ConnectionError):
            socket.receive()

    def test_web_socket_read_by_its_callback_alone(self):
        heard = []
        socket = self.create_ws(os.environ['WEBSOCKET'] + '/burst', callback=heard.append)
        socket.receive()
        socket.receive()
        socket.receive()
        self.assertEqual([message.data for message in heard], ['message 0', 'message 1', 'message 2'])
        socket.close()

    def test_counter(self):
        self.incr_counter('clicks')
        self.incr_counter('clicks', 3)

    def test_no_engine(self):
        self.session.get(f'{self.server_url}/ok')
        self.app.get('/ok')
        self.assertEqual({'locust', 'gevent'} & set(sys.modules), set())


class TestCallback(TestCase):
    @unittest.expectedFailure
    def test_what_a_callback_raises(self):
        def check(message):
            self.assertEqual(message.data, 'something else')

        socket = self.create_ws(os.environ['WEBSOCKET'], callback=check)
        socket.send('something')
        socket.receive()
        socket.receive()
