"""Settings: from flags, from files in three formats, the same from all."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaurien.address import Address
from vaurien.loads.cli.flags import parse
from vaurien.loads.plan import Cycle
from vaurien.loads.settings import Settings

FLAGS = """example.TestWebSite.test_es -u 10:20 --hits 3 -a 5 -b localhost:5557 --include-file *.py
--include-file data/* --python-dep redis>=5 --output stdout --output file --output-file-filename out.txt --detach
--quiet --project-name shop --server-url http://localhost:9200 --statsd localhost:8125"""

INI = """\
[loads]
fqn = example.TestWebSite.test_es
users = 10:20
hits = 3
agents = 5
broker = localhost:5557
include_file = *.py
    data/*
python_dep = redis>=5
output = stdout, file
output_file_filename = out.txt
detach = true
quiet = yes
project-name = shop
server_url = http://localhost:9200
statsd = localhost:8125
"""

TOML = """\
[loads]
fqn = 'example.TestWebSite.test_es'
users = '10:20'
hits = 3
agents = 5
broker = 'localhost:5557'
include_file = ['*.py', 'data/*']
python_dep = ['redis>=5']
output = ['stdout', 'file']
output_file_filename = 'out.txt'
detach = true
quiet = true
project_name = 'shop'
server_url = 'http://localhost:9200'
statsd = 'localhost:8125'
"""

YAML = """\
loads:
  fqn: example.TestWebSite.test_es
  users: '10:20'
  hits: 3
  agents: 5
  broker: localhost:5557
  include_file: ['*.py', 'data/*']
  python_dep: [redis>=5]
  output: [stdout, file]
  output_file_filename: out.txt
  detach: true
  quiet: true
  project_name: shop
  server_url: http://localhost:9200
  statsd: localhost:8125
"""


def from_file(tmp_path: Path, name: str, text: str, *flags: str) -> Settings:
    path = tmp_path / name
    path.write_text(text)
    return parse(['--config', str(path), *flags])


def test_flags() -> None:
    settings = parse(FLAGS.split())
    assert settings.fqn == 'example.TestWebSite.test_es'
    assert settings.cycles() == (Cycle(10, 3), Cycle(20, 3))
    assert (settings.agents, settings.address) == (5, Address('localhost', 5557))
    assert (settings.include_file, settings.python_dep) == (['*.py', 'data/*'], ['redis>=5'])
    assert (settings.output, settings.output_options) == (['stdout', 'file'], {'file': {'filename': 'out.txt'}})
    assert (settings.detach, settings.quiet, settings.no_patching) == (True, True, False)
    assert settings.statsd.address == Address('localhost', 8125)


@pytest.mark.parametrize(('name', 'text'), [('l.ini', INI), ('l.toml', TOML), ('l.yaml', YAML)])
def test_files(tmp_path: Path, name: str, text: str) -> None:
    assert from_file(tmp_path, name, text) == parse(FLAGS.split())


def test_flags_win(tmp_path: Path) -> None:
    settings = from_file(tmp_path, 'l.ini', INI, 'shop.Test.test', '-d', '5', '-u', '2', '--output', 'null')
    assert settings.fqn == 'shop.Test.test'
    assert settings.cycles() == (Cycle(2, None, 5.0),)
    assert settings.output == ['null']


def test_defaults() -> None:
    settings = parse(['t.T.t'])
    assert settings.cycles() == (Cycle(1, 1),)
    assert (settings.output, settings.agents, settings.address) == (['stdout'], None, None)
    assert parse(['t.T.t', '-d', '2']).cycles() == (Cycle(1, None, 2.0),)
