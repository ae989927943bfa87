"""The exceptions of the package: their texts, their tree, and that there are no others elsewhere."""

from __future__ import annotations

import ast
import builtins
import errno
import os
import re
from pathlib import Path

import pytest

import vaurien
from vaurien import errors
from vaurien.errors import (
    AddressError,
    AmbiguousProxyError,
    AnswerError,
    BrowserError,
    BusyError,
    CapacityError,
    ConfigError,
    ControlError,
    EndedError,
    EndError,
    EndOfStreamError,
    EndResetError,
    EndShutError,
    EndTimeoutError,
    HandshakeError,
    NoJournalError,
    NoScheduleError,
    OptionError,
    OverdueError,
    ParameterError,
    PluginError,
    RegistryError,
    RemoteError,
    SealError,
    SetupError,
    StartError,
    ToxicNameError,
    ToxiproxyError,
    UnknownProxyError,
    UnreachableError,
    UnwrittenError,
    VaurienError,
    WorkerError,
    find_reason,
)

IN_USE = OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))

#: An error of every class, and its text.
TEXTS: list[tuple[BaseException, str]] = [
    (VaurienError('text'), 'text'),
    (ConfigError('expected a number'), 'expected a number'),
    (ConfigError('expected a number', 'delay.sleep'), 'delay.sleep: expected a number'),
    (ConfigError('expected a number', 'sleep').within('delay'), 'delay.sleep: expected a number'),
    (ConfigError('expected a number').within('delay'), 'delay: expected a number'),
    (AddressError('expected host:port', 'backend'), 'backend: expected host:port'),
    (OptionError('expected a number', 'sleep'), 'sleep: expected a number'),
    (ParameterError('expected a number', 'since'), 'since: expected a number'),
    (PluginError('unknown behavior'), 'unknown behavior'),
    (ToxicNameError('there is no toxic named x', 'name'), 'name: there is no toxic named x'),
    (StartError('the server was not started'), 'the server was not started'),
    (StartError.of(IN_USE, 'localhost:8000'), 'cannot listen on localhost:8000: address already in use'),
    (UnwrittenError('cannot write x'), 'cannot write x'),
    (WorkerError('worker 2 cannot do that'), 'worker 2 cannot do that'),
    (CapacityError('full'), 'full'),
    (RemoteError('no answer'), 'no answer'),
    (RegistryError('no instance'), 'no instance'),
    (AnswerError('it sends more than 1 MiB'), 'it sends more than 1 MiB'),
    (ControlError('no such path', 404), 'no such path'),
    (UnreachableError('cannot reach it'), 'cannot reach it'),
    (UnknownProxyError('there is no proxy'), 'there is no proxy'),
    (AmbiguousProxyError('there are two'), 'there are two'),
    (NoScheduleError('no schedule runs'), 'no schedule runs'),
    (NoJournalError('no journal is kept'), 'no journal is kept'),
    (BusyError('there are 32 readers'), 'there are 32 readers'),
    (ToxiproxyError(404, 'proxy not found', proxies=None), 'proxy not found'),
    (BrowserError(), ''),
    (SetupError('cannot import test', 'Traceback'), 'cannot import test'),
    (SealError('played back'), 'played back'),
    (EndOfStreamError(), ''),
    (EndError(errno.EBADF, 'the link is closed'), f'[Errno {errno.EBADF}] the link is closed'),
    (EndResetError('the backend has gone'), 'the backend has gone'),
    (EndShutError('this end was shut down'), 'this end was shut down'),
    (EndTimeoutError('timed out'), 'timed out'),
    (HandshakeError('it took too long'), 'it took too long'),
    (EndedError('a behavior has ended it'), 'a behavior has ended it'),
    (OverdueError('it takes too long'), 'it takes too long'),
]


def classes() -> dict[str, type[BaseException]]:
    """Return the exceptions that `vaurien.errors` defines, by name."""
    found = {name: value for name, value in vars(errors).items() if getattr(value, '__module__', '') == errors.__name__}
    return {name: value for name, value in found.items() if isinstance(value, type)}


@pytest.mark.parametrize(('error', 'text'), TEXTS, ids=[f'{type(error).__name__}-{text}' for error, text in TEXTS])
def test_texts(error: BaseException, text: str) -> None:
    assert str(error) == text


def test_every_class_has_a_text() -> None:
    assert {type(error) for error, _ in TEXTS} == set(classes().values())


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Each line of it is indented by four characters for each base class above."""
    branches = re.findall(r'^([│├└─ ]*)(\w+Error|BaseException)(?: |$)', errors.__doc__ or '', re.MULTILINE)
    bases: list[str] = []
    drawn = {}
    for indent, name in branches:
        bases = [*bases[: len(indent) // 4], name]
        drawn[name] = bases[-2] if len(bases) > 1 else None
    roots = {'VaurienError', 'OSError', 'BaseException'}
    assert {name for name, base in drawn.items() if base is None} == roots
    assert {name: base for name, base in drawn.items() if base is not None} == {
        name: class_.__bases__[0].__name__ for name, class_ in classes().items() if name not in roots
    }


def test_fields() -> None:
    error = ConfigError('expected a number', 'sleep').within('delay').within('behaviors[0]')
    assert (error.description, error.path) == ('expected a number', 'behaviors[0].delay.sleep')
    assert type(OptionError('x', 'sleep').within('delay')) is OptionError
    assert ControlError('no such path', 404).status == 404
    assert UnreachableError('cannot reach it').status is None
    refused = ToxiproxyError(500, 'no such host', proxies=[])
    assert (refused.status, refused.text, refused.body) == (500, 'no such host', {'proxies': []})
    assert SetupError('cannot import test', 'Traceback').details == 'Traceback'


def caused(error: Exception, cause: Exception) -> Exception:
    """Return *error* as if *cause* had been caught and *error* raised from it."""
    error.__cause__ = cause
    return error


def while_handling(error: Exception, context: Exception) -> Exception:
    """Return *error* as if it had been raised while *context* was handled."""
    error.__context__ = context
    return error


@pytest.mark.parametrize(
    ('error', 'reason'),
    [
        (IN_USE, 'address already in use'),
        (caused(ValueError('no'), IN_USE), 'address already in use'),
        (while_handling(ValueError('no'), IN_USE), 'address already in use'),
        (caused(ValueError('no'), caused(KeyError('no'), IN_USE)), 'address already in use'),
        (OSError(98, "Address in use (while attempting to bind on address ('localhost', 80))"), 'address in use'),
        (ValueError('no'), 'no'),
        (caused(ValueError('outer'), KeyError('inner')), "'inner'"),
        (OSError('without a number'), 'without a number'),
        (TimeoutError(), ''),
    ],
)
def test_reasons(error: Exception, reason: str) -> None:
    assert find_reason(error) == reason


def test_no_exception_is_defined_elsewhere() -> None:
    known = {name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)}
    known |= set(classes())
    package = Path(vaurien.__file__).parent
    strays = [
        f'{path.relative_to(package)}:{node.lineno} {node.name}'
        for path in package.rglob('*.py')
        if path != package / 'errors.py'
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and {getattr(base, 'id', '') for base in node.bases} & known
    ]
    assert strays == []
