"""What comes before the responders of Toxiproxy's API: names and methods that there are not, and browsers."""

from __future__ import annotations

import pytest

from tests.commands import Command
from tests.toxiproxy.asking import ask


@pytest.mark.parametrize(
    ('path', 'methods'),
    [
        ('/version', 'HEAD OPTIONS POST PUT PATCH DELETE TRACE BREW'),
        ('/proxies', 'HEAD OPTIONS PUT PATCH DELETE'),
        ('/proxies/redis', 'HEAD OPTIONS PUT BREW'),
        ('/proxies/none', 'PUT'),
        ('/proxies/redis/toxics', 'HEAD OPTIONS PUT PATCH DELETE'),
        ('/proxies/redis/toxics/none', 'HEAD OPTIONS PUT'),
        ('/populate', 'GET HEAD OPTIONS PUT PATCH DELETE'),
        ('/reset', 'GET HEAD OPTIONS PUT PATCH DELETE'),
    ],
)
def test_methods_that_there_are_not(server: Command, path: str, methods: str) -> None:
    for method in methods.split():
        for agent in ('curl/8', 'Mozilla/5.0'):
            status, headers, body = ask(server, method, path, f'User-Agent: {agent}')
            assert (status, body) == ('405 Method Not Allowed', b'')
            assert not {'allow', 'content-type', 'x-toxiproxy-request-id'} & headers.keys()


@pytest.mark.parametrize(
    ('method', 'path'), [('GET', '/version'), ('GET', '/proxies'), ('GET', '/proxies/none'), ('POST', '/reset')]
)
def test_browsers_are_not_spoken_to(server: Command, method: str, path: str) -> None:
    status, headers, body = ask(server, method, path, 'User-Agent: Mozilla/5.0 (X11; Linux x86_64)')
    assert (status, body) == ('403 Forbidden', b'User agent not allowed\n')
    assert headers['content-type'] == 'text/plain; charset=utf-8'
    assert headers['x-content-type-options'] == 'nosniff'


@pytest.mark.parametrize('agent', [[], ['User-Agent: '], ['User-Agent: mozilla/5'], ['User-Agent: a Mozilla/5.0']])
def test_everybody_else_is(server: Command, agent: list[str]) -> None:
    assert ask(server, 'GET', '/version', *agent)[0] == '200 OK'
