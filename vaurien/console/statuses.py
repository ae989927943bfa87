"""What the exit status of each command says: in all of them, 1 is for what has failed, and 2 for a mistake."""

from __future__ import annotations

from typing import NamedTuple

#: The exit status of Ctrl-C: 128 + SIGINT, as shells have it.
INTERRUPTED = 130

_MISTAKE = 'a flag or a file has a mistake'
_UNWRITTEN = 'the output cannot be written'


class Statuses(NamedTuple):
    """When a command ends with 0, with 1 and with 2."""

    done: str
    failed: str
    mistaken: str = _MISTAKE
    interrupted: str = 'Ctrl-C'


STATUSES = {
    'vaurien': Statuses('Ctrl-C or SIGTERM has ended it', 'it cannot start', interrupted='the second Ctrl-C'),
    'vaurien explore': Statuses(
        'there is nothing new to mend',
        'there is, or the command fails without a fault, or a fault of --fault met no request',
        'a flag or a file has a mistake, or the command cannot be run',
        'Ctrl-C, after what was found out until then',
    ),
    'vaurien report': Statuses('the page is written', _UNWRITTEN),
    'vaurien check': Statuses('all files are right', _UNWRITTEN),
    'vaurien completion': Statuses('the script is printed', _UNWRITTEN),
    'vaurien schema': Statuses('the schema is printed', _UNWRITTEN),
    'vaurienctl': Statuses('it is done', 'no control API answers', 'a flag has a mistake, or the API rejects it'),
    'conntest': Statuses(
        'all that was sent arrived and was answered',
        'something did not arrive, or the server does not answer',
        interrupted='Ctrl-C, after the report on the runs until then',
    ),
    'tcpgoon': Statuses(
        'all connections were established and, with --hold, stayed so',
        'some failed, or it was declined at the question, or cannot begin',
        interrupted='Ctrl-C, after the results until then',
    ),
    'loads-runner': Statuses(
        'all is well',
        'errors, failures, lost agents, missing hits or none that ended; or it cannot begin',
        interrupted='Ctrl-C, after the results until then',
    ),
    'loads-agent': Statuses('Ctrl-C or SIGTERM has ended it', 'it cannot start', interrupted='the second Ctrl-C'),
    'loads-broker': Statuses('Ctrl-C or SIGTERM has ended it', 'it cannot start', interrupted='the second Ctrl-C'),
}


def describe_statuses(command: str) -> str:
    """Return what the exit status of a command says, for its help."""
    done, failed, mistaken, interrupted = STATUSES[command]
    rows = {0: done, 1: failed, 2: mistaken, INTERRUPTED: interrupted}
    return '\n'.join(['exit status:', *(f'  {status:<5}{text}' for status, text in rows.items() if text)])
