"""What passes between client, Vaurien and backend when a behavior is drawn: the data of the pictures.

Each behavior is shown in the case that it is known for. What its options change, ``behaviors.md`` says in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple


class Party(IntEnum):
    """Someone who takes part, from left to right."""

    CLIENT = 0
    VAURIEN = 1
    BACKEND = 2


class Message(NamedTuple):
    """An arrow. One between client and backend passes Vaurien."""

    source: Party
    target: Party
    text: str
    #: Whether it is what Vaurien does in the backend's place.
    is_fault: bool = False
    #: Whether it does not arrive: it gets lost on the last part of its way.
    is_lost: bool = False


class Wait(NamedTuple):
    """A bar: the time in which someone waits."""

    who: Party
    text: str
    is_fault: bool = False
    #: How many of the rows below it also happen meanwhile.
    rows_below: int = 0


class Picture(NamedTuple):
    """The rows of a picture from top to bottom, and what they show, in one sentence."""

    summary: str
    rows: Sequence[Sequence[Message | Wait]]


CLIENT, VAURIEN, BACKEND = Party

REQUEST = Message(CLIENT, BACKEND, 'request')
SWALLOWED = REQUEST._replace(is_lost=True)
REPLY = Message(BACKEND, CLIENT, 'reply')
ERROR = Message(VAURIEN, CLIENT, 'error', is_fault=True)
SYN = Message(CLIENT, VAURIEN, 'SYN')
IGNORED = SYN._replace(is_lost=True)
#: What does not arrive as long as Vaurien does not read.
LATE_REPLY = Message(BACKEND, VAURIEN, 'reply', is_lost=True)
PIECE = Message(VAURIEN, CLIENT, 'a piece of the reply')
#: The end of a link, as both sides see it.
CLOSED = (Message(VAURIEN, CLIENT, 'FIN', is_fault=True), Message(VAURIEN, BACKEND, 'FIN', is_fault=True))

PICTURES: Mapping[str, Picture] = {
    'abort': Picture(
        'The backend gets the request and replies, and the client gets a closed connection in place of the reply.',
        ([REQUEST], [REPLY._replace(is_lost=True)], CLOSED),
    ),
    'blackout': Picture(
        'The request does not reach the backend, and the connection is closed at once.',
        ([SWALLOWED], CLOSED),
    ),
    'certificate': Picture(
        'The client begins TLS, is shown a wrong certificate, and ends the connection with an alert.',
        (
            [Message(CLIENT, VAURIEN, 'ClientHello')],
            [Message(VAURIEN, CLIENT, 'certificate, expired', is_fault=True)],
            [Message(CLIENT, VAURIEN, 'alert')],
            [Message(CLIENT, BACKEND, 'FIN')],
        ),
    ),
    'connect_timeout': Picture(
        'The client asks for a connection again and again, and gets no answer until it gives up.',
        (
            [IGNORED],
            [Wait(CLIENT, '1 s')],
            [IGNORED],
            [Wait(CLIENT, '2 s')],
            [IGNORED],
            [Wait(CLIENT, 'until the client gives up', is_fault=True)],
        ),
    ),
    'delay': Picture(
        'The request waits in Vaurien for a while, and then passes to the backend, whose reply passes at once.',
        (
            [REQUEST._replace(target=VAURIEN)],
            [Wait(VAURIEN, 'sleep', is_fault=True)],
            [REQUEST._replace(source=VAURIEN)],
            [REPLY],
        ),
    ),
    'dribble': Picture(
        'The backend replies at once, and the client gets the reply in pieces, with a wait before each.',
        (
            [REQUEST],
            [REPLY._replace(target=VAURIEN)],
            [Wait(VAURIEN, 'size of the piece / rate', is_fault=True)],
            [PIECE],
            [Wait(VAURIEN, 'size of the piece / rate', is_fault=True)],
            [PIECE._replace(text='the last piece')],
        ),
    ),
    'dummy': Picture(
        'The request passes to the backend, and the reply passes to the client.',
        ([REQUEST], [REPLY]),
    ),
    'error': Picture(
        'The request does not reach the backend, the client gets an error, and the next request passes.',
        ([SWALLOWED], [ERROR], [REQUEST._replace(text='next request')], [REPLY]),
    ),
    'hang': Picture(
        'The request does not reach the backend, and the client gets nothing until it gives up.',
        (
            [SWALLOWED],
            [Wait(CLIENT, 'until the client gives up', is_fault=True)],
            [Message(CLIENT, BACKEND, 'FIN')],
        ),
    ),
    'hold': Picture(
        'The request waits in Vaurien until somebody decides, and then passes to the backend, whose reply passes.',
        (
            [REQUEST._replace(target=VAURIEN)],
            [Wait(VAURIEN, 'until somebody decides', is_fault=True)],
            [REQUEST._replace(source=VAURIEN)],
            [REPLY],
        ),
    ),
    'malformed': Picture(
        'The backend replies, and the client gets a reply whose form is wrong, and then a closed connection.',
        (
            [REQUEST],
            [REPLY._replace(target=VAURIEN), Message(VAURIEN, CLIENT, 'malformed reply', is_fault=True)],
            CLOSED,
        ),
    ),
    'refuse': Picture(
        'The client asks for a connection and is refused at once.',
        ([SYN], [Message(VAURIEN, CLIENT, 'RST', is_fault=True)]),
    ),
    'slow_accept': Picture(
        'The client is connected and sends a request, which waits until Vaurien connects to the backend.',
        (
            [SYN],
            [Message(VAURIEN, CLIENT, 'SYN, ACK')],
            [REQUEST._replace(target=VAURIEN)],
            [Wait(VAURIEN, 'delay', is_fault=True)],
            [Message(VAURIEN, BACKEND, 'SYN')],
            [Message(BACKEND, VAURIEN, 'SYN, ACK')],
            [REQUEST._replace(source=VAURIEN)],
            [REPLY],
        ),
    ),
    'transient': Picture(
        'The first three requests get an error and do not reach the backend, and from the fourth on they pass.',
        (
            [SWALLOWED._replace(text='requests 1 to 3')],
            [ERROR._replace(text='three errors')],
            [REQUEST._replace(text='request 4')],
            [REPLY],
        ),
    ),
    'unplug': Picture(
        'While it is armed, neither side hears anything of the other; then everything goes on, and nothing is lost.',
        (
            [REQUEST],
            [Wait(VAURIEN, 'while it is armed', is_fault=True, rows_below=1)],
            [REQUEST._replace(target=VAURIEN, text='next request', is_lost=True), LATE_REPLY],
            [REPLY],
            [REQUEST._replace(text='next request')],
            [REPLY._replace(text='its reply')],
        ),
    ),
}
