"""Findings in words: what happened to a request, what the application made of it, and what helps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vaurien.explore.model import CONNECTION, Explored, Injection, Outcome
from vaurien.explore.showing.findings import Finding
from vaurien.framing.trials import Kind

#: What each fault is, as the end of a sentence.
FAULTS = {
    Kind.REFUSED: 'it is not carried out and the connection is cut',
    Kind.LOST: 'it is carried out and its reply is lost',
    Kind.SILENT: 'there is no reply',
    Kind.LATE: 'the reply is late',
    Kind.HALF: 'the reply breaks off',
    Kind.NO: 'the backend says no',
}
#: What each fault of a connection is, by its kind and its detail.
CONNECTION_FAULTS = {
    (Kind.REFUSED, ''): 'the connection is refused',
    (Kind.SILENT, ''): 'the connection gets no answer',
    (Kind.REFUSED, 'in the handshake'): 'the handshake of TLS breaks off',
    (Kind.NO, 'expired certificate'): 'the certificate has expired',
}
#: The most faults that are said in words. More of them are read quicker by their names.
MOST_IN_WORDS = 2

#: The most requests that are named beside the first one.
OTHERS_MAX = 3

#: What each outcome is.
OUTCOMES = {
    Outcome.WRONG: 'the test fails: something false was kept, or said',
    Outcome.TWICE: 'the backend carried out the same write twice',
    Outcome.HUNG: 'the application did not come back in time',
    Outcome.LEAK: 'a transaction or a connection was left open',
    Outcome.STORM: 'the backend got many more requests than in a clean run',
    Outcome.LEAKED: 'an exception of the driver came through',
    Outcome.DECLARED: 'the application said no in a way that is allowed',
    Outcome.RETRIED: 'the application asked again, and got what it wanted',
    Outcome.ABSORBED: 'the test passed',
    Outcome.NOT_HIT: 'the request did not come again',
}

#: What helps, where there is something general to say.
REMEDIES = {
    Outcome.TWICE: 'Make the write repeatable, for example by an idempotency key, or do not try it again.',
    Outcome.HUNG: 'Give the client a timeout.',
    Outcome.LEAK: 'Roll back and close on the way out of an error, too: with a context manager, or in a finally.',
    Outcome.STORM: 'Wait longer before each new try, and give up after a few.',
    Outcome.LEAKED: (
        'Catch the exception where the request is made, and answer with an error of your own, '
        'which the setting allow may name.'
    ),
}

#: What gives a client a timeout, by protocol.
TIMEOUTS = {
    'http': 'Give each request a timeout: timeout= of requests and httpx.',
    'memcache': 'Give the client a timeout: timeout= of pymemcache.',
    'mysql': 'Give the connection a timeout: read_timeout and write_timeout of PyMySQL.',
    'postgres': (
        'libpq waits for a reply without end, and neither statement_timeout nor tcp_user_timeout changes that: '
        'use command_timeout of asyncpg, or asyncio.timeout() around psycopg.'
    ),
    'redis': 'Give the client a timeout, and few retries: socket_timeout and retry of redis-py.',
    'smtp': 'Give the client a timeout: timeout= of smtplib and aiosmtplib.',
}

#: What gives a client a timeout for connecting, by protocol.
CONNECT_TIMEOUTS = {
    'http': 'Give each request a timeout that holds for connecting, too: timeout= of requests and httpx.',
    'memcache': 'Give connecting a timeout: connect_timeout of pymemcache.',
    'mysql': 'Give connecting a timeout: connect_timeout of PyMySQL.',
    'postgres': 'Give connecting a timeout: connect_timeout of libpq and psycopg, timeout of asyncpg.',
    'redis': 'Give connecting a timeout, and few retries: socket_connect_timeout and retry of redis-py.',
    'smtp': 'Give connecting a timeout: timeout= of smtplib and aiosmtplib.',
}


def describe_place(finding: Finding) -> str:
    """Return where it is first: ``http: POST /charge``."""
    return str(finding.places[0])


def list_others(finding: Finding) -> list[tuple[str, str]]:
    """Return the other requests that it is about, each with the line that asked if that is another one, up to a few."""
    others = [(str(place), place.where if place.where != finding.where else '') for place in finding.places[1:]]
    more = others[OTHERS_MAX:]
    return [*others[:OTHERS_MAX], *([(count(len(more), 'more request'), '')] if more else [])]


def describe_fault(injections: Iterable[Injection]) -> str:
    """Return what happens to the requests of a cell: ``it is carried out and its reply is lost``."""
    return ' while '.join(map(_describe_one, injections))


def describe_faults(finding: Finding) -> str:
    """Return when it happens: ``if the reply breaks off``, or the names of the faults if there are more than two."""
    injections = [one for _, cell in finding.cells for one in cell.injections]
    kinds = [kind for kind in Kind if any(one.kind is kind for one in injections)]
    is_in_words = len(kinds) <= MOST_IN_WORDS
    parts = []
    for kind in kinds:
        # How late a reply was, and where it broke off, is a matter of the reply.
        same = [one for one in injections if one.kind is kind]
        of_requests = [one for one in same if not is_in_words or one.request != CONNECTION]
        details = [one.detail for one in of_requests if kind is Kind.NO and one.detail]
        name = FAULTS[kind] if is_in_words else kind.value
        if of_requests:
            parts.append(f'{name} ({join(list(dict.fromkeys(details)))})' if details else name)
        parts += dict.fromkeys(_describe_kind(one) for one in same if one not in of_requests)
    ever = ', each time' if all(one.for_ever for one in injections) else ''
    return f'if {", or ".join(parts)}{ever}' if is_in_words else f'under {join(parts)}{ever}'


def summarize(finding: Finding) -> str:
    """Return in one text when it happens, what happens then, and what helps."""
    what = finding.messages or [OUTCOMES[finding.cause]]
    more = f' (and {count(len(what) - 1, "other message")})' if what[1:] else ''
    return ' '.join(filter(None, [f'{describe_faults(finding)}: {what[0].rstrip(".")}{more}.', find_remedy(finding)]))


def find_remedy(finding: Finding) -> str:
    """Return what helps; empty if that is a matter of the application alone."""
    if finding.cause is Outcome.HUNG:
        if finding.places[0].request == CONNECTION:
            return CONNECT_TIMEOUTS.get(finding.protocol, 'Give connecting a timeout.')
        return TIMEOUTS.get(finding.protocol, REMEDIES[Outcome.HUNG])
    return REMEDIES.get(finding.cause, '')


def describe_apart(test: Explored) -> str:
    """Return which of its proxies were left to the *test*, and why; empty if none was."""
    if not test.apart:
        return ''
    return f'not explored: {join(list(test.apart))}, for the test watches that itself, or chooses its faults'


def join(parts: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    return ' and '.join(filter(None, [', '.join(parts[:-1]), *parts[-1:]]))


def count(number: int, noun: str) -> str:
    """Return ``1 test`` or ``2 tests``."""
    return f'{number} {noun}' if number == 1 else f'{number} {noun}s'


def _describe_one(injection: Injection) -> str:
    return f'{_describe_kind(injection)}{", each time" if injection.for_ever else ""}'


def _describe_kind(injection: Injection) -> str:
    """Return what happens to a request, or to a connection, with the details."""
    if injection.request == CONNECTION and (words := CONNECTION_FAULTS.get((injection.kind, injection.detail))):
        return words
    return FAULTS[injection.kind] + (f' ({injection.detail})' if injection.detail else '')
