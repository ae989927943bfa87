"""What only a proxy sees that understands the protocol.

| rule                                                          | test                                          |
|---------------------------------------------------------------|-----------------------------------------------|
| a write that was carried out twice is *twice*, reply or not   | a_write_whose_reply_was_lost                  |
| … not if the backend did not get it, or said no, or did none  | what_was_not_carried_out                      |
| … not if twice is as good as once                             | what_may_be_repeated                          |
| … not if the backend knows it again by its key                | one_key_is_one_write                          |
| … not in a transaction without a COMMIT that was carried out  | what_was_not_committed, rolled_back           |
| … but in one whose COMMIT was, whatever became of its reply   | what_was_committed                            |
| … with or without a BEGIN                                     | a_transaction_without_a_begin                 |
| … and a COMMIT itself, if it is what does it (a mail)         | a_commit_that_is_the_write                    |
| … not if a clean run has as many of the same bytes            | as_often_as_in_a_clean_run                    |
| … one that is refused there counts if its reply is lost now   | one_that_is_refused_anyway                    |
| … not if nothing was tried again                              | what_only_comes_under_the_fault               |
| over three times the requests are a storm                     | over_three_times                              |
| retries without a pause are a storm                           | retries_without_a_pause                       |
| … not a few of them, not with pauses, not those of a loop     | a_few, with_pauses, a_loop_is_no_storm        |
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.explore.simulated import make_entry, run_of
from vaurien.explore.learning import Learned, learn
from vaurien.explore.oracles import HASTY, PAUSE, USUAL_RETRIES, find_open, find_retries, find_storm, find_twice
from vaurien.framing.meaning import Effect, ReplyClass, TransactionState
from vaurien.records.entry import Entry


def write(request: str = 'POST /charge', **fields: Any) -> Entry:
    return make_entry(request, **{'effect': Effect.WRITE, 'repeatable': False, **fields})


def step(request: str, effect: Effect, **fields: Any) -> Entry:
    return make_entry(request, effect=effect, **fields)


def learned_from(*entries: Entry) -> Learned:
    return learn([run_of(*entries)] * 2)


BEGIN, INSERT, COMMIT = step('BEGIN', Effect.BEGIN), write('INSERT'), step('COMMIT', Effect.COMMIT)
TRANSACTION = [BEGIN, INSERT, COMMIT]
CLEAN = [make_entry(f'GET {letter}') for letter in 'abc']


def on_link(number: int, *entries: Entry, **fields: Any) -> list[Entry]:
    return [msgspec.structs.replace(entry, link=number, **fields) for entry in entries]


def test_a_write_whose_reply_was_lost_and_that_was_tried_again_is_twice() -> None:
    assert find_twice([write(reply=None), write()], learned_from(write())) == {('api', 'POST /charge'): 2}


@pytest.mark.parametrize(
    'first',
    [
        write(executed=False, reply=None),
        write(executed=False, reply=ReplyClass.ERROR),
        write(reply=ReplyClass.ERROR),
        write(reply=ReplyClass.NOTHING),
    ],
)
def test_what_was_not_carried_out_was_not_carried_out_twice(first: Entry) -> None:
    assert not find_twice([first, write()], learned_from(write()))


def test_what_may_be_repeated_is_never_twice() -> None:
    harmless = write('SET a', repeatable=True)
    assert not find_twice([harmless, harmless], learned_from(harmless))


def test_one_key_is_one_write() -> None:
    assert not find_twice([write(key='k', reply=None), write(key='k')], learned_from(write(key='k')))
    assert find_twice([write(key='k', reply=None), write(key='l')], learned_from(write(key='k')))


def test_what_was_not_committed_was_not_carried_out() -> None:
    lost = step('COMMIT', Effect.COMMIT, executed=False, reply=None)
    assert not find_twice([BEGIN, INSERT, lost, *on_link(2, *TRANSACTION)], learned_from(*TRANSACTION))
    assert not find_twice([BEGIN, INSERT, *on_link(2, *TRANSACTION)], learned_from(*TRANSACTION))


@pytest.mark.parametrize(
    'end',
    [
        step('COMMIT', Effect.COMMIT, reply=ReplyClass.ROLLED_BACK),
        step('COMMIT', Effect.COMMIT, reply=ReplyClass.NOTHING),
        step('ROLLBACK', Effect.ROLLBACK),
        step('INSERT', Effect.READ, reply=ReplyClass.ERROR, transaction=TransactionState.NONE),
    ],
)
def test_what_was_rolled_back_was_not_carried_out(end: Entry) -> None:
    assert not find_twice([BEGIN, INSERT, end, *TRANSACTION], learned_from(*TRANSACTION))


def test_what_was_committed_is_twice_if_the_transaction_is_tried_again() -> None:
    lost = step('COMMIT', Effect.COMMIT, reply=None)
    found = find_twice([BEGIN, INSERT, lost, *on_link(2, *TRANSACTION)], learned_from(*TRANSACTION))
    assert found == {('api', 'INSERT'): 2}


def test_a_step_counts_as_soon_as_it_is_committed() -> None:
    queued = step('INCR a', Effect.STEP, repeatable=False)
    multi = [step('MULTI', Effect.BEGIN), queued, step('EXEC', Effect.COMMIT)]
    lost = step('EXEC', Effect.COMMIT, reply=None)
    assert find_twice([*multi[:2], lost, *on_link(2, *multi)], learned_from(*multi)) == {('api', 'INCR a'): 2}
    assert not find_twice([queued, *on_link(2, *multi)], learned_from(*multi))


def test_a_transaction_without_a_begin_is_one_too() -> None:
    within = write('INSERT', transaction=TransactionState.OPEN)
    clean = [within, step('COMMIT', Effect.COMMIT, transaction=TransactionState.NONE)]
    lost = write('INSERT', reply=None)
    assert not find_twice([lost, *on_link(2, *clean)], learned_from(*clean))
    assert find_twice([lost, clean[1], *on_link(2, *clean)], learned_from(*clean))


def test_a_commit_that_is_the_write_is_twice_itself() -> None:
    mail = step('DATA', Effect.COMMIT, repeatable=False)
    assert find_twice([*on_link(1, mail, reply=None), *on_link(2, mail)], learned_from(mail)) == {('api', 'DATA'): 2}


def test_as_often_as_in_a_clean_run_is_not_too_often() -> None:
    clean = [write(digest='row'), write(digest='row')]
    assert not find_twice([write(digest='row', executed=False), *clean], learned_from(*clean))
    assert find_twice([write(digest='row'), *clean], learned_from(*clean))


def test_one_that_is_refused_anyway_may_have_been_refused_if_its_reply_is_lost() -> None:
    denied = write(key='b', reply=ReplyClass.ERROR)
    learned = learned_from(write(key='a'), denied)
    lost = [write(key=key, reply=None) for key in ('a', 'a', 'b', 'b')]
    assert not find_twice(lost, learned)
    assert find_twice([*lost, write(key='c', reply=None)], learned)
    assert find_twice([write(key='a', reply=None), write(key='c'), denied], learned)


def test_bytes_that_never_came_before_are_allowed_as_often_as_others_of_that_text() -> None:
    clean = [write(digest='token 1'), write(digest='token 1')]
    again = [write(digest='token 2'), write(digest='token 2'), write(digest='token 3')]
    assert not find_twice(again, learned_from(*clean))


def test_what_only_comes_under_the_fault_is_not_twice() -> None:
    alarm = write('POST /alarms')
    assert not find_twice([write(executed=False), alarm, alarm], learned_from(write()))


def test_two_different_writes_are_not_twice() -> None:
    assert not find_twice([write(digest='a', reply=None), write(digest='b')], learned_from(write(digest='a')))


def test_retries_are_what_came_more_often_but_for_setting_up() -> None:
    hello = step('HELLO', Effect.CONNECT)
    assert find_retries([hello, hello, write(), write(), write('x')], learned_from(hello, write())) == {
        ('api', 'POST /charge'): 1
    }


def test_over_three_times_the_requests_are_a_storm() -> None:
    clean = [make_entry('GET a'), make_entry('GET b')]
    retries = [make_entry('GET a', time=float(number)) for number in range(USUAL_RETRIES + 2)]
    assert find_storm(retries, learned_from(*clean)) == '7 requests in place of 2'
    assert not find_storm(retries[1:], learned_from(*clean))
    three_times = [*retries, make_entry('GET b', time=9.0), make_entry('GET c', time=10.0)]
    assert not find_storm(three_times, learned_from(*clean, make_entry('GET c')))


def test_a_few_retries_are_no_storm_however_few_requests_there_were() -> None:
    tries = [make_entry('GET a', time=float(number)) for number in range(USUAL_RETRIES + 1)]
    assert not find_storm(tries, learned_from(make_entry('GET a')))


def test_what_sets_connections_up_is_no_part_of_a_storm() -> None:
    tries = [make_entry('GET a', time=float(number)) for number in range(USUAL_RETRIES + 2)]
    set_up = [step('HELLO', Effect.CONNECT)] * 9
    assert not find_storm([*set_up, *tries], learned_from(*CLEAN))


def attempts(number: int, pause: float, *, seconds: float | None = None) -> list[Entry]:
    length = pause + (seconds or 0.0)
    return [make_entry('GET a', time=at * length, seconds=seconds, behavior='abort') for at in range(number)]


def test_retries_without_a_pause_are_a_storm() -> None:
    found = find_storm(attempts(HASTY + 1, PAUSE / 2), learned_from(*CLEAN))
    assert found == '3 retries of GET a at api without a pause'
    assert find_storm(attempts(HASTY + 1, PAUSE / 2, seconds=1.0), learned_from(*CLEAN))


def test_retries_with_pauses_are_no_storm() -> None:
    assert not find_storm(attempts(HASTY + 1, PAUSE * 2), learned_from(*CLEAN))
    assert not find_storm(attempts(HASTY, PAUSE / 2), learned_from(*CLEAN))


def test_a_loop_is_no_storm_though_each_of_its_requests_fails() -> None:
    loop = attempts(5, PAUSE / 2)
    assert not find_storm(loop, learned_from(*loop))


def test_what_is_left_open_is_a_transaction_or_else_a_connection() -> None:
    open_ = make_entry('INSERT', proxy='db', transaction=TransactionState.OPEN)
    closed = make_entry('COMMIT', proxy='db', link=2, transaction=TransactionState.NONE)
    assert list(find_open(['db', 'api'], [open_, closed])) == [
        'a transaction is left open at db',
        'a connection is left open at api',
    ]
