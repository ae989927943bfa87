"""Tests of a shop at SERVER, whose orders a Redis at REDIS counts."""

import os
import subprocess
import time
import unittest

import redis

from vaurien.loads import TestCase

SERVER = os.environ.get('SERVER', '')
NOTES = os.environ.get('NOTES', os.devnull)


def note(word):
    with open(NOTES, 'a') as file:
        file.write(f'{word}\n')


def count(key):
    host, port = os.environ['REDIS'].split(':')
    with redis.Redis(host, int(port)) as server:
        server.incr(f'{os.environ["KEY"]}:{key}')


class TestShop(TestCase):
    server_url = SERVER

    def test_order(self):
        self.assertEqual(self.session.get(f'{SERVER}/ok').text, 'ok\n')
        self.incr_counter('orders')
        count('orders')

    def test_app(self):
        self.app.get('/ok', status=200).mustcontain('ok')
        self.app.get('/nowhere', status=404)

    def test_another_server(self):
        self.app.server_url = os.environ['OTHER']
        self.app.get('/ok')

    def test_fast(self):
        response = self.fast_session.get('/ok')
        self.assertEqual(response.text, 'ok\n')

    def test_slow(self):
        time.sleep(0.2)

    def test_endless(self):
        count('begun')
        time.sleep(3600)

    def test_stubborn(self):
        self.addCleanup(note, 'cleaned up')
        while True:
            try:
                time.sleep(0.05)
            except Exception:
                pass

    def test_closed_port(self):
        self.session.get(os.environ['CLOSED'])

    def test_names(self):
        for number in range(3):
            self.session.get(f'{SERVER}/ok?order={number}')
            self.session.get(f'{SERVER}/upload/{number}', name='an upload')


class TestOutcomes(TestCase):
    def setUp(self):
        note('setUp')
        self.addCleanup(note, 'cleanup')

    def tearDown(self):
        note('tearDown')

    def test_success(self):
        note('test')

    def test_failure(self):
        self.assertEqual(1, 2)

    def test_error(self):
        raise RuntimeError('out of order')

    def test_print(self):
        print('what a test says')
        subprocess.run(['echo', 'what a program says'], check=True)

    def test_exit(self):
        raise SystemExit(3)

    def test_skip(self):
        self.skipTest('not today')

    @unittest.skip('not today')
    def test_skipped(self):
        note('never')

    @unittest.expectedFailure
    def test_expected_failure(self):
        self.fail('as it should')

    @unittest.expectedFailure
    def test_unexpected_success(self):
        note('test')

    def test_parts(self):
        for part in range(4):
            with self.subTest(part=part):
                self.assertNotIn(part, (1, 3))

    def test_skipped_part(self):
        with self.subTest():
            self.skipTest('this one')


class TestFixtures(unittest.TestCase):
    """A plain one."""

    @classmethod
    def setUpClass(cls):
        note('setUpClass')
        cls.ready = True

    @classmethod
    def tearDownClass(cls):
        note('tearDownClass')

    def test_ready(self):
        self.assertTrue(self.ready)
        note('test')


class TestSkippedClass(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest('none of them')

    def test_one(self):
        note('never')


class TestBrokenClass(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise RuntimeError('no database')

    def test_one(self):
        note('never')


class TestLeftBroken(unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        raise RuntimeError('cannot clean up')

    def test_one(self):
        pass


class TestAsync(TestCase):
    async def test_one(self):
        pass


class TestGenerator(TestCase):
    def test_one(self):
        self.assertEqual(1, 2)
        yield


class TestAsyncio(unittest.IsolatedAsyncioTestCase):
    async def test_one(self):
        pass


class NoTests(TestCase):
    pass
