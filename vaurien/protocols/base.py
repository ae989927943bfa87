"""What a protocol is: it takes bytes and returns marks, and knows what a fault has to know.

A protocol object belongs to one link and is sans-IO: it is fed what arrives on each stream and says where messages
end. It never sees a socket or a clock. Positions count the bytes of a stream since the link was opened; those of the
upstream count what `feed_upstream` returned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from random import Random
from typing import Any, ClassVar

from vaurien.errors import OptionError
from vaurien.framing.effects import Effects as Effects, Unanswered as Unanswered
from vaurien.framing.error_reply import INJECTED as INJECTED, ErrorReply as ErrorReply
from vaurien.framing.finder import Bytes, Finder as Finder
from vaurien.framing.head import MAX_HEAD as MAX_HEAD, TEXT_MAX as TEXT_MAX, escape as escape
from vaurien.framing.malformation import Malformation as Malformation
from vaurien.framing.marks import (
    END as END,
    GREETING as GREETING,
    HEAD as HEAD,
    INTERIM as INTERIM,
    LAST_OPENING as LAST_OPENING,
    NOTHING as NOTHING,
    OPAQUE as OPAQUE,
    PART as PART,
    PROMPT as PROMPT,
    REPLY as REPLY,
    REQUEST as REQUEST,
    STATEMENT as STATEMENT,
    UNANSWERED as UNANSWERED,
    UPGRADE as UPGRADE,
    Mark as Mark,
    Opaque as Opaque,
)
from vaurien.framing.meaning import (
    Effect as Effect,
    Meaning as Meaning,
    ReplyClass as ReplyClass,
    ReplyMeaning as ReplyMeaning,
)
from vaurien.framing.parts import Part as Part, Refusal as Refusal
from vaurien.framing.trials import USUAL_TRIALS as USUAL_TRIALS, Kind as Kind, Trial as Trial
from vaurien.native.course import Course as Course
from vaurien.plugins.end import End
from vaurien.plugins.options import Configurable, Option
from vaurien.plugins.place import Place


class BaseProtocol(Configurable):
    """The messages, exchanges and errors of one link.

    Subclasses override the ``feed_`` methods, `describe` and `error`; or `_handle` alone, to move the bytes themselves.
    """

    #: Whether it looks at no bytes at all, as ``tcp`` does: a link needs it only while something is armed.
    is_opaque: ClassVar[bool] = False

    #: Whether an open connection may be moved to another backend between two exchanges without the client noticing.
    stateless: ClassVar[bool] = False

    #: Whether the text of a request is in its bytes alone, on whichever link they come.
    describes_alike: ClassVar[bool] = False

    #: Whether there is one reply for each request, in their order.
    ordered: ClassVar[bool] = True

    #: Whether the backend may still be at work on a request when it begins to reply.
    works_while_replying: ClassVar[bool] = False

    #: Whether the backend always speaks first, and the client is to wait for it.
    greets: ClassVar[bool] = False

    #: What to do for messages that can be read, if a client and the backend have agreed on TLS or the like.
    to_be_readable: ClassVar[str] = 'have Vaurien speak TLS (--tls auto), or the client connect without it'

    #: What it is called where a client and a server choose among protocols as they begin TLS (ALPN, RFC 7301), its best
    #: version first. None: it reads no messages, and any protocol will do.
    alpn: ClassVar[Sequence[str] | None] = ()

    #: Whether requests have a place in which they may ask for faults: then it has `find_asked`.
    takes_addressed: ClassVar[bool] = False

    #: Whether clients tell it what they are called: then it has `client_name`.
    names_clients: ClassVar[bool] = False

    #: What it has to be as well where TLS begins inside of it, at a request for that: an `Upgrading`. None: it has no
    #: such request.
    upgrading: ClassVar[type[BaseProtocol] | None] = None

    #: What its errors are made of, declared as `options` are. The behavior ``error`` has these options, and gives those
    #: that are chosen to `error`, by name.
    error_options: ClassVar[Mapping[str, Option]] = {}

    #: What places in its replies are counted by, beside bytes.
    reply_units: ClassVar[Sequence[str]] = ()

    #: Whether it has an error that may come in the middle of a reply, behind one of its own units.
    breaks_off: ClassVar[bool] = False

    #: What may be wrong with the form of its replies, for the behavior ``malformed``.
    malformations: ClassVar[Mapping[str, type[Malformation]]] = {}

    #: The name that the ``feed_`` methods of this class have in `vaurien.native`, compiled; empty: none are.
    twin: ClassVar[str] = ''

    #: Which faults are worth trying on its requests, to find out whether an application survives them.
    trials: ClassVar[Sequence[Trial]] = USUAL_TRIALS

    #: Why the framing ended, once an OPAQUE mark was given.
    opaque: Opaque | None = None
    #: How many of the next bytes of a stream belong to a body. A chunk of fewer bytes need not be fed: the link calls
    #: `skip_upstream` or `skip_downstream` instead. Attributes, because they are read for every chunk.
    upstream_body = 0
    downstream_body = 0
    #: The head of the request that a behavior is applied to, from `begin_fault`.
    request = b''
    #: Where it begins in the upstream.
    request_at = 0
    #: If that is a statement in a request of several: what is before it in the same message, `split` says what. Empty:
    #: everything before it went on. None: it is all of the request, or the beginning.
    lead: bytes | None = None
    _chance = ''
    #: Whether what was fed behind `request` was taken for something else than it is after the error: the link calls
    #: `rewind`, and feeds it again.
    misread = False
    #: Whether the backend can take back what it does for `request`. The reply is then kept until it has ended, but for
    #: parts for which the client may wait.
    is_guarding = False
    #: Whether the backend has said that it reads no more requests. One that waits for its turn gets no behavior.
    backend_leaves = False
    #: Whether `edit_downstream` is to be called.
    edits = False
    #: Whether the error is only a part of the reply: the request goes on, and `amend` is called with its reply.
    amends = False

    @classmethod
    def handles(cls) -> bool:
        """Return whether it moves the bytes itself, in `_handle`."""
        return cls._handle is not BaseProtocol._handle

    @classmethod
    def marks(cls) -> bool:
        """Return whether its replies have a place for the name of a behavior: then it has `mark_fault`."""
        return cls.mark_fault is not BaseProtocol.mark_fault

    @cached_property
    def random(self) -> Random:
        """The source of chance for the reply to `request`: with the same seed it gives the same again."""
        return Random(self._chance)

    def begin_fault(self, request: bytes, chance: str, position: int = 0, lead: bytes | None = None) -> None:
        """Prepare for a behavior that is about to be applied to *request*, which begins at *position*.

        *chance* is the seed of `random`. See `lead` for that.
        """
        self.request = request
        self.lead = lead
        self.request_at = position
        self.is_guarding = False
        self._chance = chance
        vars(self).pop('random', None)

    def mark_fault(self, behavior: str) -> None:
        """Name a *behavior* in the reply to `request`, if that is possible without changing what the reply is."""

    def unmark_fault(self) -> None:
        """Mark no reply of the backend: `request` has not gone on."""

    def edit_downstream(self, data: bytes) -> bytes:
        """Take what the backend sent; return what is to be fed of it, and goes on."""
        return data

    def take_unread(self) -> bytes:
        """Return what was not given back by `edit_downstream`: there will not be more of it."""
        return b''

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """Take what the client sent; return what goes on, and the marks in it. An incomplete head is held back.

        What follows a request that ends the connection, such as QUIT, has no marks: the backend does not read it.
        """
        return data, NOTHING

    def end_upstream(self) -> bytes:
        """Return what was held back, because the client will send no more."""
        return b''

    def skip_upstream(self, count: int) -> None:
        """Account for the next *count* bytes, fewer than `upstream_body`, which go on upstream without being fed."""
        self.upstream_body -= count

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """Take what the backend sent, all of which goes on; return the marks in it."""
        return NOTHING

    def skip_downstream(self, count: int) -> None:
        """Account for the next *count* bytes, fewer than `downstream_body`, which go on without being fed."""
        self.downstream_body -= count

    def withdraw(self) -> None:
        """Expect no reply to the oldest request without one: it never reached the backend."""

    def describe(self, request: bytes) -> str:
        """Return a request's head as a short text without secrets, for matching and logs: ``GET /orders/7``."""
        return f'{len(request)} bytes'

    def find_asked(self, request: bytes) -> str:
        """Return the text of the faults that *request* itself asks for, ``error(code=503)``; nothing if of none.

        It is called behind `describe` for what does not describe itself.
        """
        return ''

    def client_name(self, request: bytes) -> str:
        """Return what the client calls itself that sends *request*; nothing if it has not said so."""
        return ''

    def traceparent(self, request: bytes) -> str:
        """Return the trace context that *request* carries, as `framing.traceparent` finds it; nothing if none."""
        return ''

    def meaning(self, request: bytes, text: str) -> Meaning:
        """Return what *request*, of which there is at least the head, does to the backend. Its *text* is known.

        It is called once for each request, in their order, behind `describe`. The default claims nothing: the request
        may change something, and nobody can tell whether twice is worse than once.
        """
        return Meaning(Effect.WRITE if request else Effect.CONNECT)

    def reply_meaning(self, head: bytes, tail: bytes, meaning: Meaning) -> ReplyMeaning:
        """Return what a whole reply says of its request, which has that *meaning*.

        *head* and *tail* are its first and its last `SHOWN_OF_REPLY` bytes; a shorter reply is all there in both.
        """
        return ReplyMeaning(ReplyClass.OK)

    def find_middle(self, head: bytes, size: int) -> int:
        """Return after how many bytes a reply of that *size* is to break off for its client to notice; 0: it has none.

        *head* is its first `SHOWN_OF_REPLY` bytes.
        """
        return size // 2

    @classmethod
    def check_error(cls, choice: Mapping[str, Any]) -> None:
        """Raise `OptionError`, when an error is armed, for a *choice* that errors of this protocol do not have."""
        known = cls.all_options('error_options')
        for name in choice:
            if name not in known:
                options = f'no such option, only {", ".join(known)}' if known else 'no options'
                raise OptionError(f'errors of {cls.name} have {options}', name)

    @classmethod
    def check_place(cls, place: Place | None) -> None:
        """Raise `OptionError`, when it is armed, for a *place* that replies of this protocol do not have."""
        units = ('bytes', *cls.reply_units)
        if place is not None and place.unit and place.unit not in units:
            raise OptionError(f'replies of {cls.name} are counted by {", ".join(units)}, not by {place.unit}', 'after')

    @classmethod
    def check_break(cls, place: Place | None) -> None:
        """Raise `OptionError`, when it is armed, for a *place* behind which this protocol has no error."""
        if place is None:
            return
        if not cls.breaks_off:
            raise OptionError(f'{cls.name} has no error in the middle of a reply', 'after')
        if place.unit not in cls.reply_units:
            raise OptionError(f'an error of {cls.name} comes behind {", or ".join(cls.reply_units)}', 'after')

    def find(self, place: Place) -> Finder:
        """Return what finds a *place*, counted by one of the `reply_units`, in the reply to `request`."""
        return Bytes(place.number)

    def error(self, *args: Any, **choice: Any) -> ErrorReply:
        """Return an error in reply to `request`, which is empty where the backend speaks first.

        Subclasses take their `error_options` by name. What is not given is the protocol's usual error, or left to
        chance.
        """
        return ErrorReply(self.random.randbytes(1000))

    def close_behind(self, reply: ErrorReply) -> ErrorReply:
        """Return an error *reply* behind which the connection closes."""
        return reply if reply.closes else reply._replace(closes=True, whole=reply.waits)

    def would_fail(self, *args: Any, **choice: Any) -> bool:
        """Return whether a server could answer `request` with the error of that *choice*, as things stand.

        False: the request passes. In a transaction of PostgreSQL that has failed, the server has an error of its own.
        """
        return True

    def effects(self, *args: Any, **choice: Any) -> Effects:
        """Bring the backend to where it would be, had it answered `request` with the error of that *choice*.

        Yield requests for it, such as a ROLLBACK; each is sent on the same connection, and its reply comes back. Before
        each, the protocol has to expect that reply as the next one, or yields `Unanswered`. Return what the client is
        to see of the replies. An error that closes the connection has no other effects, unless it is
        `ErrorReply.whole`.
        """
        yield from ()
        return b''

    # What protocols need whose quick way has a compiled twin. It finds ordinary messages without asking the protocol
    # object, which is told afterwards. Whatever is not ordinary is fed as always.

    @classmethod
    def find_twin(cls) -> str:
        """Return the `twin` of this class; nothing if it has none, or overrides what that was made after."""
        return str(cls._find_unless('twin', 'feed_upstream', 'feed_downstream') or '')

    @classmethod
    def has_texts_alike(cls) -> bool:
        """Return `describes_alike` of this class; False if it overrides what that was said of."""
        return bool(cls._find_unless('describes_alike', 'describe'))

    @classmethod
    def _find_unless(cls, name: str, *methods: str) -> object:
        """Return the attribute of that *name*; None if a class below the one that has it overrides these *methods*."""
        for base in cls.__mro__:
            if name in vars(base):
                return vars(base)[name]
            if any(method in vars(base) for method in methods):
                break
        return None

    @property
    def ordinary(self) -> Course | None:
        """Where the twin is to begin. None: something is open or outstanding that only the protocol object knows."""
        return None

    def advance(self, up: int, down: int, course: Course) -> None:
        """Be where the twin is now: so many bytes have gone on *up* and *down* since `ordinary` was asked for."""

    # What protocols need of which one request may be made of several statements.

    def split(self, request: bytes) -> Sequence[Part]:
        """Return the statements that the message *request* has, at least one."""
        return (Part(request),)

    def mark_statements(self, wanted: bool) -> None:
        """Mark with STATEMENT from now on, or no longer, where a further statement begins in a request of messages."""

    def refuse(self) -> Refusal:
        """Return what has the backend refuse `request`, which comes behind a `lead`.

        The protocol has to expect the reply to that as the next one.
        """
        raise NotImplementedError

    # What protocols need that have an error in the middle of a reply.

    def guard(self) -> Effects:
        """Have the backend be ready to take back what `request` is about to do; set `is_guarding` if that is needed.

        Yield requests for it, as `effects` does.
        """
        yield from ()
        return b''

    def keep(self, reply: bytes) -> Effects:
        """Have the backend keep what it has done, for no error came; return what the client gets for the *reply*."""
        yield from ()
        return reply

    def take_back(self, *args: Any, **choice: Any) -> Effects:
        """Bring the backend to where it would be, had `request` failed with that *choice* in the middle of its reply.

        It has carried out the request. Return what the client is to see before the error.
        """
        yield from ()
        return b''

    def break_off(self, finder: Finder, *args: Any, **choice: Any) -> ErrorReply:
        """Return an error in the place of what comes behind the place that *finder* has found in the reply."""
        raise NotImplementedError

    # What few protocols need. Each hook is here for one or two of them, because bytes and marks do not tell everything
    # that these have to know. The defaults are right for all others.

    def set_backend(self, backend: str) -> None:
        """Take the backend of the link, ``host:port``, when it is known and when it changes.

        HTTP writes it into Host headers.
        """

    def end_downstream(self) -> Sequence[Mark]:
        """Return the marks that the end of the backend's stream brings.

        It ends a reply of HTTP without a length, and one of PostgreSQL that a fatal error has cut short.
        """
        return NOTHING

    @property
    def is_replying(self) -> bool:
        """Whether a reply is known to have begun, and has not ended.

        In HTTP, one may begin before its request has ended.
        """
        return False

    def on_prompted(self) -> None:
        """Note that the client was asked for the rest of `request` in the backend's place.

        In SMTP, a message follows.
        """

    def amend(self, reply: bytes) -> bytes:
        """Put the error into the *reply* to `request`.

        In LMTP, a message has a reply for each recipient.
        """
        return reply

    def on_dropped(self, begin: int, end: int) -> None:
        """Note that the backend never gets what the client has sent between two positions.

        In PostgreSQL, what is prepared there is not.
        """

    def rewind(self, position: int) -> None:
        """Be as if everything up to *position* of the upstream had been answered, and nothing fed behind it.

        It is called after `effects` has set `misread`. In Redis, what is behind a MULTI that was refused is carried out
        at once.
        """

    def on_reached(self, position: int) -> None:
        """Go to *position* of the upstream, where the request begins that is described next; no earlier one will be.

        In MySQL and PostgreSQL, what the name of a prepared statement stands for depends on it.
        """

    def describes_itself(self, request: bytes) -> bool:
        """Return whether the text of *request* is in its bytes alone, and so is the same whenever it is asked for.

        Not so for what executes a prepared statement of MySQL or PostgreSQL.
        """
        return True

    def _handle(self, source: End, dest: End, to_backend: bool) -> bool | None:
        """Move bytes from *source* to *dest*; called in a greenlet whenever *source* has something to read.

        Return ``False`` to end the link.
        """
        raise NotImplementedError

    def _get_data(self, sock: End, buffer: int = 8124) -> bytes:
        """Return up to *buffer* bytes of what has arrived at *sock*; ``b''`` at the end. It is for `_handle`."""
        return sock.recv(buffer)
