"""Suites of somebody, explored from the command line with pytest.

So the plug-ins are tested as they work together: `plugin`, `running`, `exploring`, `serving`, `summary`, and the
`item_runner` that they have run a test again and again.
"""

from __future__ import annotations

import logging
import shlex
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from xml.etree import ElementTree

import pytest

from tests import servers
from tests.behaviors.waiting import INTERVAL
from tests.commands import PYTEST
from tests.explore.pytest.suites import CART, CONFTEST, TEST, Suite, find_cell, outcomes
from tests.servers import TIMEOUT
from tests.tls.legs import LEAF
from vaurien.explore.model import Outcome


def test_a_suite_that_has_never_heard_of_it(suite: Suite) -> None:
    suite.write('tests/test_cart.py', TEST)
    result = suite.run(
        *('--vaurien-explore', '--vaurien=redis:REDIS_URL', '--vaurien-explore-report=out', '-W', 'error'),
        environ={'CART': 'cart'},
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert '1 passed' in result.stdout  # a finding is no test that fails
    explored = suite.read()['test_add']
    assert [(point.request, point.where) for point in explored.points if point.where] == [
        ('RPUSH cart:ann', 'shop/cart.py:16'),
        ('LRANGE cart:ann', 'shop/cart.py:24'),
    ]
    assert explored.own == 1
    found = outcomes(explored)
    assert found['redis: RPUSH cart:ann #1 lost'] >= {Outcome.WRONG, Outcome.RETRIED}
    assert found['redis: RPUSH cart:ann #1 no(LOADING)'] == {Outcome.RETRIED}
    assert found['redis: RPUSH cart:ann #1+ no(LOADING)'] >= {Outcome.LEAKED}
    assert found['redis: LRANGE cart:ann #1 no(LOADING)'] == {Outcome.WRONG}
    assert 'redis: RPUSH cart:ann' in result.stdout
    assert "AssertionError: assert ['tea', 'tea'] == ['tea']" in result.stdout

    line = explored.format_replay(find_cell(explored, 'redis: RPUSH cart:ann #1 lost').injections)
    again = suite.run(*shlex.split(line)[1:], environ={'CART': 'cart'})
    assert again.returncode == 1
    assert "AssertionError: assert ['tea', 'tea'] == ['tea']" in again.stdout
    assert '1 failed' in again.stdout
    assert 'survived 0 of 1 faults' in again.stdout


def test_a_suite_that_uses_the_fixture(suite: Suite) -> None:
    suite.write(
        'tests/test_cart.py',
        """
import os
import pytest
from shop import cart

made = {'session': 0, 'function': 0}

@pytest.fixture(scope='session')
def wide():
    made['session'] += 1

@pytest.fixture
def narrow():
    made['function'] += 1

@pytest.fixture
def invariant(database):
    yield
    assert database.llen(os.environ['CART'] + ':ann') <= 1

def test_add(vaurien_proxy, monkeypatch, wide, narrow, database, invariant):
    proxy = vaurien_proxy(os.environ['REDIS_URL'])
    monkeypatch.setenv('REDIS_URL', f'redis://{proxy.address}/0')
    cart.add('ann', 'tea')

def test_they_were_made():
    assert made['session'] == 1
    assert made['function'] > 4
""",
    )
    suite.write('vaurien-explore.toml', 'faults = ["lost", "no"]\n')
    flags = '--vaurien-explore', '--vaurien-explore-report=out', '--vaurien-explore-fail=hung', '--junitxml=tests.xml'
    result = suite.run(*flags, environ={'CART': 'cart'})
    assert result.returncode == 0, result.stdout + result.stderr
    assert '2 passed' in result.stdout
    explored = suite.read()
    assert list(explored) == ['test_add']
    lost = find_cell(explored['test_add'], 'redis: RPUSH cart:ann #1 lost')
    assert Outcome.WRONG in lost.outcomes  # what the fixture asserts in the end
    [suite_of_tests] = ElementTree.parse(suite.folder / 'tests.xml').iter('testsuite')
    properties = {case.get('name'): [one.get('name') for one in case.iter('property')] for case in suite_of_tests}
    assert properties['test_add'][:3] == ['vaurien.survived', 'vaurien.tried', 'vaurien.possible']
    assert 'vaurien.finding' in properties['test_add']
    assert properties['test_they_were_made'] == []


WIDE = """
import os
import pytest
import redis
from shop import cart

@pytest.fixture(scope='module')
def basket(vaurien_proxy_factory):
    proxy = vaurien_proxy_factory(os.environ['REDIS_URL'])
    yield proxy
    proxy.stop()

@pytest.fixture
def shop_of(monkeypatch):
    return lambda proxy: monkeypatch.setenv('REDIS_URL', f'redis://{proxy.address}/0')

def test_other(vaurien_proxy_factory):
    assert vaurien_proxy_factory('none', behavior='error').get_behavior() == 'error'

def test_wide(basket, shop_of):
    shop_of(basket)
    assert cart.list_items('carol') == []

def test_narrow(vaurien_proxy_factory, shop_of):
    shop_of(vaurien_proxy_factory(os.environ['REDIS_URL']))
    assert cart.list_items('carol') == []

def test_file(vaurien_proxies, shop_of):
    shop_of(vaurien_proxies['cache'])
    assert cart.list_items('carol') == []

def test_apart(vaurien_proxy, shop_of):
    shop_of(vaurien_proxy(os.environ['REDIS_URL'], chooser=None))
    assert cart.list_items('carol') == []
"""


def test_proxies_of_every_fixture_are_explored(suite: Suite) -> None:
    backend = suite.environ['REDIS_URL'].removeprefix('redis://').removesuffix('/0')
    suite.write('vaurien.toml', f'[proxy.cache]\nbackend = "{backend}"\nprotocol = "redis"\n')
    suite.write('pyproject.toml', '[tool.pytest.ini_options]\nvaurien_config = "vaurien.toml"\n')
    suite.write('vaurien-explore.toml', 'faults = ["no"]\n')
    suite.write('shop/cart.py', CART.replace('return []', 'return [1]'))
    suite.write('tests/test_wide.py', WIDE)
    result = suite.run('--vaurien-explore', '--vaurien-explore-report=out', environ={'CART': 'cart'})
    assert '5 passed' in result.stdout, result.stdout
    found = {name: set(outcomes(each)) for name, each in suite.read().items()}
    assert found == {
        'test_wide': {'basket: LRANGE cart:carol #1 no(LOADING)'},
        'test_narrow': {'redis: LRANGE cart:carol #1 no(LOADING)'},
        'test_file': {'cache: LRANGE cart:carol #1 no(LOADING)'},
        'test_apart': set(),
    }
    assert 'not explored: redis, for the test watches that itself' in result.stdout
    for name in found.keys() - {'test_apart'}:
        explored = suite.read()[name]
        line = explored.format_replay(explored.cells[0].injections)
        assert '1 failed' in suite.run(*shlex.split(line)[1:], environ={'CART': 'cart'}).stdout


SETTINGS = """
import os
import pytest
import redis
from vaurien.records.observer import Observer

URL = os.environ['REDIS_URL']

@pytest.mark.vaurien(behavior='error', protocol='redis', seed=5)
def test_marked(vaurien_proxy):
    proxy = vaurien_proxy(URL.removeprefix('redis://').removesuffix('/0'))
    status = proxy.status()
    assert (proxy.get_behavior(), status['seed']) == ('error', 5)
    assert (status['protocol'], status['name']) == ('redis', 'vaurien')

def test_seed(vaurien_proxy):
    assert vaurien_proxy(URL, 'redis').status()['seed'] == 7

class Requests(Observer):
    def __init__(self):
        self.texts = []

    def on_request(self, link, exchange, describe):
        self.texts.append(describe())

def test_observer(vaurien_proxy):
    requests = Requests()
    with redis.Redis.from_url(vaurien_proxy(URL, observer=requests).url, protocol=2) as client:
        client.get('cart')
    assert requests.texts[-1] == 'GET cart'

def test_fails(vaurien_proxy):
    vaurien_proxy(URL)
    assert False
"""


@pytest.mark.parametrize('flag', ['', '--vaurien-explore', '--vaurien-fault=redis: GET cart #1 lost'])
def test_the_proxies_of_a_test_are_as_they_always_are(suite: Suite, flag: str) -> None:
    suite.write('tests/test_settings.py', SETTINGS)
    result = suite.run('--vaurien-seed=7', *filter(None, [flag]))
    assert '1 failed, 3 passed' in result.stdout, result.stdout + result.stderr
    assert '    seed: 7 (--vaurien-seed 7 draws the same again)' in result.stdout


def test_the_line_below_a_finding_has_the_seed(suite: Suite) -> None:
    suite.write('tests/test_cart.py', TEST)
    explored = suite.explore('--vaurien-seed=7', '--vaurien-explore-max=1', CART='cart')['test_add']
    assert explored.format_replay(()).endswith(' --vaurien redis:REDIS_URL --vaurien-seed 7')


def test_settings_of_files_and_markers(suite: Suite) -> None:
    suite.write('pyproject.toml', '[tool.vaurien.explore]\nfaults = ["no", "lost"]\nskip = ["redis: LRANGE *"]\n')
    suite.write(
        'tests/test_cart.py',
        """
import pytest
from shop import cart

@pytest.mark.vaurien_explore(allow=(cart.Unavailable,), faults=('no',))
def test_add(database):
    cart.add('ann', 'tea')
    assert cart.list_items('ann') == ['tea']
""",
    )
    explored = suite.explore('-W', 'error', CART='cart')['test_add']
    assert {cell.injections[0].kind.value for cell in explored.cells} == {'no'}
    assert {cell.injections[0].request for cell in explored.cells} == {'RPUSH cart:ann'}
    assert Outcome.DECLARED in find_cell(explored, 'redis: RPUSH cart:ann #1+ no(LOADING)').outcomes
    assert not any(cell.worst.is_finding for cell in explored.cells)


HANGING = """
import os
import redis
import pytest
from shop import cart

@pytest.fixture(scope='session')
def lasting():
    with redis.Redis.from_url(os.environ['REDIS_URL'], protocol=2) as client:
        yield client

def ask():
    cart.ask_for_ever()

def test_hangs(lasting, database):
    assert lasting.ping()
    cart.ask_for_ever()

def test_is_next(lasting, database):
    assert lasting.client_getname() is None
    assert lasting.ping()
"""


def test_what_hangs_is_ended_and_the_next_test_runs(suite: Suite) -> None:
    suite.write(
        'shop/cart.py',
        """
import os
import redis

def ask_for_ever():
    with redis.Redis.from_url(os.environ['REDIS_URL'], protocol=2, retry=None, socket_timeout=None) as client:
        assert client.get(os.environ['CART'] + ':ann') is None
""",
    )
    suite.write('vaurien-explore.toml', 'faults = ["silent"]\n')
    suite.write('tests/test_cart.py', HANGING)
    explored = suite.explore('--vaurien-explore-limit=0.4', '-p', 'no:timeout', CART='cart')['test_hangs']
    silent = find_cell(explored, 'redis: GET cart:ann #1 silent')
    assert silent.outcomes == {Outcome.HUNG}
    assert not explored.problem


#: Holds the GIL while it waits for what never comes.
HOLDING = """
import ctypes
from shop import cart

def find():
    if not cart.list_items('carol'):
        return
    ctypes.PyDLL(None).sleep(600)
"""


@pytest.mark.parametrize('flag', ['--vaurien-explore', '--vaurien-fault=redis: LRANGE * #1 half(1 bytes)'])
def test_a_call_that_lets_nobody_else_run_ends_pytest(suite: Suite, flag: str) -> None:
    suite.write('shop/cart.py', CART.replace('return []', 'return [1]'))
    suite.write('shop/finding.py', HOLDING)
    suite.write('tests/test_find.py', 'from shop import finding\n\ndef test_find():\n    finding.find()\n')
    hasty = 'from vaurien.explore.pytest import watchdog\nwatchdog.FROZEN, watchdog.BEAT = 1.0, 0.05\n'
    suite.write('tests/conftest.py', hasty)
    result = suite.run('--vaurien=redis:REDIS_URL', flag)
    assert result.returncode == 1
    assert 'shop/finding.py", line 8 in find' in result.stderr
    assert 'File "vaurien ends pytest: ' in result.stderr


@pytest.mark.parametrize('flags', [('-p', 'no:faulthandler'), ('-o', 'faulthandler_timeout=600')])
def test_whether_pytest_has_such_tracebacks_itself_does_not_matter(suite: Suite, flags: Sequence[str]) -> None:
    suite.write('tests/test_cart.py', TEST)
    result = suite.run('--vaurien=redis:REDIS_URL', '--vaurien-fault=redis: LRANGE * #1 no', *flags)
    assert '1 failed' in result.stdout, result.stdout + result.stderr


#: Waits without end, and takes whatever ends that for an answer.
ASKING = """
import os
import redis

def ask():
    with redis.Redis.from_url(os.environ['REDIS_URL'], protocol=2, retry=None, socket_timeout=None) as client:
        return client.get(os.environ['CART'] + ':ann')

def ask_at_any_price():
    try:
        return ask()
    except BaseException:
        return None
"""


@pytest.mark.parametrize('flag', ['--vaurien-explore-limit=0.4', ''])
def test_what_hangs_does_so_again_and_shows_where(suite: Suite, flag: str) -> None:
    suite.write('shop/cart.py', ASKING)
    test = 'def test_{0}(): assert cart.{0}() is None\n'
    tests = [test.format(name) for name in ('ask', 'ask_at_any_price')]
    suite.write('tests/test_cart.py', '\n'.join(['from shop import cart', *tests]))
    if not flag:
        suite.write('vaurien-explore.toml', 'limit = "400ms"\n')
    result = suite.run('--vaurien=redis:REDIS_URL', '--vaurien-fault=redis: GET * #1 silent', *filter(None, [flag]))
    assert result.returncode == 1
    assert '2 failed' in result.stdout
    assert 'shop/cart.py:7: in ask' in result.stdout
    assert 'OverdueError: no end within 0.4 s' in result.stdout
    assert 'no end within 0.4 s: it was ended then' in result.stdout
    assert ' 1  hung  redis: any request' in result.stdout
    assert ('--vaurien-explore-limit 0.4' in result.stdout) == bool(flag)


def test_a_fault_that_is_tried_again_leaves_the_report_of_all_alone(suite: Suite) -> None:
    suite.write('tests/test_cart.py', TEST)
    suite.write('vaurien-explore.toml', 'report = "out"\n')
    flags = '--vaurien=redis:REDIS_URL', '--vaurien-fault=redis: LRANGE * #1 lost'
    result = suite.run(*flags)
    assert ('1 failed' in result.stdout, 'The report is' in result.stdout) == (True, False)
    assert not (suite.folder / 'out').exists()
    suite.run(*flags, '--vaurien-explore-report=again')
    assert (suite.folder / 'again' / 'explore.json').exists()


def test_what_a_debugger_looks_at_has_no_limit(suite: Suite) -> None:
    suite.write(
        'tests/test_cart.py',
        """
import time
from shop import cart

def test_list(request):
    request.config.hook.pytest_enter_pdb(config=request.config, pdb=None)
    time.sleep(0.3)
    assert cart.list_items('nobody') == []
""",
    )
    fault = '--vaurien-fault=redis: LRANGE * #1 no'
    result = suite.run('--vaurien=redis:REDIS_URL', fault, '--vaurien-explore-limit=0.2')
    assert (result.returncode, '1 passed' in result.stdout) == (0, True), result.stdout


#: Goes on for ever in its fourth run, the second with a fault.
WAITING = """
import pathlib
import time
from shop import cart

runs = 0

def test_add(database):
    global runs
    runs += 1
    if runs == 4:
        pathlib.Path('running').touch()
        time.sleep(600)
    cart.ask(database)
"""

#: What is in the way of an end.
SLOW_END = """
@pytest.fixture(scope='session', autouse=True)
def slow_end():
    yield
    import pathlib
    import time
    pathlib.Path('ending').touch()
    time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize('flags', [(), ('-n1',)], ids=['alone', 'worker'])
def test_interrupting_it_shows_what_is_known(suite: Suite, flags: Sequence[str]) -> None:
    with _exploring_for_ever(suite, *flags) as process:
        process.send_signal(signal.SIGINT)
        output = _wait_for_interrupted(process)
    assert 'interrupted' in output
    explored = suite.read(output)['test_add']
    assert len(explored.cells) >= 1
    assert any(each.reason == 'interrupted' for each in explored.untried)


def test_interrupting_it_twice_ends_it_at_once(suite: Suite) -> None:
    suite.write('tests/conftest.py', CONFTEST + SLOW_END)
    with _exploring_for_ever(suite) as process:
        process.send_signal(signal.SIGINT)
        _await_file(suite.folder / 'ending', process)
        process.send_signal(signal.SIGINT)
        output = _wait_for_interrupted(process)
    assert 'Traceback' not in output
    assert len(suite.read(output)['test_add'].cells) >= 1


@contextmanager
def _exploring_for_ever(suite: Suite, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """Give a pytest that explores `WAITING`, and that is in the run that goes on for ever."""
    suite.write('shop/cart.py', 'def ask(client):\n    client.get("cart")\n    client.get("cart:2")\n')
    suite.write('tests/test_cart.py', WAITING)
    suite.write('vaurien-explore.toml', 'faults = ["no", "lost"]\n')
    command = suite.command('--vaurien-explore', '--vaurien=redis:REDIS_URL', '--vaurien-explore-report=out', *flags)
    with subprocess.Popen(
        command, cwd=suite.folder, env=suite.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            _await_file(suite.folder / 'running', process)
            yield process
        finally:
            process.kill()


def _wait_for_interrupted(process: subprocess.Popen[str]) -> str:
    """Return what pytest prints, which ends as what is interrupted does."""
    output, _ = process.communicate(timeout=2 * TIMEOUT)
    assert process.returncode == 130, output
    return output


def _await_file(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None, process.stdout and process.stdout.read()
        sleep(INTERVAL)


def test_workers_explore_whole_tests_and_the_controller_shows_them(suite: Suite) -> None:
    suite.write('tests/test_ann.py', TEST.replace('test_add', 'test_ann'))
    suite.write('tests/test_bob.py', TEST.replace('test_add', 'test_bob').replace('ann', 'bob'))
    explored = suite.explore('-n2', '--vaurien-explore-max=3', CART='cart')
    assert sorted(explored) == ['test_ann', 'test_bob']
    assert all(each.cells for each in explored.values())
    assert all(point.proxy == 'redis' for each in explored.values() for point in each.points)


def test_a_budget_is_shared_by_the_tests(suite: Suite) -> None:
    for name in ('ann', 'bob'):
        suite.write(f'tests/test_{name}.py', TEST.replace('test_add', f'test_{name}').replace('ann', name))
    explored = suite.explore('--vaurien-explore-max=2', CART='cart')
    assert {name: len(each.cells) for name, each in explored.items()} == {'test_ann': 1, 'test_bob': 1}


def test_a_budget_of_a_marker_is_that_of_its_test(suite: Suite) -> None:
    marked = TEST.replace('def test', 'import pytest\n\n@pytest.mark.vaurien_explore(max=2)\ndef test')
    for name in ('ann', 'bob'):
        suite.write(f'tests/test_{name}.py', marked.replace('test_add', f'test_{name}').replace('ann', name))
    explored = suite.explore('--vaurien-explore-max=100', CART='cart')
    assert {name: len(each.cells) for name, each in explored.items()} == {'test_ann': 2, 'test_bob': 2}


def test_a_variable_that_a_session_fixture_sets_names_a_proxy_from_then_on(suite: Suite) -> None:
    suite.write(
        'tests/conftest.py',
        """
import os
import pytest

@pytest.fixture(scope='session', autouse=True)
def database_url():
    os.environ['REDIS_URL'] = os.environ.pop('LATER')
""",
    )
    suite.write('tests/test_cart.py', 'from shop import cart\n\ndef test_list():\n    cart.list_items("nobody")\n')
    environ = {'CART': 'cart', 'LATER': suite.environ.pop('REDIS_URL')}
    explored = suite.explore('--vaurien-explore-max=1', **environ)['test_list']
    assert 'LRANGE cart:nobody' in [point.request for point in explored.points]


@pytest.mark.parametrize(
    ('flags', 'problem'),
    [
        (['--vaurien=redus:REDIS_URL'], "unknown protocol 'redus', did you mean 'redis'?"),
        (['--vaurien-explore-fail=wrnog', '--vaurien-explore'], "-fail: 'wrnog' is unknown, did you mean 'wrong'?"),
        (['--vaurien-explore', '--vaurien-explore-max=-1'], '--vaurien-explore-max: '),
        (['--vaurien-fault=http'], "'http' is no fault such as"),
        (['--vaurien-explore', '--vaurien-explore-report=/proc/no'], 'cannot write /proc/no: '),
        (['--vaurien-explore', '--vaurien-explore-baseline=none.toml'], 'none.toml: cannot read it: No such file'),
    ],
)
def test_a_bad_flag_is_one_line(
    flags: list[str], problem: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status = pytest.main([*PYTEST[3:], f'--rootdir={tmp_path}', *flags, str(tmp_path)])
    message = capfd.readouterr().err
    assert status == pytest.ExitCode.USAGE_ERROR
    assert problem in message
    assert len(message.strip().splitlines()) == 1
    assert logging.getLogger('vaurien').level == logging.NOTSET  # as it was


def test_a_bad_marker_is_one_line(suite: Suite) -> None:
    suite.write(
        'tests/test_cart.py', 'import pytest\n\n@pytest.mark.vaurien_explore(depht=2)\ndef test_add():\n    pass\n'
    )
    result = suite.run('--vaurien-explore')
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "test_add: vaurien_explore: depht: no such setting, did you mean 'depth'?" in result.stderr
    assert 'Traceback' not in result.stderr


def test_a_backend_elsewhere_is_left_alone(suite: Suite) -> None:
    suite.write('tests/test_cart.py', TEST)
    result = suite.run('--vaurien-explore', '--vaurien=redis:REDIS_URL', environ={'REDIS_URL': 'redis://192.0.2.1/0'})
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert 'is not on this machine' in result.stderr


SPOILING = """
import os
import redis

class Unavailable(Exception):
    pass

is_broken = False

def find(key):
    global is_broken
    if is_broken:
        raise Unavailable
    try:
        with redis.Redis.from_url(os.environ['REDIS_URL'], protocol=2, retry=None) as client:
            client.exists(key)
            return client.get(key)
    except redis.RedisError:
        is_broken = True
        raise Unavailable
"""


def test_what_is_spoilt_goes_on_in_a_fresh_process(suite: Suite) -> None:
    suite.write('shop/search.py', SPOILING)
    suite.write(
        'tests/test_search.py',
        """
from shop import search

def test_one():
    assert search.find('one') is None

def test_two():
    assert search.find('two') is None

def test_fails():
    assert search.find('three') == b'3'
""",
    )
    # Two faults for each test: a fresh pytest is started behind each of them, which takes longest.
    suite.write('vaurien-explore.toml', 'faults = ["no"]\nallow = ["Unavailable"]\nmax = 5\n')
    flags = '--vaurien-explore', '--vaurien=redis:REDIS_URL', '--vaurien-explore-report=out'
    result = suite.run(*flags)
    assert '1 failed, 2 passed' in result.stdout, result.stdout + result.stderr
    explored = suite.read()
    for name in ('test_one', 'test_two'):
        assert not explored[name].problem
        assert [cell for cell in explored[name].cells if Outcome.LEAK in cell.outcomes]
        assert all(Outcome.DECLARED in cell.outcomes for cell in explored[name].cells)
        assert len(explored[name].cells) > 1


def test_an_assertion_in_the_teardown_counts_though_the_test_has_been_told_no(suite: Suite) -> None:
    suite.write(
        'tests/test_cart.py',
        """
import os
import pytest
from shop import cart

@pytest.fixture(autouse=True)
def invariant(database):
    yield
    assert database.llen(os.environ['CART'] + ':ann') <= 1, 'once is enough'

def test_add():
    status = 200
    try:
        cart.add('ann', 'tea')
        cart.add('ann', 'tea')
    except cart.Unavailable:
        status = 503
    else:
        from redis import Redis
        with Redis.from_url(os.environ['REDIS_URL']) as client:
            client.delete(os.environ['CART'] + ':ann')
    assert status == 200
""",
    )
    suite.write('vaurien-explore.toml', 'faults = ["lost"]\n')
    explored = suite.explore(CART='cart')['test_add']
    cell = find_cell(explored, 'redis: RPUSH cart:ann #1+ lost')
    assert Outcome.WRONG in cell.outcomes
    assert 'once is enough' in cell.message


SERVER = """
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
import redis

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        with redis.Redis.from_url(os.environ['REDIS_URL'], protocol=2, retry=None) as client:
            try:
                client.get('cart:served')
                self.send_response(200)
            except redis.RedisError:
                self.send_response(500)
        self.end_headers()

    def log_message(self, *args):
        pass

with HTTPServer(('127.0.0.1', 0), Handler) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""


def test_a_server_in_another_process_is_the_application(suite: Suite) -> None:
    suite.write('server.py', SERVER)
    suite.write(
        'tests/conftest.py',
        """
import subprocess
import sys
import pytest

@pytest.fixture(scope='session')
def port():
    with subprocess.Popen([sys.executable, 'server.py'], stdout=subprocess.PIPE, text=True) as process:
        yield int(process.stdout.readline())
        process.kill()
""",
    )
    suite.write(
        'tests/test_server.py',
        """
from urllib.request import urlopen

def test_get(port):
    assert urlopen(f'http://127.0.0.1:{port}/').status == 200
""",
    )
    suite.write('vaurien-explore.toml', 'faults = ["no"]\nallow = [500]\n')
    explored = suite.explore('-p', 'no:unraisableexception')['test_get']
    assert 'GET cart:served' in [point.request for point in explored.points]
    assert find_cell(explored, 'redis: GET cart:served #1 no(LOADING)').outcomes == {Outcome.DECLARED}


def test_the_time_that_exploring_takes_is_not_the_test_s(suite: Suite) -> None:
    suite.write('tests/test_cart.py', TEST)
    suite.write('vaurien-explore.toml', 'faults = ["silent"]\n')
    suite.write('pyproject.toml', '[tool.pytest.ini_options]\ntimeout = 0.5\n')
    result = suite.run('--vaurien-explore', '--vaurien=redis:REDIS_URL')
    assert '1 passed' in result.stdout, result.stdout


def test_the_application_trusts_the_proxy_of_a_backend_with_tls(suite: Suite) -> None:
    suite.write(
        'shop/prices.py',
        """
import os
import requests

def fetch():
    return requests.get(os.environ['API_URL'], timeout=5).text
""",
    )
    suite.write(
        'tests/test_prices.py',
        """
from shop import prices

def test_fetch():
    assert prices.fetch() == 'ok\\n'
""",
    )
    suite.write('vaurien-explore.toml', 'faults = ["no"]\nmax = 1\n')
    (suite.folder / 'nginx').mkdir()
    LEAF.private_key_and_cert_chain_pem.write_to_path(suite.folder / 'own.pem')
    flags = '--vaurien-explore', '--vaurien=http:API_URL', '--vaurien-explore-report=out'
    with servers.nginx(suite.folder / 'nginx', suite.folder / 'own.pem') as https:
        result = suite.run(*flags, environ={'API_URL': f'https://{https.address}/ok'})
    assert '1 passed' in result.stdout, result.stdout
    assert 'GET /ok' in [point.request for point in suite.read()['test_fetch'].points]


def test_an_application_that_is_refused_tls_is_told_why(suite: Suite) -> None:
    suite.write(
        'tests/test_orders.py',
        """
import os
import psycopg

def test_place():
    psycopg.connect(os.environ['DB_URL'], sslmode='require', connect_timeout=2)
""",
    )
    environ = {'DB_URL': suite.environ['REDIS_URL'].replace('redis:', 'postgresql:')}  # which nobody gets to
    result = suite.run('--vaurien-explore', '--vaurien=postgres:DB_URL', environ=environ)
    assert '1 failed' in result.stdout
    output = ' '.join(result.stdout.split())
    assert 'not explored: the proxy postgres refuses TLS, for nothing says that it is a must: sslmode=require' in output
    result = suite.run('--vaurien-explore', '--vaurien=postgres:DB_URL', environ={**environ, 'PGSSLMODE': 'require'})
    assert 'refuses TLS' not in result.stdout


KINDS = """
import logging
import unittest
import pytest
from shop import cart

class TestOfUnittest(unittest.TestCase):
    def setUp(self):
        self.user = 'old'

    def tearDown(self):
        assert self.user == 'old'

    def test_old(self):
        cart.add(self.user, 'tea')

class TestClass:
    @pytest.mark.parametrize('user', ['eve'])
    def test_parameter(self, user, tmp_path, caplog):
        (tmp_path / 'once').touch(exist_ok=False)
        logging.warning('once')
        assert len(caplog.records) == 1
        cart.add(user, 'tea')

@pytest.fixture
def anyio_backend():
    return 'asyncio'

@pytest.mark.anyio
async def test_async():
    cart.add('async', 'tea')

@pytest.mark.xfail
def test_fails():
    cart.add('nobody', 'tea')
    assert False
"""


def test_tests_of_every_kind(suite: Suite) -> None:
    suite.write('tests/test_kinds.py', KINDS)
    suite.write('vaurien-explore.toml', 'faults = ["no"]\n')
    explored = suite.explore('-W', 'error', '-p', 'anyio.pytest_plugin', CART='cart')
    assert sorted(explored) == ['test_async', 'test_old', 'test_parameter[eve]']
    for test in explored.values():
        assert Outcome.LEAKED in next(cell for cell in test.cells if cell.injections[0].for_ever).outcomes


SUBTESTS = """
import unittest
from shop import cart

class TestCart(unittest.TestCase):
    def test_add(self):
        for user in 'ann', 'bob':
            with self.subTest(user=user):
                cart.add(user, 'tea')
"""


def test_what_becomes_of_subtests_under_a_fault_is_not_logged(suite: Suite) -> None:
    suite.write('tests/test_cart.py', SUBTESTS)
    suite.write('vaurien-explore.toml', 'faults = ["no"]\n')
    result = suite.run('--vaurien-explore', '--vaurien=redis:REDIS_URL', '--vaurien-explore-report=out')
    assert any(Outcome.LEAKED in cell.outcomes for cell in suite.read(result.stdout)['test_add'].cells)
    last = result.stdout.splitlines()[-1]
    assert last.startswith('1 passed')
    assert 'failed' not in last


def test_a_fault_at_a_proxy_that_is_not_there_names_those_that_are(suite: Suite) -> None:
    suite.write('tests/test_cart.py', TEST)
    result = suite.run('--vaurien=redis:REDIS_URL', '--vaurien-fault=reds: LRANGE * #1 lost')
    assert "not explored: there is no proxy 'reds', did you mean 'redis'?" in result.stdout
    assert "ERROR: --vaurien-fault: there is no proxy 'reds', did you mean 'redis'?" in result.stdout
    assert result.returncode == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize('flags', [(), ('-n1',)], ids=['alone', 'worker'])
def test_a_fault_that_meets_no_request_in_any_test_fails(suite: Suite, flags: Sequence[str]) -> None:
    suite.write('tests/test_cart.py', TEST + '\ndef test_list():\n    assert cart.list_items("carol") == []\n')
    fault = '--vaurien-fault=redis: RPUSH cart:an #1 no'
    result = suite.run('--vaurien=redis:REDIS_URL', fault, *flags, environ={'CART': 'cart'})
    assert '2 passed' in result.stdout, result.stdout
    assert result.returncode == 1
    assert [line for line in result.stdout.splitlines() if line.startswith('ERROR')] == [
        "ERROR: --vaurien-fault: 'redis: RPUSH cart:an #1 no' has met no request: did you mean 'RPUSH cart:ann'?"
    ]
    suite.write('vaurien-explore.toml', 'allow = ["Unavailable"]')
    fault = '--vaurien-fault=redis: RPUSH * #1 no'  # which one of the two tests survives
    result = suite.run('--vaurien=redis:REDIS_URL', fault, *flags, environ={'CART': 'cart'})
    assert (result.returncode, 'ERROR' in result.stdout) == (0, False), result.stdout


def test_a_fault_is_no_mistake_where_no_test_is_run(suite: Suite) -> None:
    suite.write('tests/test_cart.py', TEST)
    assert suite.run('--vaurien-fault=redis: GET * #1 lost', '--collect-only').returncode == 0


def test_a_variable_that_a_test_sets_for_itself_is_not_missing(suite: Suite) -> None:
    conftest = """
import pytest

@pytest.fixture(autouse=True)
def _redis(monkeypatch):
    monkeypatch.setenv('REDIS_URL', {url!r})
"""
    suite.write('tests/conftest.py', conftest.format(url=suite.environ.pop('REDIS_URL')))
    suite.write('tests/test_cart.py', 'from shop import cart\n\ndef test_list():\n    cart.list_items("nobody")\n')
    result = suite.run(
        '--vaurien-explore', '--vaurien-explore-max=1', '--vaurien=redis:REDIS_URL', '--vaurien=http:NO_URL'
    )
    assert 'LRANGE' in result.stdout
    assert [line for line in result.stdout.splitlines() if 'is not set' in line] == [
        '--vaurien: NO_URL is not set in the environment'
    ]


def test_it_says_so_if_there_is_nothing_to_explore(suite: Suite) -> None:
    suite.write('tests/test_cart.py', TEST)
    result = suite.run('--vaurien-explore')
    assert result.returncode == 0
    assert 'vaurien explore: no test that has passed asked anything of a proxy: --vaurien ' in result.stdout
    suite.write('tests/test_cart.py', 'def test_nothing():\n    pass\n')
    result = suite.run('--vaurien-explore', '--vaurien=redis:REDIS_URL')
    assert 'asked anything of a proxy: does the application read REDIS_URL?' in result.stdout


@pytest.mark.parametrize('flags', [(), ('-n1',)], ids=['alone', 'worker'])
def test_a_backend_that_cannot_be_reached_is_named_though_the_test_passes(suite: Suite, flags: Sequence[str]) -> None:
    suite.write('tests/test_cart.py', 'from shop import cart\n\ndef test_list():\n    cart.list_items("carol")\n')
    flags = '--vaurien-explore', '--vaurien=redis:REDIS_URL', *flags
    result = suite.run(*flags, environ={'REDIS_URL': 'redis://127.0.0.1:1'})
    assert '1 passed' in result.stdout, result.stdout
    said = '--vaurien: cannot connect to 127.0.0.1:1, which REDIS_URL names: connection refused'
    assert said in result.stdout.splitlines()
    assert 'asked anything of a proxy' not in result.stdout


def test_it_does_not_say_so_if_it_was_interrupted(suite: Suite) -> None:
    suite.write('tests/test_cart.py', 'def test_a():\n    pass\n\ndef test_b():\n    raise KeyboardInterrupt\n')
    result = suite.run('--vaurien-explore')
    assert (result.returncode, 'asked anything of a proxy' in result.stdout) == (130, False)
    assert '1 passed' in result.stdout


def test_a_backend_that_cannot_be_reached_is_named_where_the_test_fails(suite: Suite) -> None:
    suite.write('tests/test_cart.py', TEST)
    result = suite.run('--vaurien-explore', '--vaurien=redis:REDIS_URL', environ={'REDIS_URL': 'redis://127.0.0.1:1'})
    assert result.returncode == 1
    assert 'cannot connect to 127.0.0.1:1: Connection refused' in result.stdout


def test_a_fault_that_the_protocol_does_not_have_is_one_line(suite: Suite) -> None:
    suite.write('tests/test_cart.py', TEST)
    fault = 'redis: LRANGE * #1 no(999)'
    result = suite.run('--vaurien=redis:REDIS_URL', f'--vaurien-fault={fault}')
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert f'redis, which speaks redis, has nothing for {fault!r}' in result.stderr
    assert 'Traceback' not in result.stdout + result.stderr
