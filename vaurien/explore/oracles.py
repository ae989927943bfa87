"""What only a proxy sees that understands the protocol: writes that came twice, storms of retries, what is left open.

None of these needs an assertion in the test.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from vaurien.explore.learning import Learned, Name, count
from vaurien.explore.masking import mask
from vaurien.framing.meaning import Effect, ReplyClass, TransactionState
from vaurien.records.entry import Entry

#: More than this many times the requests of a clean run are a storm.
STORM = 3
#: So many retries in a row are one, too, if there is a shorter pause than this before each, in seconds.
HASTY, PAUSE = 3, 0.02

#: What of a request says that it is another one again: the proxy, and the hash of its bytes.
_Digest = tuple[str, str]


def find_twice(entries: Sequence[Entry], learned: Learned) -> dict[Name, int]:
    """Return the writes that backends have carried out more often than in a clean run, and how often."""
    usual = Counter(_identify(entry) for entry in find_carried_out(learned.clean.entries))
    carried_out: defaultdict[_Digest, list[Entry]] = defaultdict(list)
    for entry in find_carried_out(entries):
        carried_out[_identify(entry)].append(entry)
    counts = count(entries)
    twice: dict[Name, int] = {}
    for digest, same in carried_out.items():
        name = same[0].proxy, mask(same[0].request)
        times = len([entry for entry in same if not entry.key]) + len({entry.key for entry in same if entry.key})
        if times > max(1, usual[digest]) and counts[name] > learned.counts.get(name, 0) > 0:
            twice[name] = times
    return twice


def find_carried_out(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield the writes that backends have carried out for good, unless carrying them out again would change nothing."""
    pending: defaultdict[tuple[str, int], list[Entry]] = defaultdict(list)
    within: set[tuple[str, int]] = set()
    for entry in entries:
        link = entry.proxy, entry.link
        has_effect = entry.executed and entry.reply not in (ReplyClass.ERROR, ReplyClass.ROLLED_BACK)
        if entry.effect is Effect.BEGIN or entry.transaction in (TransactionState.OPEN, TransactionState.FAILED):
            within.add(link)
        if entry.effect is Effect.COMMIT:
            if has_effect:
                yield from pending[link]
            if has_effect and not entry.repeatable:
                yield entry
        elif has_effect and entry.reply is not ReplyClass.NOTHING and not entry.repeatable:
            if link in within:
                pending[link].append(entry)
            elif entry.effect is Effect.WRITE:
                yield entry
        if entry.effect in (Effect.COMMIT, Effect.ROLLBACK) or entry.transaction is TransactionState.NONE:
            pending.pop(link, None)
            within.discard(link)


def find_retries(entries: Sequence[Entry], counts: Mapping[Name, int]) -> dict[Name, int]:
    """Return the requests that came more often than in clean runs, with their *counts* there, and how much more."""
    return {name: number - counts[name] for name, number in count(entries).items() if 0 < counts.get(name, 0) < number}


def find_storm(entries: Sequence[Entry], learned: Learned) -> str:
    """Return what makes *entries* a storm, in words; nothing if they are none."""
    usual = sum(learned.counts.values())
    retries = find_retries(entries, learned.counts)
    if len(entries) > STORM * usual and sum(retries.values()) > HASTY:
        return f'{len(entries)} requests in place of {usual}'
    for name, number in retries.items():
        if (
            number >= HASTY
            and _count_hasty([one for one in entries if (one.proxy, mask(one.request)) == name]) >= HASTY
        ):
            return f'{number} retries of {name[1]} at {name[0]} without a pause'
    return ''


def _count_hasty(attempts: Sequence[Entry]) -> int:
    """Return how many attempts in a row, at most, have come at once behind one that had failed."""
    most = row = 0
    for before, after in pairwise(attempts):
        ended = before.time + (before.seconds or before.first or 0.0)
        row = row + 1 if before.behavior is not None and after.time - ended < PAUSE else 0
        most = max(most, row)
    return most


def find_open(proxies: Sequence[str], entries: Sequence[Entry]) -> Iterator[str]:
    """Yield what was left open at each of *proxies*, in words."""
    for proxy in proxies:
        states = {entry.link: entry.transaction for entry in entries if entry.proxy == proxy}
        is_within = {TransactionState.OPEN, TransactionState.FAILED} & set(states.values())
        yield f'a {"transaction" if is_within else "connection"} is left open at {proxy}'


def _identify(entry: Entry) -> _Digest:
    return entry.proxy, entry.digest
