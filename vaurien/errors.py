"""Every exception that Vaurien raises on purpose. The tree says whose fault each of them is.

VaurienError                   anything below
├── ConfigError                the caller: a flag, a file, an API body, an argument
│   ├── AddressError           a text that is not an address
│   ├── OptionError            an option that does not exist, or a value that it cannot take
│   ├── ParameterError         a parameter of a path of the control API
│   ├── PluginError            a behavior, protocol or toxic that is unknown or cannot be loaded
│   └── ToxicNameError         a toxic's name that is taken, or that no toxic has
├── StartError                 the machine: a server or a proxy process could not start, a host has no address
├── UnwrittenError             a file that was to have the results, and that cannot be written
├── WorkerError                a change that a worker does not take, so that none of them has it
├── CapacityError              a conntest server that stores as much as it may
├── RemoteError                a conntest server that is not there, or that sends an unexpected response
├── RegistryError              a Eureka registry that does not name what was to be tested
├── AnswerError                an answer over HTTP that cannot be used
├── ControlError               a running proxy that rejects a request to its control API
│   └── UnreachableError       no control API answers at the address
├── UnknownProxyError          a path of the control API that names no proxy or link
├── AmbiguousProxyError        a path of the control API that could mean several proxies
├── NoScheduleError            a path of the control API about a schedule, while none runs
├── NoJournalError             a path of the control API about a journal, while none is kept
├── BusyError                  a request for what as many have as may have it
├── ToxiproxyError             a request that Toxiproxy's API answers with an error
├── BrowserError               a request to Toxiproxy's API that comes from a browser
├── SetupError                 a load test that cannot begin or go on
└── SealError                  a message between load-test machines that is not authentic

OSError
├── EndOfStreamError           a peer that closes its connection too early
├── EndError                   an end of a link that is closed
│   ├── EndResetError          one whose peer has gone
│   ├── EndShutError           one that was shut down
│   └── EndTimeoutError        one at which nothing came in time
└── HandshakeError             a handshake of TLS that has failed
    └── EndedError             one that a behavior has ended

BaseException
└── OverdueError               a test that takes too long: nothing in it may catch what ends it
"""

from __future__ import annotations

from typing import Any


class VaurienError(Exception):
    """The base class of the errors below; it is never raised itself."""


class ConfigError(VaurienError):
    """A setting that cannot be used. *path* is the dotted name of the field, or empty if it is unknown."""

    def __init__(self, description: str, path: str = '') -> None:
        super().__init__(f'{path}: {description}' if path else description)
        self.description = description
        self.path = path

    def within(self, prefix: str) -> ConfigError:
        """Return the same error with *prefix* put in front of its path."""
        path = f'{prefix}.{self.path}' if self.path else prefix
        return type(self)(self.description, path)


class AddressError(ConfigError):
    """A text that is not ``host:port``."""


class OptionError(ConfigError):
    """An option that does not exist, or a value that it cannot take."""


class ParameterError(ConfigError):
    """A parameter in the query of a path of the control API that does not exist, or a value that it cannot take."""


class PluginError(ConfigError):
    """A behavior, protocol or toxic that is unknown, or that cannot be loaded or registered."""


class ToxicNameError(ConfigError):
    """A name that another toxic of the proxy has already, or that none of them has."""


class StartError(VaurienError, ValueError):
    """A server or a proxy process that could not start, or a host that has no address.

    The text for a process is its own message.

    It is a `ValueError`, as in Vaurien 1.
    """

    @classmethod
    def of(cls, error: OSError | UnicodeError, address: object) -> StartError:
        """Return the error for a failed attempt to listen on *address*."""
        return cls(f'cannot listen on {address}: {find_reason(error)}')


class UnwrittenError(VaurienError):
    """A file that cannot be written with what a command has found out, because the disk is full for example."""


class WorkerError(VaurienError):
    """A change of a proxy that one of the workers does not take: all of them are as they were."""


class CapacityError(VaurienError):
    """A server of ``conntest`` that stores as much as it may."""


class RemoteError(VaurienError):
    """A server of ``conntest`` that cannot be reached, or that sends an unexpected response."""


class RegistryError(VaurienError):
    """A Eureka registry that cannot be reached, or that does not say where an application runs."""


class AnswerError(VaurienError):
    """An answer over HTTP that cannot be used.

    It is too large, has too many values, or is encoded although that was not asked for.
    """


class ControlError(VaurienError, ValueError):
    """A request that the control API rejects. It is a `ValueError`, as in Vaurien 1.

    The text is what the API says. *status* is the HTTP status, or None if there was no response. *path* is the dotted
    name of the field that the text is about, and begins with; empty if there is none.
    """

    def __init__(self, text: str, status: int | None = None, path: str = '') -> None:
        super().__init__(text)
        self.status = status
        self.path = path


class UnreachableError(ControlError):
    """No control API answers at the address."""


class UnknownProxyError(VaurienError):
    """A path of the control API that names a proxy, or a link, that does not exist."""


class AmbiguousProxyError(VaurienError):
    """A path of the control API that names no proxy while there are several."""


class NoScheduleError(VaurienError):
    """A path of the control API that is about the schedule that runs, while none does."""


class NoJournalError(VaurienError):
    """A path of the control API that is about the journal, while none is kept."""


class BusyError(VaurienError):
    """A request for what each client takes for long, while as many have it as may have it."""


class ToxiproxyError(VaurienError):
    """A request that Toxiproxy's API answers with an HTTP status and a text. *body* holds more fields of the answer."""

    def __init__(self, status: int, text: str, **body: Any) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.body = body


class BrowserError(VaurienError):
    """A request of a browser, which Toxiproxy's API does not serve."""


class SetupError(VaurienError):
    """A load test that cannot begin or go on: its module fails to import, agents fail to start, a broker is busy.

    *details* is a traceback or the output of a command, which is shown before the description.
    """

    def __init__(self, description: str, details: str = '') -> None:
        super().__init__(description)
        self.description = description
        self.details = details


class SealError(VaurienError):
    """A message between the machines of a load test that was not sealed with their secret, or that came before."""


class EndOfStreamError(OSError):
    """A peer that closed its connection in order, before it sent what was expected."""


class EndError(OSError):
    """An error of the end of a link, whatever a behavior or a protocol has done with it."""


class EndResetError(EndError, ConnectionResetError):
    """The peer has gone while something was expected from it."""


class EndShutError(EndError, BrokenPipeError):
    """The end was shut down, and takes nothing more."""


class EndTimeoutError(EndError, TimeoutError):
    """Nothing came in time."""


class HandshakeError(OSError):
    """A handshake of TLS that has failed, and why."""


class EndedError(HandshakeError):
    """A handshake of TLS that a behavior has ended."""


class OverdueError(BaseException):
    """The end of a test that takes too long. It is raised in the midst of whatever the test does."""


def find_reason(error: BaseException) -> str:
    """Return what the system says about *error*, or about an error that caused it.

    If none of them comes from the system, return the text of the innermost one.
    """
    cause: BaseException | None = error
    while cause is not None:
        error, cause = cause, cause.__cause__ or cause.__context__
        if words := getattr(error, 'strerror', None):
            reason = words.partition(' (while')[0]  # the standard library appends an address, printed as a tuple
            return f'{reason[0].lower()}{reason[1:]}'
    return str(error)


def describe_error(error: BaseException) -> str:
    """Return the type of an exception and what it says, if it can say that."""
    try:
        return f'{type(error).__name__}: {error}'
    except Exception:  # its own text is somebody's code, too
        return type(error).__name__
