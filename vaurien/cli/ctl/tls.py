"""The settings of TLS of a proxy that is created: the flags of ``vaurien``. Files are read here, and sent as text."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, get_type_hints

from vaurien.cli.ctl.command import Argument, argument
from vaurien.cli.groups import GROUPS
from vaurien.errors import OptionError
from vaurien.plugins.options import convert
from vaurien.settings import AUTO, TLSSettings
from vaurien.toxiproxy.fields import PEM_FIELDS

_TYPES = get_type_hints(TLSSettings, include_extras=True)
#: The flags by the name of the setting. The API has no file written.
_FLAGS = {
    name.replace('-', '_'): (f'--{name}', placeholder, text)
    for name, placeholder, text in GROUPS['TLS']
    if name not in ('tls-ca-file', 'tls-keylog')
}
#: How a flag is declared that may have no value.
_SWITCH = {'nargs': '?', 'const': 'true'}


def declare_flags() -> tuple[Argument, ...]:
    """Return the flags, of which none has a default."""
    return tuple(
        argument(flag, metavar=placeholder, help=text, **(_SWITCH if _TYPES[name] is bool else {}))
        for name, (flag, placeholder, text) in _FLAGS.items()
    )


def read_flags(arguments: Namespace) -> dict[str, Any]:
    """Return the settings that are given, with what is in the files in place of their names. Raise `ConfigError`."""
    given: dict[str, Any] = {}
    for name, (flag, *_) in _FLAGS.items():
        value = getattr(arguments, name)
        if value is not None:
            try:
                given[name] = convert(value, _TYPES[name], text=True)
            except OptionError as error:
                raise error.within(flag) from None
            if name in PEM_FIELDS and given[name] != AUTO:
                given[name] = _read_files(given[name], flag)
    return given


def _read_files(paths: str, flag: str) -> str:
    """Return what is in ``FILE``, or in ``CERT:KEY``."""
    from vaurien.tls.certificates import read_pem  # late: TLS takes 10 ms, and few commands read files

    files = TLSSettings(proxy_tls=paths).split_certificate() if flag == '--proxy-tls' else (paths,)
    return ''.join(f'{read_pem(file, flag).decode("ascii", "backslashreplace")}\n' for file in files if file)
