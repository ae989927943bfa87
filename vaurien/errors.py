"""Every exception Vaurien raises on purpose, by whose fault it is.

VaurienError                 anything below
├── ConfigError              the caller's: a flag, a file, an API body, an argument
│   ├── AddressError         not an address
│   ├── OptionError          an option that does not exist, or a value it cannot take
│   └── PluginError          a behavior or protocol that is unknown, or cannot be loaded
├── StartError               the machine's: a process that could not start
├── RegistryError            a registry that did not name what was to be tested
└── ControlError             a running proxy refused a request
    └── UnreachableError     there is none where it was looked for
"""

from __future__ import annotations

import os


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
    """A proxy or server that could not start: the text is the process's own message."""

    @classmethod
    def of(cls, error: OSError | UnicodeError, address: object) -> StartError:
        """What an attempt to listen on *address* ended with."""
        number = getattr(error, 'errno', None) or 0
        reason = os.strerror(number) if number > 0 else getattr(error, 'strerror', None) or str(error)
        return cls(f'cannot listen on {address}: {reason[0].lower()}{reason[1:]}')


class RegistryError(VaurienError):
    """A registry was asked where an application is, and did not tell."""


class ControlError(VaurienError):
    """The control API refused a request."""


class UnreachableError(ControlError):
    """Nothing at the control API's address answers as one."""
