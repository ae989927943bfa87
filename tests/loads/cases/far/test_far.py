"""A test in a package with a data file, that imports a module from beside the package."""

import os
import time
from pathlib import Path

import helper
import redis

from vaurien.loads import TestCase

DATA = Path(__file__).parent / 'data' / 'words.txt'


def count(key):
    host, port = os.environ['REDIS'].split(':')
    with redis.Redis(host, int(port)) as server:
        server.incr(f'{os.environ["KEY"]}:{key}')


class TestFar(TestCase):
    def test_far(self):
        self.assertEqual(DATA.read_text(), 'from a file\n')
        self.assertEqual(helper.WORD, 'from the helper')
        self.session.get(f'{os.environ["SERVER"]}/ok', name='far')
        count('far')
        self.incr_counter('far')

    def test_slowly(self):
        count('slowly')
        self.session.get(f'{os.environ["SERVER"]}/ok')
        time.sleep(0.1)

    def test_gated(self):
        """Lasts until somebody opens the gate."""
        host, port = os.environ['REDIS'].split(':')
        count('waiting')
        with redis.Redis(host, int(port)) as server:
            while not server.get(f'{os.environ["KEY"]}:open'):
                time.sleep(0.05)

    def test_what_came_along(self):
        import tiny_dependency

        self.assertEqual(Path('notes.md').read_text(), 'included\n')

        self.assertEqual(tiny_dependency.WORD, 'installed')

    def test_fails(self):
        raise RuntimeError('on an agent')


if 'BREAK_ON_AGENTS' in os.environ and 'loads-agent-' in __file__:
    raise ImportError('only on an agent')
