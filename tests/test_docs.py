"""The pages are up to date, and what they show is run: code, commands, files, API conversations."""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest
import tomli

from tests.behaviors.waiting import eventually
from tests.commands import PYTEST, SCRIPTS, Command, StartCommand, call
from tests.conntest.serving import Server as ConnTestServer
from tests.peers import Peer, RawBackend
from tests.programs import run_program
from tests.servers import TIMEOUT, Server, free_port
from vaurien.behaviors import Behavior
from vaurien.cli import check, ctl
from vaurien.cli.check import make_parser as make_check_parser
from vaurien.cli.companions import Companions
from vaurien.cli.explore.flags import make_parser as make_explore_parser, split
from vaurien.cli.flags import parse
from vaurien.cli.report import make_parser as make_report_parser
from vaurien.config.schedules import check_schedule, load_schedule
from vaurien.conntest.flags import parse as parse_conntest
from vaurien.loads.cli import agent, broker, flags
from vaurien.protocols import Protocol
from vaurien.schedule.preview import preview
from vaurien.schedule.scheduler import Scheduler
from vaurien.tcpgoon import flags as tcpgoon
from vaurien.tcpgoon.plan import unescape

ROOT = Path(__file__).parent.parent
DOCS = ROOT / 'docs'
#: Those of `DOCS` by where they are in it: ``howto/redis-is-loading.md``.
PAGES = {'README.md': (ROOT / 'README.md').read_text()} | {
    path.relative_to(DOCS).as_posix(): path.read_text() for path in sorted(DOCS.rglob('*.md'))
}

#: The other texts for readers. They have no code that is run.
TEXTS = {name: (ROOT / name).read_text() for name in ('CONTRIBUTING.md', 'CHANGELOG.md')}

#: A block of code, and the name of the file that the comment before it gives it.
BLOCK = re.compile(r'(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)```\n', re.DOTALL)
LINK = re.compile(r'\]\((?P<target>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)')
#: The dotted path of a module, or of something in it. What ends with the suffix of a file is the name of a file.
DOTTED = re.compile(r'(?<![\w./-])vaurien(?:\.[a-zA-Z_]\w*)+(?![\w/-])')
SUFFIXES = ('.ini', '.toml', '.yaml', '.json', '.cfg', '.md', '.py', '.service', '.mjs', '.go')

#: What `GET /status` says otherwise on every run.
VARYING = {'pid', 'seconds', 'uptime', 'proxy', 'seed', 'version'}


class Block(NamedTuple):
    """A block of code on a page."""

    file: str | None
    language: str
    text: str


def blocks(page: str, language: str = '') -> list[Block]:
    """The blocks of a page, in order."""
    found = [Block(match['file'], match['language'], match['text']) for match in BLOCK.finditer(PAGES[page])]
    return [block for block in found if language in ('', block.language)]


def shell_lines(command: str) -> list[list[str]]:
    """Every command line in the pages that begins with that word, as words."""
    scripts = [block.text.replace('\\\n', '') for page in PAGES for block in blocks(page, 'sh')]
    lines = [line for script in scripts for line in script.splitlines()]
    return [words[1:] for words in map(command_of, lines) if words[0] == command]


def command_of(line: str) -> list[str]:
    """The words of a line, less what is set in its environment."""
    return shlex.split(re.sub(r'^(?:[A-Z_]+=\S+ )+', '', line))


def as_ids(lines: list[list[str]]) -> list[str]:
    return [' '.join(words) for words in lines]


def write_files(page: str, directory: Path, replacements: dict[str, str]) -> list[str]:
    """Write the files that *page* shows, with other addresses than on paper; their names."""
    names = []
    # All at once, the longest first: what is put in may look like something else that is to be replaced.
    on_paper = '|'.join(map(re.escape, sorted(replacements, key=len, reverse=True)))
    for block in blocks(page):
        if block.file:
            text = re.sub(on_paper, lambda match: replacements.get(match[0], ''), block.text)
            (directory / block.file).write_text(text)
            names.append(block.file)
    assert len(set(names)) == len(names)
    return names


@pytest.fixture
def _registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the test registers is forgotten after it."""
    for registry in (Behavior, Protocol):
        monkeypatch.setattr(registry, '_registered', dict(registry._registered))


@pytest.fixture
def extension(tmp_path: Path, redis_server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the tutorial, in a directory that is also the current one."""
    write_files('extending.md', tmp_path, {'localhost:6379': redis_server.address})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_generated_parts_are_up_to_date() -> None:
    command = [sys.executable, '-m', 'docs.generate', '--check']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=6 * TIMEOUT)
    assert (done.returncode, done.stdout, done.stderr) == (0, '', ''), 'run make docs'


@pytest.mark.parametrize(('kind', 'registry'), [('behavior', Behavior), ('protocol', Protocol)])
def test_every_built_in_is_described(kind: str, registry: Any) -> None:
    described = re.findall(rf'^## (.+)\n<!-- generated: {kind} \1 -->$', PAGES[f'{kind}s.md'], re.MULTILINE)
    assert set(described) == find_built_in(kind, registry)


def find_built_in(kind: str, registry: Any) -> set[str]:
    """Return the names of the behaviors or protocols that come with Vaurien."""
    return {name for name in registry.names() if registry.get(name).__module__.startswith(f'vaurien.{kind}s.')}


def test_every_behavior_has_a_picture_and_the_same_in_words() -> None:
    folder = DOCS / 'images' / 'behaviors'
    names = find_built_in('behavior', Behavior)
    assert {path.name for path in folder.iterdir()} == {f'{name}.svg' for name in names}
    for name in names:
        picture = ElementTree.parse(folder / f'{name}.svg').getroot()
        title, summary = (picture.findtext(f'{{http://www.w3.org/2000/svg}}{child}') for child in ('title', 'desc'))
        section = PAGES['behaviors.md'].partition(f'\n## {name}\n')[2].partition('\n## ')[0]
        assert title == name
        assert f'![{summary}](images/behaviors/{name}.svg)' in section.replace('\n', ' ')


@pytest.mark.parametrize('name', ['anatomy', 'idea'])
def test_pictures_of_concepts_are_there_in_words(name: str) -> None:
    picture = ElementTree.parse(DOCS / 'images' / f'{name}.svg').getroot()
    summary = picture.findtext('{http://www.w3.org/2000/svg}desc')
    assert f'![{summary}](images/{name}.svg)' in PAGES['concepts.md'].replace('\n', ' ')


@pytest.mark.parametrize('page', PAGES | TEXTS)
def test_links_lead_somewhere(page: str) -> None:
    here = ROOT / page if page in {'README.md', *TEXTS} else DOCS / page
    for match in LINK.finditer((PAGES | TEXTS)[page]):
        target, anchor = match['target'], match['anchor']
        if target.startswith('https://'):
            continue
        path = here.parent / target if target else here
        assert path.exists(), target
        if anchor:
            headings = re.findall(r'^#+ (.+)$', path.read_text(), re.MULTILINE)
            slugs = [re.sub(r'[^\w -]', '', heading).strip().lower().replace(' ', '-') for heading in headings]
            assert anchor in slugs, match[0]


@pytest.mark.parametrize('page', sorted((PAGES | TEXTS).keys() - {'architecture.md'}))
def test_lines_are_short(page: str) -> None:
    """Only tables and code may have long lines."""
    prose = re.sub(r'^```.*?^```$', '', (PAGES | TEXTS)[page], flags=re.DOTALL | re.MULTILINE)
    assert [line for line in prose.splitlines() if len(line) > 120 and not line.startswith(('|', '    '))] == []


#: Dotted names that are not for Python: the logger of proxies, and attributes of OpenTelemetry.
UNIMPORTABLE = {
    f'vaurien.{name}' for name in ('proxy', 'link', 'exchange', 'executed', 'request', 'fault', 'fault.options')
}


@pytest.mark.parametrize('page', PAGES)
def test_dotted_names_can_be_imported(page: str) -> None:
    for name in set(DOTTED.findall(PAGES[page])) - UNIMPORTABLE:
        if not name.endswith(SUFFIXES):
            assert resolve(name), name


def resolve(name: str) -> Any:
    """Import the longest part of a dotted name that is a module, and return the attribute that the rest names."""
    module, _, attribute = name.rpartition('.')
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return getattr(resolve(module), attribute)


def test_the_glossary_defines_words_before_it_uses_them() -> None:
    rows = re.findall(r'^\| ([\w -]+) \| (.+) \|$', PAGES['glossary.md'], re.MULTILINE)
    entries = [(word, re.sub(r'`.*?`', '', meaning)) for word, meaning in rows if word != 'word']
    early = [
        f'{word}: {meaning} ({later})'
        for i, (word, meaning) in enumerate(entries)
        for later, _ in entries[i + 1 :]
        if re.search(rf'\b{later}(e?s|ed|ing)?\b', meaning, re.IGNORECASE)
    ]
    assert early == []
    assert len(entries) > 30


@pytest.mark.parametrize('page', PAGES)
def test_python_is_in_files_that_are_run(page: str) -> None:
    assert all(block.file for block in blocks(page, 'python'))
    assert not blocks(page, 'python') or page in {*RUN_PAGES, 'loads.md'}  # the latter by `tests.loads.test_page`


@pytest.mark.usefixtures('_registries')
@pytest.mark.parametrize('words', shell_lines('vaurien'), ids=as_ids(shell_lines('vaurien')))
def test_command_lines_are_right(words: list[str], monkeypatch: pytest.MonkeyPatch, extension: Path) -> None:
    if '--help' in words:
        with pytest.raises(SystemExit):
            parse(words)
        return
    if words[0] == 'check':  # `test_what_check_says` runs it
        make_check_parser().parse(words[1:], intermixed=True)
        return
    if words[0] in ('explore', 'report'):
        flags, command = split(words[1:])
        (make_explore_parser() if words[0] == 'explore' else make_report_parser()).parse(flags, intermixed=True)
        assert bool(command) is (words[0] == 'explore')
        return
    if 'mine.ini' in words:
        monkeypatch.syspath_prepend(extension)
    else:
        monkeypatch.chdir(ROOT / 'examples')
    parse(words)


def test_what_check_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files('config.md', tmp_path, {})
    monkeypatch.chdir(tmp_path)
    assert indent(call(check.main, 'shop.toml').stdout, '    ') in PAGES['config.md']


@pytest.mark.usefixtures('_registries')
@pytest.mark.parametrize('flags', re.findall(r'`(--.+?)`', PAGES['behavior-or-toxic.md']))
def test_what_is_to_be_armed_can_be(flags: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / 'examples')
    arguments = parse(['--proxy', '127.0.0.1:0', *shlex.split(flags)])
    proxies = Companions().make_proxies(arguments)
    if arguments.settings.schedule is not None:
        check_schedule(Scheduler(proxies), arguments.settings.schedule, is_early=False)


@pytest.mark.parametrize('words', shell_lines('conntest'), ids=as_ids(shell_lines('conntest')))
def test_conntest_lines_are_right(words: list[str]) -> None:
    assert parse_conntest(words).command == words[0]


def test_the_session_with_conntest(nginx: Server, tmp_path: Path) -> None:
    server = ConnTestServer()
    (tmp_path / 'data.txt').write_text('hello\n')
    session = '\n'.join(block.text for block in blocks('conntest.md', 'bash'))
    hosts = {'http://conntest-server:8080': server.url, 'https://internal.example.net': f'{nginx.url}/ok'}
    for name, url in hosts.items():
        assert name in session
        session = session.replace(name, url)
    try:
        done = subprocess.run(
            ['bash', '-euo', 'pipefail', '-c', session],
            cwd=tmp_path,
            env={**os.environ, 'PATH': f'{SCRIPTS}:{os.environ["PATH"]}', 'no_proxy': '*'},
            capture_output=True,
            text=True,
            timeout=12 * TIMEOUT,
        )
        assert done.returncode == 0, done.stderr
        assert 'upstream  1000 × 200\n' in done.stdout
        assert server.call('GET', '/test-groups').json() is None
    finally:
        server.kill()


@pytest.mark.parametrize('words', shell_lines('tcpgoon'), ids=as_ids(shell_lines('tcpgoon')))
def test_tcpgoon_lines_are_right(words: list[str]) -> None:
    if words[0] == 'server':
        assert not tcpgoon.parse(tcpgoon.SERVER, words[1:]).words
        return
    line = tcpgoon.parse(tcpgoon.RUN, words)
    unescape(line.settings.send + line.settings.expect)
    assert len(line.words) == (2 if line.settings.eureka is None else 1)


@pytest.mark.parametrize('page', PAGES)
def test_config_files_are_right(page: str, tmp_path: Path) -> None:
    settings = []
    for block in blocks(page):
        if block.language in ('ini', 'toml', 'yaml') and not block.file:
            path = tmp_path / f'vaurien.{block.language}'
            path.write_text(block.text)
            settings.append(parse(['--config', str(path)]).settings)
    assert all(setting == settings[0] for setting in settings)


#: How many tests there are on each page that has any.
RUN_PAGES = {
    'README.md': 2,
    'five-minutes.md': 2,
    'howto.md': 8,
    'journal.md': 2,
    'pytest.md': 3,
    'schedules.md': 1,
    'tls.md': 1,
    'toxics.md': 1,
    'extending.md': 11,
    'howto/a-503-with-retry-after.md': 2,
    'howto/a-race-step-by-step.md': 3,
    'howto/deadlock-on-commit.md': 5,
    'howto/parallel-tests-that-share-one-proxy.md': 5,
    'howto/redis-is-loading.md': 2,
    'howto/the-report-breaks-off.md': 2,
    'howto/the-second-write-fails.md': 1,
    'howto/the-third-row-times-out.md': 2,
}
#: The fixtures for the servers that the code on the pages expects at these ports.
SERVERS = {'3306': 'mariadb', '5432': 'postgres', '6379': 'redis_server'}


@pytest.mark.parametrize(('page', 'count'), RUN_PAGES.items())
def test_code_does_what_it_says(page: str, count: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    control = str(free_port())
    replacements = {'Client()': f'Client(port={control})', '8080': control, '8000': str(free_port())}
    code = ''.join(block.text for block in blocks(page) if block.file)
    for port, fixture in SERVERS.items():
        if port in code:
            server: Server = request.getfixturevalue(fixture)
            replacements |= {f'localhost:{port}': server.address, port: str(server.port)}
    names = write_files(page, tmp_path, replacements)
    tests = [name for name in names if name.startswith('test_')]
    words = [*PYTEST, '-W', 'error', *tests]
    assert f'{count} passed' in run_program(words, tmp_path, {**os.environ, 'no_proxy': '*'}, seconds=12 * TIMEOUT)


def test_the_timeline_of_a_schedule(tmp_path: Path) -> None:
    write_files('schedules.md', tmp_path, {'failover.toml': str(ROOT / 'examples' / 'failover.toml')})
    shown = re.findall(r'^ +(\d+\.\d{3}  .+)$', PAGES['schedules.md'], re.MULTILINE)
    lines = list(map(str.strip, preview(load_schedule(str(tmp_path / 'course.toml')), 0)))
    assert len(shown) > 20
    assert [line for line in lines if line in shown or 'latency(' not in line] == shown
    assert parse(['--config', str(tmp_path / 'scheduled.ini')]).settings.schedule is not None


def test_a_behavior_by_callable(extension: Path, redis_server: Server, vaurien_command: StartCommand) -> None:
    command = vaurien_command('--config', 'mine.ini', '--proxy', '127.0.0.1:0', '--backend', redis_server.address)
    assert command.out_lines[1] == 'armed: 50% cut (keep=3), 10% jitter (most=0.5)'
    replies: set[bytes] = set()
    while len(replies) < 2:
        with Peer.connect(command.port) as client:
            client.send(b'PING\r\n')
            client.shut_down()
            replies.add(client.recv_all())
    assert replies == {b'+PO', b'+PONG\r\n'}


def test_entry_points(
    extension: Path, echo_server: RawBackend, vaurien_command: StartCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(extension)
    monkeypatch.setenv('PYTHONPATH', str(extension))
    command = vaurien_command(
        *('--backend', echo_server.address, '--protocol', 'lines', '--protocol-lines-error', 'NON'),
        *('--behavior', '100:transient,0:jitter', '--behavior-jitter-most', '1', '--behavior-transient-agitate', '1'),
    )
    with Peer.connect(command.port) as client:
        client.send(b'one\ntwo\n')
        assert client.recv_exactly(8) == b'NON\ntwo\n'


def test_a_protocol_that_moves_the_bytes(
    extension: Path, echo_server: RawBackend, vaurien_command: StartCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(extension)
    monkeypatch.setenv('PYTHONPATH', str(extension))
    command = vaurien_command('--backend', echo_server.address, '--protocol', 'minitel')
    with Peer.connect(command.port) as client:
        client.send(b'3615 ULLA')
        assert client.recv_exactly(9) == b'3615 ULLA'


def install(directory: Path) -> None:
    """What installing the package there would leave for Python to find."""
    described = tomli.loads((directory / 'pyproject.toml').read_text())
    project, modules = described['project'], described['tool']['setuptools']['py-modules']
    installed = directory / 'vaurien_mine-1.0.dist-info'
    installed.mkdir()
    (installed / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {project["name"]}\nVersion: 1.0\n')
    groups = [
        '\n'.join([f'[{group}]', *(f'{name} = {value}' for name, value in points.items()), ''])
        for group, points in project['entry-points'].items()
    ]
    named = [value.partition(':')[0] for points in project['entry-points'].values() for value in points.values()]
    assert set(named) == set(modules)
    (installed / 'entry_points.txt').write_text('\n'.join(groups))


def test_the_behavior_of_the_readme(
    tmp_path: Path, echo_server: RawBackend, vaurien_command: StartCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files('README.md', tmp_path, {})
    monkeypatch.chdir(tmp_path)
    command = vaurien_command(
        *('--config', 'sleepy.ini', '--proxy', '127.0.0.1:0', '--backend', echo_server.address),
        *('--behavior', 'sleepy', '--behavior-sleepy-sleep', '0'),
    )
    with Peer.connect(command.port) as client:
        client.send(b'hello')
        assert client.recv_exactly(5) == b'hello'
    command.wait_for_log('sleepy on 5 bytes')


@pytest.mark.parametrize(
    ('page', 'flags'),
    [
        ('README.md', ['--behavior', '20:error,10:delay']),
        ('howto.md', ['--behavior', '5:error,10:delay', '--behavior-delay-sleep', '2']),
    ],
)
def test_the_output_that_is_shown(
    page: str, flags: list[str], redis_server: Server, vaurien_command: StartCommand
) -> None:
    shown = [
        line.strip() for line in re.findall(r'^    (?:vaurien \d|armed: |seed: |Ctrl-C).*$', PAGES[page], re.MULTILINE)
    ]
    command = vaurien_command('--backend', redis_server.address, '--protocol', 'redis', '--seed', '3219348437', *flags)
    command.wait_for_line(command.out_lines, re.compile('^Ctrl-C'))
    printed = [line.replace(redis_server.address, 'localhost:6379') for line in command.out_lines]
    assert [re.sub(r'127\.0\.0\.1:\d+', '127.0.0.1:8000', line) for line in printed] == shown


@pytest.fixture(scope='module')
def controlled(redis_server: Server) -> Iterator[Command]:
    """A proxy under control, started as the page on the control API says."""
    (line,) = [block.text for block in blocks('api.md', 'sh')]
    command = Command(*shlex.split(line)[1:])
    yield command
    command.kill()


def test_the_conversation_with_the_control_api(controlled: Command) -> None:
    said = [block.text for block in blocks('api.md', 'http')]
    assert said
    with closing(http.client.HTTPConnection('127.0.0.1', controlled.control_port, timeout=TIMEOUT)) as connection:

        def ask(method: str, path: str, body: str) -> tuple[str, bytes]:
            connection.request(method, path, body or None)
            response = connection.getresponse()
            return f'HTTP/1.1 {response.status} {response.reason}', response.read()

        for request, reply in zip(said[::2], said[1::2], strict=True):
            line, _, body = request.partition('\n\n')
            method, path, _ = line.split()
            if (method, path) == ('GET', '/schedule'):  # it begins in the next turn of the event loop
                eventually(lambda: json.loads(ask('GET', '/schedule', '')[1])['next'])
            status_line, given = ask(method, path, body)
            said_status, _, wanted = reply.partition('\n\n')
            assert status_line == said_status.rstrip()
            assert bool(wanted) is bool(given)
            if wanted:
                check_part(json.loads(wanted), json.loads(given), closed=path not in ('/behaviors', '/toxics'))


def check_part(wanted: Any, given: Any, *, closed: bool) -> None:
    """Whether *given* is what the page says; unless *closed*, an object may have more fields."""
    if not isinstance(wanted, dict):
        assert wanted == given
        return
    assert set(wanted) == set(given) if closed else set(wanted) <= set(given)
    for name, value in wanted.items():
        if name in VARYING:
            assert type(value) is type(given[name])
        else:
            check_part(value, given[name], closed=closed)


def ask_with_vaurienctl(*words: str) -> subprocess.CompletedProcess[str]:
    return call(ctl.main, *words)


def ask_with_curl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(['curl', '-f', '-s', *words], capture_output=True, text=True, timeout=TIMEOUT, check=False)


#: How to run what speaks to a running proxy.
SPEAKING = {'vaurienctl': ask_with_vaurienctl, 'curl': ask_with_curl}
#: The blocks of command lines that do, by page.
TALKS = [(page, block.text) for page in PAGES for block in blocks(page, 'sh') if block.text.startswith((*SPEAKING,))]


@pytest.mark.parametrize(('page', 'script'), TALKS, ids=[page for page, _ in TALKS])
def test_command_lines_to_a_running_proxy_work(
    page: str, script: str, controlled: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('VAURIEN_URL', controlled.api)
    monkeypatch.setenv('no_proxy', '*')
    for line in script.replace('http://localhost:8080', controlled.api).splitlines():
        command, *words = shlex.split(line)
        done = SPEAKING[command](*words)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize('words', shell_lines('loads-runner'), ids=as_ids(shell_lines('loads-runner')))
def test_loads_runner_lines_are_right(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / 'examples' / 'loads')
    flags.parse(words)


@pytest.mark.parametrize('command', [agent, broker])
def test_lines_of_agents_and_brokers_are_right(command: ModuleType) -> None:
    lines = shell_lines(f'loads-{command.__name__.rpartition(".")[2]}')
    assert lines
    for words in lines:
        command.make_parser().parse_args(words)
