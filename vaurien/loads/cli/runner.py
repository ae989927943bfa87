"""The command ``loads-runner``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vaurien.console.output import fail, flush
from vaurien.errors import ConfigError, SetupError, StartError
from vaurien.loads.cli.flags import parse


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv* (without the command's name) and return its exit status, as its help tells.

    The engine, which patches the standard library, is imported only once the flags are read, and before anything that
    opens connections.
    """
    from vaurien.loads.users.patching import prepare

    try:
        settings = parse(sys.argv[1:] if argv is None else argv)
        prepare(no_patching=settings.no_patching)
        del sys.argv[1:]  # Locust's web page would read it
        from vaurien.loads.cli.drive import drive

        return drive(settings)
    except SetupError as error:
        print(error.details, end='' if error.details.endswith('\n') else '\n' * bool(error.details), file=sys.stderr)
        return fail('loads-runner', error, 1)
    except ConfigError as error:
        return fail('loads-runner', error, 2)
    except StartError as error:
        return fail('loads-runner', error, 1)
    except KeyboardInterrupt:  # before there is anything to end in order
        return 130
    finally:
        flush()


if __name__ == '__main__':
    sys.exit(main())
