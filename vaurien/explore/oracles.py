"""What only a proxy sees that understands the protocol: writes that came twice, storms of retries, what is left open.

None of these needs an assertion in the test.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from vaurien.explore.learning import Learned, Name, count, find_name
from vaurien.framing.meaning import Effect, ReplyClass, TransactionState
from vaurien.records.entry import Entry

#: More than this many times the requests of a clean run are a storm, if more of them are retries than is usual.
STORM, USUAL_RETRIES = 3, 5
#: So many retries in a row are one, too, if there is a shorter pause than this before each, in seconds.
HASTY, PAUSE = 3, 0.02

_IN_TRANSACTION = (TransactionState.OPEN, TransactionState.FAILED)


def find_twice(entries: Sequence[Entry], learned: Learned) -> dict[Name, int]:
    """Return the writes that backends have carried out more often than in a clean run, and how often.

    They have the same bytes, but for numbers and identifiers. In a clean run, too, there may be several of those.
    """
    usual: Counter[tuple[Name, str]] = Counter()
    most: Counter[Name] = Counter()
    for (name, digest), same in _group(find_carried_out(learned.clean.entries, learned)).items():
        usual[name, digest] = len(same)
        most |= Counter({name: len(same)})
    retried = find_retries(entries, learned)
    #: Those that backends refuse in a clean run, and of which the replies are lost now.
    denied = _count_denied(learned.clean.entries) - _count_denied(entries)
    twice: dict[Name, int] = {}
    for (name, digest), same in _group(find_carried_out(entries, learned)).items():
        times = len({entry.key or number for number, entry in enumerate(same)})  # those with one key are one
        allowed = usual.get((name, digest), most[name]) + min(denied[name], sum(one.reply is None for one in same))
        if name in retried and times > max(1, allowed):
            twice[name] = times
    return twice


def find_carried_out(entries: Sequence[Entry], learned: Learned) -> Iterator[Entry]:
    """Yield the writes that backends have carried out for good, but for those that may be carried out again."""
    implicit = {find_name(entry) for entry in learned.clean.entries if entry.transaction in _IN_TRANSACTION}
    pending: defaultdict[tuple[str, int], list[Entry]] = defaultdict(list)
    open_links: set[tuple[str, int]] = set()
    for entry in entries:
        link = entry.proxy, entry.link
        is_done = entry.executed and entry.reply in (ReplyClass.OK, None)
        begins = entry.effect is Effect.BEGIN or entry.transaction in _IN_TRANSACTION
        if begins or (entry.transaction is None and find_name(entry) in implicit):  # what would have said so is lost
            open_links.add(link)
        if entry.effect is Effect.COMMIT and is_done:
            yield from pending.pop(link, ())
        if is_done and not entry.repeatable:
            if link in open_links and entry.effect is not Effect.COMMIT:
                pending[link].append(entry)
            elif entry.effect in (Effect.WRITE, Effect.COMMIT):
                yield entry
        if entry.effect in (Effect.COMMIT, Effect.ROLLBACK) or entry.transaction is TransactionState.NONE:
            pending.pop(link, None)
            open_links.discard(link)


def find_retries(entries: Sequence[Entry], learned: Learned) -> dict[Name, int]:
    """Return the requests that came more often than in clean runs, and how much more; those that are new are none."""
    usual = learned.counts
    return {name: number - usual[name] for name, number in count(entries).items() if 0 < usual[name] < number}


def find_storm(entries: Sequence[Entry], learned: Learned) -> str:
    """Return what makes *entries* a storm, in words; nothing if they are none."""
    retries = find_retries(entries, learned)
    number, usual = (sum(count(run).values()) for run in (entries, learned.clean.entries))
    if number > STORM * usual and max(retries.values(), default=0) > USUAL_RETRIES:
        return f'{number} requests in place of {usual}'
    for (proxy, request), more in retries.items():
        attempts = [entry for entry in entries if find_name(entry) == (proxy, request)]
        if min(more, _count_hasty(attempts)) >= HASTY:
            return f'{more} retries of {request} at {proxy} without a pause'
    return ''


def find_open(proxies: Sequence[str], entries: Sequence[Entry]) -> Iterator[str]:
    """Yield what was left open at each of *proxies*, in words."""
    for proxy in proxies:
        states = {entry.link: entry.transaction for entry in entries if entry.proxy == proxy}
        what = 'transaction' if set(_IN_TRANSACTION) & set(states.values()) else 'connection'
        yield f'a {what} is left open at {proxy}'


def _count_denied(entries: Iterable[Entry]) -> Counter[Name]:
    """Return how often backends have answered a write with an error."""
    return Counter(find_name(entry) for entry in entries if not entry.repeatable and entry.reply is ReplyClass.ERROR)


def _group(entries: Iterator[Entry]) -> dict[tuple[Name, str], list[Entry]]:
    """Return the *entries* by their text and the hash of their bytes."""
    groups: defaultdict[tuple[Name, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[find_name(entry), entry.digest].append(entry)
    return groups


def _count_hasty(attempts: Sequence[Entry]) -> int:
    """Return how many attempts in a row, at most, have come at once behind one that a fault had met."""
    most = row = 0
    for before, after in pairwise(attempts):
        ended = before.time + (before.seconds or 0.0)
        row = row + 1 if before.behavior is not None and after.time - ended < PAUSE else 0
        most = max(most, row)
    return most
