"""The settings of ``loads-runner``: each declaration gives the flag, the key in a file, the check and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from vaurien.address import Address
from vaurien.console.log import FORMAT_HELP, TEXT, LogFormat
from vaurien.errors import ConfigError, OptionError
from vaurien.loads.cluster.heartbeats import TIMEOUT
from vaurien.loads.plan import Cycle
from vaurien.loads.vaurien_flag import split_words
from vaurien.plugins.options import Parsed, convert
from vaurien.plugins.units import SECONDS, PositiveSeconds

Count = Annotated[int, Meta(ge=1)]
#: Heartbeats come every second.
HeartbeatTimeout = Annotated[float, Meta(ge=2), SECONDS]
Port = Annotated[int, Meta(ge=0, le=65535)]


class Counts(Parsed):
    """One number, or several for one cycle after the other: ``10:20:30``."""

    numbers: tuple[int, ...]

    @classmethod
    def parse(cls, value: Any) -> Counts:
        parsed = cls(str(value))
        try:
            parsed.numbers = tuple(int(part) for part in parsed.text.split(':'))
        except ValueError:
            parsed.numbers = ()
        if not parsed.numbers or min(parsed.numbers) < 1:
            raise ValueError(f'expected whole numbers from 1, such as 10 or 10:20:30, got {value!r}')
        return parsed


class Place(Parsed):
    """An address ``host:port``."""

    address: Address

    @classmethod
    def parse(cls, value: Any) -> Place:
        parsed = cls(str(value))
        parsed.address = Address.parse(parsed.text)
        return parsed


class Words(Parsed):
    """The settings of a proxy: ``protocol=http backend=localhost:8888 behavior=5:error``."""

    words: tuple[str, ...]

    @classmethod
    def parse(cls, value: Any) -> Words:
        parsed = cls(str(value))
        parsed.words = split_words(parsed.text)
        return parsed


class Setting(NamedTuple):
    """A setting. ``server_url`` here is the flag ``--server-url``, and ``server_url`` or ``server-url`` in a file."""

    help: str
    type: Any
    default: Any = None
    placeholder: str = ''
    short: str = ''


#: The settings by group, in the order of the help.
GROUPS: dict[str, dict[str, Setting]] = {
    'how much': {
        'users': Setting(
            'number of users at the same time; 10:20:30 runs one cycle after the other',
            Counts,
            Counts.parse(1),
            'N[:N...]',
            '-u',
        ),
        'hits': Setting(
            'number of times that each user runs the test; 10:20:30 runs a cycle of each, for each number of users',
            Counts,
            None,
            'N[:N...]',
        ),
        'duration': Setting(
            'duration of each cycle in seconds, instead of --hits', PositiveSeconds, None, 'DURATION', '-d'
        ),
    },
    'the test': {
        'server_url': Setting('URL of the server under test, in place of the server_url of the class', str, '', 'URL'),
        'test_dir': Setting('folder of the test; all of it is sent to agents', str, '', 'DIR'),
        'test_runner': Setting(
            'command to run for each hit; {test} in it is replaced by the name of the test', str, '', 'COMMAND'
        ),
        'vaurien': Setting(
            'settings of a proxy in front of the server, such as protocol=http behavior=5:error',
            Words,
            None,
            'SETTINGS',
        ),
        'explore': Setting(
            'folder for a report on what becomes of faults, one of which is tried on each fourth hit', str, '', 'DIR'
        ),
        'explore_fault': Setting("the only fault to try, such as 'http: GET /es #1 lost'", str, '', 'FAULT'),
        'no_patching': Setting('do not patch the standard library: users then run one after the other', bool, False),
    },
    'agents': {
        'agents': Setting(
            'number of agents, each of which has all the users; without --broker they are started here',
            Count,
            None,
            'N',
            '-a',
        ),
        'broker': Setting(
            'address that agents connect to, or address of a loads-broker', Place, None, 'HOST:PORT', '-b'
        ),
        'secret': Setting(
            'secret that agents, broker and runner share; LOADS_SECRET in the environment is safer', str, '', 'TEXT'
        ),
        'include_file': Setting('pattern of more files to send to agents; can be repeated', list[str], [], 'GLOB'),
        'python_dep': Setting(
            'requirement that agents install for the run; can be repeated', list[str], [], 'REQUIREMENT'
        ),
        'heartbeat_timeout': Setting(
            'seconds without a heartbeat after which an agent, broker or runner counts as lost',
            HeartbeatTimeout,
            TIMEOUT,
            'DURATION',
        ),
        'detach': Setting('give the run to the broker and exit', bool, False),
        'attach': Setting('follow the run of the broker', bool, False),
        'ping_broker': Setting('print the agents and the run of the broker', bool, False),
        'check_cluster': Setting('run an empty test on every agent of the broker', bool, False),
        'purge_broker': Setting('stop the run of the broker and delete its results', bool, False),
    },
    'results': {
        'output': Setting(
            'where results go: stdout, null, file, json, csv, html; can be repeated', list[str], ['stdout'], 'NAME'
        ),
        'web_port': Setting('port on localhost for a live page during the run', Port, None, 'PORT'),
        'statsd': Setting('address of StatsD, to send counters and timers to', Place, None, 'HOST:PORT'),
        'influxdb': Setting(
            'URL of InfluxDB, to send points to: http://HOST:PORT/?org=ORG&bucket=BUCKET', str, '', 'URL'
        ),
        'quiet': Setting('print no progress', bool, False),
        'log_format': Setting(FORMAT_HELP, LogFormat, TEXT, 'text|json'),
        'project_name': Setting('name of the project, for reports', str, '', 'NAME'),
        'user_id': Setting('name of the user who runs the test, for reports', str, '', 'NAME'),
    },
}

SETTINGS: dict[str, Setting] = {name: setting for group in GROUPS.values() for name, setting in group.items()}

#: The settings that ask a broker something instead of running a test.
QUESTIONS = ('attach', 'ping_broker', 'check_cluster', 'purge_broker')


class Settings(NamedTuple):
    """The name of the test, the value of every setting, and the options of each output."""

    fqn: str
    values: Mapping[str, Any]
    output_options: Mapping[str, Mapping[str, Any]]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def address(self) -> Address | None:
        """The address of the broker, or None."""
        return self.values['broker'].address if self.values['broker'] else None

    def cycles(self) -> tuple[Cycle, ...]:
        """Return a cycle for every number of users with every number of hits, in order."""
        hits: tuple[int | None, ...] = self.hits.numbers if self.hits else (None if self.duration else 1,)
        return tuple(Cycle(users, count, self.duration) for users in self.users.numbers for count in hits)


def read_value(name: str, value: Any, *, text: bool) -> Any:
    """Return the value of a setting. With *text*, numbers are spelled out. Raises `OptionError`."""
    setting = SETTINGS[name]
    if setting.type == list[str]:
        if isinstance(value, str):
            value = [part.strip() for line in value.splitlines() for part in line.split(',') if part.strip()]
        return convert(value, list[str])
    if isinstance(setting.type, type) and issubclass(setting.type, Parsed):
        try:
            return setting.type.parse(value)
        except (ValueError, ConfigError) as error:
            raise OptionError(str(error)) from None
    return convert(value, setting.type, text=text)
