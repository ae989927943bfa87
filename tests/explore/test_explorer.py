"""What exploring finds out about simulated applications."""

from __future__ import annotations

from collections.abc import Callable

from tests.explore.simulated import Broken, Refusal, SimulatedRunner, Status, Wire
from vaurien.explore.explorer import explore
from vaurien.explore.model import Explored, Outcome
from vaurien.explore.settings import ExploreSettings


def explored(test: Callable[[Wire], None], **settings: object) -> Explored:
    runner = SimulatedRunner(test)
    result = Explored(test=runner.test)
    for cell in explore(runner, ExploreSettings().change(settings), result):
        assert result.cells[-1] is cell
    return result


def outcomes(result: Explored) -> dict[str, set[str]]:
    return {
        ' and '.join(map(str, cell.injections)): {outcome.value for outcome in cell.outcomes} for cell in result.cells
    }


def sound(wire: Wire) -> None:
    try:
        wire.ask('db', 'GET stock', timeout=1.0)
        wire.ask('api', 'POST /charge', timeout=1.0)
    except (Broken, Refusal, TimeoutError):
        raise Status(503) from None


def test_an_application_that_says_no_has_declared_it() -> None:
    result = explored(sound)
    assert {outcome for cell in result.cells for outcome in cell.outcomes} == {Outcome.DECLARED, Outcome.ABSORBED}
    assert outcomes(result)['api: POST /charge #1 lost'] == {'declared'}


def test_a_retry_of_what_must_not_come_twice_is_twice() -> None:
    def retrying(wire: Wire) -> None:
        for attempt in range(3):
            try:
                return wire.ask('api', 'POST /charge', timeout=1.0, body='{"amount": 7}')
            except (Broken, Refusal, TimeoutError):
                if attempt == 2:
                    raise Status(503) from None
                wire.sleep(0.1)
        return None

    found = outcomes(explored(retrying))
    assert found['api: POST /charge #1 lost'] == {'twice', 'retried'}
    assert found['api: POST /charge #1 refused'] == {'retried'}
    assert found['api: POST /charge #1+ refused'] == {'declared', 'retried'}
