"""Three file formats, one tree, and where each value was written."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from vaurien.config import yaml_loader
from vaurien.config.files import MAX_SIZE, READERS, read_document
from vaurien.errors import ConfigError

INI = """\
[vaurien]
proxy = localhost:8000

[behavior:delay]  # late
sleep: 2          ; seconds
[protocol:http]
"""
TOML = """\
[vaurien]
proxy = 'localhost:8000'

[behavior.delay]
sleep = 2
[protocol.http]
"""
YAML = """\
vaurien:
  proxy: localhost:8000

behavior: {delay:
  {sleep: 2}}
protocol:
  http:
"""


def write(tmp_path: Path, name: str, content: str | bytes) -> str:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.mark.parametrize('suffix', ['ini', 'cfg', 'conf', 'INI'])
def test_ini(tmp_path: Path, suffix: str) -> None:
    tree, lines, text = read_document(write(tmp_path, f'vaurien.{suffix}', INI))
    assert tree == {
        'vaurien': {'proxy': 'localhost:8000'},
        'behavior': {'delay': {'sleep': '2'}},
        'protocol': {'http': {}},
    }
    assert (lines['vaurien.proxy'], lines['behavior.delay'], lines['behavior.delay.sleep']) == (2, 4, 5)
    assert text


def test_toml(tmp_path: Path) -> None:
    tree, lines, text = read_document(write(tmp_path, 'vaurien.toml', TOML))
    assert tree == {
        'vaurien': {'proxy': 'localhost:8000'},
        'behavior': {'delay': {'sleep': 2}},
        'protocol': {'http': {}},
    }
    assert (lines['vaurien.proxy'], lines['behavior.delay'], lines['behavior.delay.sleep']) == (2, 4, 5)
    assert not text


@pytest.mark.parametrize('suffix', ['yaml', 'yml'])
def test_yaml(tmp_path: Path, suffix: str) -> None:
    tree, lines, text = read_document(write(tmp_path, f'vaurien.{suffix}', YAML))
    assert tree == {
        'vaurien': {'proxy': 'localhost:8000'},
        'behavior': {'delay': {'sleep': 2}},
        'protocol': {'http': None},
    }
    assert (lines['vaurien.proxy'], lines['behavior.delay'], lines['behavior.delay.sleep']) == (2, 4, 5)
    assert not text


@pytest.mark.parametrize('value', ['google.com:80', '127.0.0.1:80', '20:delay', '20:error,10:delay', '0.5:error'])
def test_plain_texts_of_yaml_are_texts(tmp_path: Path, value: str) -> None:
    tree = read_document(write(tmp_path, 'vaurien.yaml', f'vaurien:\n  key: {value}\n')).tree
    assert tree == {'vaurien': {'key': value}}


@pytest.mark.parametrize('name', ['vaurien.ini', 'vaurien.toml', 'vaurien.yaml'])
@pytest.mark.parametrize('content', [b'', b'\xef\xbb\xbf', b'# nothing\r\n'])
def test_an_empty_file_says_nothing(tmp_path: Path, name: str, content: bytes) -> None:
    assert not read_document(write(tmp_path, name, content)).tree


@pytest.mark.parametrize(
    ('name', 'content', 'said'),
    [
        ('vaurien.ini', '[vaurien]\nproxy\n', "2: unexpected line: 'proxy'"),
        ('vaurien.ini', 'proxy = a:1\n', '1: no section header defined'),
        ('vaurien.ini', '[vaurien]\nproxy = a:1\nproxy = a:2\n', "3: duplicate name 'proxy'"),
        ('vaurien.ini', '[vaurien]\n[vaurien]\n', "2: duplicate section 'vaurien'"),
        ('vaurien.toml', '[vaurien]\nproxy = a:1\n', '2: Invalid value (column 9)'),
        ('vaurien.toml', '[vaurien]\nseed = 1\nseed = 2\n', '3: Cannot overwrite a value (column 9)'),
        ('vaurien.toml', '[vaurien]\n[vaurien]\n', '2: '),
        ('vaurien.yaml', 'vaurien:\n  seed: 1\n  seed: 2\n', "3: duplicate key 'seed'"),
        ('vaurien.yaml', 'vaurien:\n  seed: [1\n', '3: '),
        ('vaurien.yaml', 'vaurien:\n\tseed: 1\n', '2: found character'),
        ('vaurien.yaml', 'vaurien: !!python/object:os.system {}\n', '1: could not determine a constructor'),
        ('vaurien.yaml', 'vaurien: 1\n---\nvaurien: 2\n', '2: but found another document'),
    ],
)
def test_syntax_errors_have_their_line(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(ConfigError) as caught:
        read_document(path)
    assert str(caught.value).startswith(f'{path}:{said}')
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('content', ['a: !!bool 7', 'a: !!int ""', 'a: !!timestamp x', 'a: 2001-99-99', 'a: \x07'])
def test_ill_typed_yaml(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigError):
        read_document(write(tmp_path, 'vaurien.yaml', content))


@pytest.mark.parametrize(
    ('name', 'content'),
    [
        ('vaurien.yaml', '[' * 5000),
        ('vaurien.toml', 'a = ' + '[' * 5000),
    ],
)
def test_endless_nesting(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(ConfigError, match='nested too deeply'):
        read_document(write(tmp_path, name, content))


def repeat_aliases(first: str, template: str) -> str:
    """Lines, of which each has the one before nine times."""
    lines = [f'l0: &l0 {first}']
    for i in range(1, 20):
        aliases = ', '.join([f'*l{i - 1}'] * 9)
        lines.append(f'l{i}: &l{i} {template.replace("*", aliases)}')
    return '\n'.join(lines)


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        (repeat_aliases('x', '[*]'), '5: more than 1000 values'),
        (repeat_aliases('{a: 1}', '{<<: [*]}'), '4: more than 1000 values'),
        ('a: [' + '[],' * 1000 + ']', '1: more than 1000 values'),
        ('- 1\n' * 1001, '1000: more than 1000 values'),
        ('vaurien:\n  a: &a {b: *a}', '2: an alias within what it stands for'),
        ('a: ' + '1:' * 10_000 + '0', '1: a number of more than 100 characters'),
        ('a: 0x' + 'f' * 10_000, '1: a number of more than 100 characters'),
        ('a: !!float ' + '9' * 1000, '1: a number of more than 100 characters'),
    ],
)
def test_yaml_that_stands_for_too_much(
    tmp_path: Path, content: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml_loader, 'MAX_VALUES', 1000)
    path = write(tmp_path, 'vaurien.yaml', content)
    with pytest.raises(ConfigError, match=f'^{path}:{said}$'):
        read_document(path)


def test_an_alias(tmp_path: Path) -> None:
    content = 'proxy:\n  a: &all {protocol: redis}\n  b: {<<: *all, seed: 1}\n  c: *all\n'
    tree = read_document(write(tmp_path, 'vaurien.yaml', content)).tree
    redis = {'protocol': 'redis'}
    assert tree == {'proxy': {'a': redis, 'b': {**redis, 'seed': 1}, 'c': redis}}


def test_a_long_number_of_toml(tmp_path: Path) -> None:
    path = write(tmp_path, 'vaurien.toml', 'b = 1\na = ' + '1' * 5000)
    with pytest.raises(ConfigError, match=f'^{path}:2: Exceeds the limit'):
        read_document(path)


@pytest.mark.parametrize('name', ['vaurien.ini', 'vaurien.toml', 'vaurien.yaml'])
class TestUnreadable:
    def test_missing(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ConfigError, match=f'{name}: cannot read it: No such file'):
            read_document(str(tmp_path / name))

    def test_too_large(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ConfigError, match=f'{name}: cannot read it: it has more than 256 KiB'):
            read_document(write(tmp_path, name, b'#' * (MAX_SIZE + 1)))

    def test_a_directory(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).mkdir()
        with pytest.raises(ConfigError, match=f'{name}: cannot read it: Is a directory'):
            read_document(str(tmp_path / name))

    def test_not_utf_8(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ConfigError, match=f'{name}:2: not UTF-8: byte 0xe9'):
            read_document(write(tmp_path, name, b'# ascii\n# caf\xe9\n'))


@pytest.mark.parametrize('name', ['vaurien', 'vaurien.json', 'vaurien.ini.bak'])
def test_another_suffix(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_document(write(tmp_path, name, INI))
    assert '.ini (or .cfg, .conf), .toml, or .yaml (or .yml)' in str(caught.value)


@pytest.mark.parametrize('suffix', ['.ini', '.toml', '.yaml'])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.text(st.sampled_from('[]{}:=\'"#-&*!|>,\\ab1.\n \t') | st.characters(), max_size=60))
def test_any_text_is_a_tree_or_an_error(suffix: str, content: str) -> None:
    with suppress(ConfigError):
        READERS[suffix](f'any{suffix}', content)
