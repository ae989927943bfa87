"""What clean runs have in common."""

from __future__ import annotations

from tests.explore.simulated import make_entry, run_of
from vaurien.explore.learning import are_alike, learn
from vaurien.explore.model import CONNECTION, Run
from vaurien.framing.meaning import Effect


def test_a_point_is_a_request_by_its_masked_text_and_its_number() -> None:
    run = run_of(make_entry('GET user:1'), make_entry('GET user:2'), make_entry('SET user:2', proxy='redis'))
    learned = learn([run, run])
    assert learned.is_stable
    assert [str(point) for point in learned.points] == [
        'api · GET user:* · 1',
        'api · GET user:* · 2',
        'redis · SET user:* · 1',
    ]


def test_a_number_is_that_among_the_requests_that_its_pattern_matches() -> None:
    run = run_of(make_entry('GET user:1:cart'), make_entry('GET user:1'), make_entry('GET user:1:cart'))
    assert [str(point) for point in learn([run, run]).points] == [
        'api · GET user:*:cart · 1',
        'api · GET user:* · 2',
        'api · GET user:*:cart · 2',
    ]


def test_a_point_knows_its_line_its_effect_and_the_middle_of_its_reply() -> None:
    run = run_of(make_entry('SET a', effect=Effect.WRITE, where='app/a.py:7', middle=9))
    (point,) = learn([run, run]).points
    assert (point.where, point.effect, point.middle) == ('app/a.py:7', Effect.WRITE, 9)


def test_runs_are_alike_in_any_order_and_with_any_set_up() -> None:
    one = run_of(make_entry('GET a'), make_entry('GET b'))
    other = run_of(make_entry('HELLO 3', effect=Effect.CONNECT), make_entry('GET b'), make_entry('GET a'))
    assert are_alike(one, other)
    assert not are_alike(one, run_of(make_entry('GET a'), make_entry('GET b'), make_entry('GET b')))


def test_setting_a_connection_up_is_no_point_but_it_is_counted_by_patterns() -> None:
    run = run_of(make_entry('SELECT 1', effect=Effect.CONNECT), make_entry('SELECT 2'))
    assert [str(point) for point in learn([run, run]).points] == ['api · SELECT * · 2']


def test_a_connection_that_is_opened_is_a_point_once_for_each_proxy() -> None:
    opened = [make_entry('GET a', exchange=1), make_entry('GET a', exchange=1, link=2), make_entry('GET b', proxy='db')]
    run = run_of(*opened)
    connections = [point.proxy for point in learn([run, run]).points if point.request == CONNECTION]
    assert connections == ['api']


def test_an_unstable_test_has_a_point_for_each_class_that_comes_in_every_run() -> None:
    one = run_of(make_entry('GET apple'), make_entry('POP a'), make_entry('PING'))
    other = run_of(make_entry('GET pear'), make_entry('GET plum'), make_entry('PUSH a'), make_entry('PING'))
    learned = learn([one, other])
    assert not learned.is_stable
    assert [str(point) for point in learned.points] == ['api · GET * · 1', 'api · PING · 1']


def test_the_riskiest_of_a_class_stands_for_it() -> None:
    runs = [
        run_of(make_entry(f'POST /{name}', effect=Effect.WRITE), make_entry('POST /search', effect=Effect.READ))
        for name in ('a', 'b')
    ]
    assert [point.effect for point in learn(runs).points] == [Effect.WRITE]


def test_a_request_is_as_frequent_as_in_the_run_in_which_it_came_most_often() -> None:
    runs = [run_of(*[make_entry('GET a')] * number) for number in (3, 1, 1)]
    assert learn(runs).counts == {('api', 'GET a'): 3}


def test_a_test_may_take_long_where_it_has_taken_long_once() -> None:
    learned = learn([Run(seconds=seconds) for seconds in (2.0, 1.0)])
    assert (learned.seconds, learned.quickest, learned.limit) == (2.0, 1.0, 25.0)
