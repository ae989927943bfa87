"""What a link does with its bytes where that is nothing; `test_link` asks which peer of opaque bytes waits."""

from __future__ import annotations

import pytest

from tests.engine.talk import PATTERN, inside, join, make_proxy, only_link
from tests.peers import RawBackend
from vaurien.engine.traffic import PLAIN, Traffic


class TestPlain:
    def test_it_serves_every_link(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy:
            for _ in range(3):
                join(proxy, raw_backend)
            kinds = inside(proxy, lambda server: {link.traffic for link in server.links.values()})
            assert kinds == {PLAIN}

    def test_it_has_no_state(self) -> None:
        with pytest.raises(AttributeError):
            PLAIN.exchanges = 1  # type: ignore[attr-defined]  # that is the point
        assert Traffic.__slots__ == ()

    def test_it_looks_at_nothing(self, raw_backend: RawBackend) -> None:
        """Every chunk of the client's is an exchange, whatever the backend says; nothing is held, nothing waits."""
        with make_proxy(raw_backend) as proxy:
            client, backend = join(proxy, raw_backend)
            for size in (1, 10, 1000):
                client.send(PATTERN[:size])
                assert backend.recv_exactly(size) == PATTERN[:size]
            for _ in range(5):
                backend.send(b'pong')
                assert client.recv_exactly(4) == b'pong'
            link = inside(proxy, only_link)
            assert inside(proxy, lambda server: PLAIN.count_exchanges(link.up)) == 3
            assert inside(proxy, lambda server: [one._tap for one in (link.up, link.down)]) == [None, None]
            assert (PLAIN.is_opaque, PLAIN.is_idle, PLAIN.is_movable, PLAIN.doing) == (True, True, False, None)
            assert all(PLAIN.may_finish(one) for one in (link.up, link.down))
            assert not PLAIN.defers_reset()

    def test_what_a_link_reports_to_it_is_forgotten(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend) as proxy:
            client, backend = join(proxy, raw_backend)
            link = inside(proxy, only_link)
            for report in (PLAIN.rearm, PLAIN.stop, lambda: PLAIN.set_backend('a:1'), lambda: PLAIN.on_end(link.up)):
                inside(proxy, lambda server: report())  # noqa: B023
            client.send(b'ping')
            assert backend.recv_exactly(4) == b'ping'
