"""Which request of the application a fault is for."""

from __future__ import annotations

from vaurien.explore.aiming import Aim
from vaurien.explore.model import Injection


def aim(*texts: str) -> Aim:
    return Aim([Injection.parse(text) for text in texts])


def test_a_fault_meets_the_nth_request_that_its_pattern_matches() -> None:
    one = aim('api: GET /orders/* #2 lost')
    met = [one.meet('api', f'GET /{text}') for text in ('orders/1', 'carts/1', 'orders/2', 'orders/3')]
    assert met == [None, None, Injection.parse('api: GET /orders/* #2 lost'), None]


def test_requests_at_other_proxies_do_not_count() -> None:
    one = aim('api: GET a #1 lost')
    assert one.meet('db', 'GET a') is None
    assert one.meet('api', 'GET a') is not None


def test_a_fault_for_ever_meets_all_from_the_nth_on() -> None:
    one = aim('api: GET a #2+ lost')
    assert [one.meet('api', 'GET a') is not None for _ in range(4)] == [False, True, True, True]


def test_each_of_several_faults_counts_by_itself() -> None:
    one = aim('api: GET a #1 lost', 'api: GET a #2 refused', 'api: GET * #3 half')
    met = [one.meet('api', 'GET a') for _ in range(3)]
    assert [injection and injection.kind.value for injection in met] == ['lost', 'refused', 'half']


def test_faults_have_hit_when_each_has_met_a_request() -> None:
    one = aim('api: GET a #1 lost', 'api: GET a #2 lost')
    assert not one.has_hit
    one.meet('api', 'GET a')
    assert not one.has_hit
    one.meet('api', 'GET a')
    assert one.has_hit
    assert aim().has_hit
