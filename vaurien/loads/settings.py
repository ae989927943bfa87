"""What ``loads-runner`` can be told: one declaration gives the flag, the key in a file, the check and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from vaurien.address import Address
from vaurien.errors import ConfigError, OptionError
from vaurien.loads.cluster.heartbeats import TIMEOUT
from vaurien.loads.plan import Cycle
from vaurien.loads.vaurien_flag import split_words
from vaurien.plugins.options import Parsed, convert

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
#: Heartbeats come every second.
HeartbeatTimeout = Annotated[float, Meta(ge=2)]
Port = Annotated[int, Meta(ge=0, le=65535)]


class Counts(Parsed):
    """One number, or several, one cycle after the other: ``10:20:30``."""

    numbers: tuple[int, ...]

    @classmethod
    def parse(cls, value: Any) -> Counts:
        parsed = cls(str(value))
        try:
            parsed.numbers = tuple(int(part) for part in parsed.text.split(':'))
        except ValueError:
            parsed.numbers = ()
        if not parsed.numbers or min(parsed.numbers) < 1:
            raise ValueError(f'expected a number from 1 on, or several, such as 10:20:30, got {value!r}')
        return parsed


class Place(Parsed):
    """``host:port``."""

    address: Address

    @classmethod
    def parse(cls, value: Any) -> Place:
        parsed = cls(str(value))
        parsed.address = Address.parse(parsed.text)
        return parsed


class Words(Parsed):
    """Settings of a proxy: ``protocol=http backend=localhost:8888 behavior=5:error``."""

    words: tuple[str, ...]

    @classmethod
    def parse(cls, value: Any) -> Words:
        parsed = cls(str(value))
        parsed.words = split_words(parsed.text)
        return parsed


class Setting(NamedTuple):
    """One setting: ``server_url`` here is ``--server-url`` and ``server_url`` or ``server-url`` in a file."""

    help: str
    type: Any
    default: Any = None
    placeholder: str = ''
    short: str = ''


#: By group, in the order of the help.
GROUPS: dict[str, dict[str, Setting]] = {
    'how much': {
        'users': Setting(
            'users at a time; 10:20:30 is one cycle after the other', Counts, Counts.parse(1), 'N[:N...]', '-u'
        ),
        'hits': Setting(
            'how often each user runs the test; several are one cycle after the other', Counts, None, 'N[:N...]'
        ),
        'duration': Setting('seconds that each cycle lasts, instead of --hits', Seconds, None, 'SECONDS', '-d'),
    },
    'the test': {
        'server_url': Setting("the server under test, in the place of the class's server_url", str, '', 'URL'),
        'test_dir': Setting('the folder that the test is in, all of which goes to agents', str, '', 'DIR'),
        'test_runner': Setting(
            'a command to run for each hit, with {test} for the name of the test', str, '', 'COMMAND'
        ),
        'vaurien': Setting('a proxy in front of the server: protocol=http behavior=5:error', Words, None, 'SETTINGS'),
        'no_patching': Setting('leave the standard library blocking: users take turns', bool, False),
    },
    'agents': {
        'agents': Setting(
            'how many; each has all the users. Without --broker they are started here', Count, None, 'N', '-a'
        ),
        'broker': Setting('where agents connect, or a loads-broker is', Place, None, 'HOST:PORT', '-b'),
        'secret': Setting(
            'what agents, broker and runner have to share; LOADS_SECRET in the environment is safer', str, '', 'TEXT'
        ),
        'include_file': Setting(
            'files for the agents besides those of the test: a pattern; again for more', list[str], [], 'GLOB'
        ),
        'python_dep': Setting(
            'a requirement that agents install for the run; again for more', list[str], [], 'REQUIREMENT'
        ),
        'heartbeat_timeout': Setting(
            'seconds without a heartbeat after which an agent, broker or runner counts as lost',
            HeartbeatTimeout,
            TIMEOUT,
            'SECONDS',
        ),
        'detach': Setting('give the run to the broker and leave', bool, False),
        'attach': Setting('follow the run that the broker has', bool, False),
        'ping_broker': Setting('tell who is there', bool, False),
        'check_cluster': Setting('run an empty test on every agent of the broker', bool, False),
        'purge_broker': Setting('stop the run that the broker has, and forget its results', bool, False),
    },
    'results': {
        'output': Setting(
            'where results go: stdout, null, file, json, csv, html; again for more', list[str], ['stdout'], 'NAME'
        ),
        'web_port': Setting('a live page on this port of localhost, while the run goes on', Port, None, 'PORT'),
        'statsd': Setting('send counters and timers there', Place, None, 'HOST:PORT'),
        'influxdb': Setting('send points there: http://HOST:PORT/?org=ORG&bucket=BUCKET', str, '', 'URL'),
        'quiet': Setting('no progress', bool, False),
        'project_name': Setting('whose test it is, in reports', str, '', 'NAME'),
        'user_id': Setting('who runs it, in reports', str, '', 'NAME'),
    },
}

SETTINGS: dict[str, Setting] = {name: setting for group in GROUPS.values() for name, setting in group.items()}

#: What is asked of a broker instead of running a test.
QUESTIONS = ('attach', 'ping_broker', 'check_cluster', 'purge_broker')


class Settings(NamedTuple):
    """What to run, every setting with its value, and the options of outputs by output."""

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
        """Where the broker is, or will be."""
        return self.values['broker'].address if self.values['broker'] else None

    def cycles(self) -> tuple[Cycle, ...]:
        """Every number of users with every number of hits, in order."""
        hits: tuple[int | None, ...] = self.hits.numbers if self.hits else (None if self.duration else 1,)
        return tuple(Cycle(users, count, self.duration) for users in self.users.numbers for count in hits)


def read_value(name: str, value: Any, *, text: bool) -> Any:
    """The value of a setting; raises `OptionError`."""
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
