"""Every exception Vaurien raises on purpose, by whose fault it is.

VaurienError                 anything below
├── ConfigError              the caller's: a flag, a file, an API body, an argument
│   ├── AddressError         not an address
│   ├── OptionError          an option that does not exist, or a value it cannot take
│   └── PluginError          a behavior or protocol that is unknown, or cannot be loaded
├── StartError               the machine's: a server or proxy process that could not start
├── CapacityError            a server keeps as much as it may
├── RemoteError              a server that is tested is not there, or answers what it should not
├── RegistryError            a registry that did not name what was to be tested
└── ControlError             a running proxy refused a request
    └── UnreachableError     there is none where it was looked for
"""

from __future__ import annotations


class VaurienError(Exception):
    """The base of every error below; never raised itself."""


class ConfigError(VaurienError):
    """A setting that cannot be used. ``path`` names the field, dotted, when it is known."""

    def __init__(self, description: str, path: str = '') -> None:
        super().__init__(f'{path}: {description}' if path else description)
        self.description = description
        self.path = path

    def within(self, prefix: str) -> ConfigError:
        """The same error, seen from one level further out."""
        path = f'{prefix}.{self.path}' if self.path else prefix
        return type(self)(self.description, path)


class AddressError(ConfigError):
    """A text that is not ``host:port``."""


class OptionError(ConfigError):
    """An option that does not exist, or a value that it cannot take."""


class PluginError(ConfigError):
    """A behavior or protocol that is not known, or that cannot be loaded or registered."""


class StartError(VaurienError):
    """A server or proxy that could not start: the text is the process's own message."""

    @classmethod
    def of(cls, error: OSError | UnicodeError, address: object) -> StartError:
        """What an attempt to listen on *address* ended with."""
        return cls(f'cannot listen on {address}: {find_reason(error)}')


class CapacityError(VaurienError):
    """A server keeps as much as it may, and takes no more."""


class RemoteError(VaurienError):
    """A server that is tested is not there, or answers what it should not."""


class RegistryError(VaurienError):
    """A registry was asked where an application is, and did not tell."""


class ControlError(VaurienError):
    """The control API refused a request: the text is its own, ``status`` the HTTP status, where there is one."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class UnreachableError(ControlError):
    """Nothing at the control API's address answers as one."""


def find_reason(error: BaseException) -> str:
    """The system's words, from somewhere down the chain of errors; the last one's own if there are none."""
    cause: BaseException | None = error
    while cause is not None:
        error, cause = cause, cause.__cause__ or cause.__context__
        if words := getattr(error, 'strerror', None):
            reason = words.partition(' (while')[0]  # the standard library goes on with an address, as a tuple
            return f'{reason[0].lower()}{reason[1:]}'
    return str(error)
