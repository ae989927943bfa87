"""The flags of ``loads-runner``. What the user got wrong is one line and exit status 2, and nothing is run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.loads.commands import run
from tests.loads.conftest import Shop
from vaurien.loads.cli.flags import EPILOG, parse
from vaurien.loads.cli.runner import main

#: Command lines, and what is said of each.
MISTAKES = [
    ('', 'the name of a test is missing, such as'),
    ('--user 3', 'unknown flag --user, did you mean --users?'),
    ('shop.TestShop.test_order more', "unexpected argument 'more', see loads-runner --help"),
    ('shoop.TestShop.test_order', "no module 'shoop' in "),
    ('shoop.TestShop.test_order', "did you mean 'shop'?"),
    ('shop.TestShpo.test_order', "shop has no test case 'TestShpo', did you mean 'TestShop'?"),
    ('shop.TestShop.test_ordre', "TestShop has no test 'test_ordre', did you mean 'test_order'?"),
    ('shop.TestShop', "'shop.TestShop' is a test case: choose one of its tests, shop.TestShop.test_another_server, "),
    ('shop', "'shop' is a module: choose one of its tests, shop.TestShop, "),
    ('shop.NoTests', 'but there is none'),
    ('shop.note.x', 'shop.note is not a test case: expected a subclass of unittest.TestCase'),
    ('shop.py', "'shop.py' is a path: expected a dotted name, such as shop"),
    ('my-shop.Test.test', "'my-shop.Test.test' is not the name of a test"),
    ('shop.TestAsync.test_one', 'TestAsync.test_one is async, which cannot be run as load: users are greenlets'),
    ('shop.TestGenerator.test_one', 'TestGenerator.test_one has a yield, which cannot be run as load: a call'),
    ('shop.TestAsyncio.test_one', 'TestAsyncio is an IsolatedAsyncioTestCase, which cannot be run as load'),
    ('shop.TestShop.test_order -u 0', "--users: expected whole numbers from 1, such as 10 or 10:20:30, got '0'"),
    ('shop.TestShop.test_order -u many', '--users: expected whole numbers'),
    ('shop.TestShop.test_order --hits 3:', '--hits: expected whole numbers'),
    ('shop.TestShop.test_order -d 0', '--duration: expected float > 0'),
    ('shop.TestShop.test_order -d 1 --hits 2', '--duration: give hits or a duration, not both'),
    ('shop.TestShop.test_order --server-url foo', "--server-url 'foo' is not a URL: expected http://host:port"),
    ('shop.TestShop.test_order --agents none', '--agents: expected int'),
    ('shop.TestShop.test_order --broker localhost', "--broker: 'localhost' is not an address"),
    ('shop.TestShop.test_order --broker localhost:1', '--broker: the number of agents is missing: see --agents'),
    ('shop.TestShop.test_order --broker 192.0.2.1:5557 -a 1', '--broker: 192.0.2.1:5557 is not a loopback address'),
    ('shop.TestShop.test_order --python-dep x', '--python-dep: only agents install anything: see --agents'),
    ('shop.TestShop.test_order --include-file x', '--include-file: only agents are sent files: see --agents'),
    ('shop.TestShop.test_order -a 1 --include-file x', "--include-file: 'x' matches nothing in"),
    ('shop.TestShop.test_order -a 1 --include-file ../x', "--include-file: '../x' leads out of"),
    ('shop.TestShop.test_order --detach', '--detach: a run can only be left with a broker: see --broker'),
    ('--attach --ping-broker', 'choose one of --attach, --ping-broker'),
    ('shop.TestShop.test_order --output jsno', "--output: unknown output 'jsno', did you mean 'json'?"),
    (
        'shop.TestShop.test_order --output-json-filename x',
        "--output: these are options of 'json', which is not among the outputs",
    ),
    ('shop.TestShop.test_order --output file --output-file-filename no/where', 'cannot write no/where: No such file'),
    ('shop.TestShop.test_order --test-dir nowhere', '--test-dir: cannot enter nowhere: No such file or directory'),
    ('x --test-runner "\'"', '--test-runner: "\'" is not a command'),
    ('shop.TestShop.test_order --statsd here', "--statsd: 'here' is not an address"),
    ('shop.TestShop.test_order --influxdb localhost', '--influxdb: expected http://HOST:PORT/?org=ORG&bucket=BUCKET'),
    ('shop.TestShop.test_order --web-port 99999', '--web-port: expected int <= 65535'),
    ('shop.TestShop.test_order --vaurien behavior', "--vaurien: 'behavior' is not a setting: expected name=value"),
    ('shop.TestShop.test_order --vaurien behavior=error', '--vaurien: backend=HOST:PORT is missing'),
    ('shop.TestShop.test_order --vaurien "backend=a:1 behavior=eror"', "--vaurien.behavior: unknown behavior 'eror'"),
    ('shop.TestShop.test_order --vaurien "backend=a:1 http=yes"', "--vaurien: 'http' cannot be given here"),
    (
        'shop.TestShop.test_order --vaurien backend=a:1 --no-patching',
        '--vaurien: a proxy needs the patched standard',
    ),
    ('--config nowhere.ini', 'nowhere.ini: cannot read it: No such file or directory'),
]


def test_mistakes(shop: Shop) -> None:
    ends = shop.run_all(shlex.split(line) for line, _ in MISTAKES)
    for (line, said), done in zip(MISTAKES, ends, strict=True):
        assert (line, done.status, done.out) == (line, 2, ''), done
        assert re.fullmatch(f'loads-runner: error: .*{re.escape(said)}.*\n', done.err), (line, done.err)


CONFIGS = [
    (
        'loads.ini',
        '[loads]\nfqn = shop.TestShop.test_order\nusers = none\n',
        'loads.ini:3: loads.users: expected whole numbers',
    ),
    ('loads.ini', '[loads]\nuser = 1\n', "loads.ini:2: loads.user: no such setting, did you mean 'users'?"),
    ('loads.ini', '[load]\nusers = 1\n', "loads.ini:1: load: unknown section, did you mean 'loads'?"),
    (
        'loads.toml',
        '[loads]\nweb-port = 1\nweb_port = 2\n',
        "loads.toml:3: loads.web_port: the same as 'web-port', which is given before",
    ),
    (
        'loads.ini',
        '[loads]\nhits = 1\nduration = 2\n',
        'loads.ini:3: loads.duration: give hits or a duration, not both',
    ),
    ('loads.ini', '[loads]\noutput_csv_name = x\n', "did you mean 'output_csv_prefix'?"),
    ('loads.toml', '[loads]\nagents = "2"\n', "loads.toml:2: loads.agents: expected int, got '2'"),
    ('loads.yaml', 'loads:\n  output: [stdout, jsn]\n', "unknown output 'jsn', did you mean 'json'?"),
    ('loads.yaml', 'loads: 3\n', 'loads.yaml:1: loads: expected keys and values, got 3'),
    ('loads.yaml', '- loads\n', "loads.yaml: expected keys and values, got ['loads']"),
]


@pytest.mark.parametrize(('name', 'text', 'said'), CONFIGS)
def test_mistakes_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match=re.escape(said)):
        parse(['--config', name])


def test_help_and_version(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(['--help'])
    out, err = capsys.readouterr()
    assert (left.value.code, err) == (0, '')
    assert max(map(len, out.splitlines())) <= 120
    assert run('loads-runner', '--version', cwd=tmp_path).out == 'loads-runner 2.0.0\n'


def test_the_examples_of_the_help_are_right() -> None:
    lines = re.findall(r'^  loads-runner (.*)$', EPILOG, re.MULTILINE)
    assert len(lines) == 9
    for line in lines:
        if '--config' not in line:
            parse(shlex.split(line))


def test_no_engine_for_the_help() -> None:
    script = (
        'import sys; from vaurien.loads.cli.runner import main\ntry: main(["--help"])\nfinally: print(*sys.modules)'
    )
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True)
    assert not {'locust', 'gevent', 'requests'} & set(done.stdout.split())
