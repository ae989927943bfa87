"""What every protocol says of the meaning of requests and replies, and which faults it has tried on them.

What each of them means by it in detail is in the tests beside this one, on what real servers reply.
"""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.protocols.test_base import NAMES
from vaurien.framing.meaning import SHOWN_OF_REPLY, Effect, Meaning, ReplyClass, ReplyMeaning
from vaurien.framing.trials import USUAL_TRIALS, Kind
from vaurien.protocols import Protocol
from vaurien.protocols.base import BaseProtocol
from vaurien.rules.behaviors import make_rules

REPLIES = st.binary(max_size=60)


def test_the_base_claims_nothing() -> None:
    protocol = BaseProtocol()
    assert protocol.meaning(b'', 'greeting') == Meaning(Effect.CONNECT)
    assert protocol.meaning(b'anything', '8 bytes') == Meaning(Effect.WRITE)
    assert protocol.reply_meaning(b'reply', b'reply', Meaning(Effect.WRITE)) == ReplyMeaning(ReplyClass.OK)
    assert [protocol.find_middle(b'', size) for size in (0, 1, 2, 9)] == [0, 0, 1, 4]
    assert protocol.trials == USUAL_TRIALS


@pytest.mark.parametrize('name', NAMES)
@given(request_=st.binary(max_size=100), reply=REPLIES, effect=st.sampled_from(Effect))
def test_any_bytes_have_some_meaning(name: str, request_: bytes, reply: bytes, effect: Effect) -> None:
    protocol = Protocol.get(name)()
    assert isinstance(protocol.meaning(request_, protocol.describe(request_)), Meaning)
    assert isinstance(protocol.reply_meaning(reply, reply, Meaning(effect)), ReplyMeaning)


@pytest.mark.parametrize('name', NAMES)
@given(reply=REPLIES)
def test_the_middle_of_any_reply_is_inside_of_it(name: str, reply: bytes) -> None:
    for head, size in ((reply, len(reply)), (reply, SHOWN_OF_REPLY + 1)):
        assert 0 < Protocol.get(name)().find_middle(head, size) < size or size < 2


@pytest.mark.parametrize('name', NAMES)
def test_each_of_its_trials_can_be_armed(name: str) -> None:
    protocol = Protocol.get(name)
    assert protocol.trials[: len(USUAL_TRIALS)] == USUAL_TRIALS
    assert len({(trial.kind, trial.detail) for trial in protocol.trials}) == len(protocol.trials)
    for trial in protocol.trials:
        if trial.kind is not Kind.REFUSED:
            (rule,) = make_rules(trial.behavior.format(seconds=1.5, bytes=3))
            rule.kind.check_protocol(rule.options, protocol)


@pytest.mark.parametrize('name', sorted({*NAMES} - {'tcp'}))
def test_it_says_no_in_a_way_that_passes_and_to_writes_in_one_that_does_not(name: str) -> None:
    retryable, permanent = (trial for trial in Protocol.get(name).trials if trial.kind is Kind.NO)
    for trial in (retryable, permanent):
        assert trial.effects is None or Effect.WRITE in trial.effects
    assert permanent.effects is not None
    assert Effect.READ not in permanent.effects
