"""The value of ``--vaurien``: words, which are flags of ``vaurien``."""

from __future__ import annotations

import pytest

from vaurien.errors import ConfigError
from vaurien.loads.vaurien_flag import proxied_url, read_words, split_words


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('', ()),
        ('protocol=http  backend=a:1', ('protocol=http', 'backend=a:1')),
        ("behavior=5:error(code=503, nth='every 10') a=b", ("behavior=5:error(code=503, nth='every 10')", 'a=b')),
        (
            "behavior=5:delay(sleep='uniform(min=1ms, max=2ms)', nth=2) a=b",
            ("behavior=5:delay(sleep='uniform(min=1ms, max=2ms)', nth=2)", 'a=b'),
        ),
        ("backend='a b'", ('backend=a b',)),
    ],
)
def test_words(text: str, words: tuple[str, ...]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ("backend='a", 'cannot be read: No closing quotation'),
        ('behavior', "'behavior' is not a setting: expected name=value"),
        ('http=true', "'http' cannot be given here"),
        ('config=x.ini', "'config' cannot be given here"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        split_words(text)


def test_settings() -> None:
    settings = read_words(('protocol=redis', 'backend=localhost:6379', 'behavior=5:delay'), '')
    assert (settings.protocol, str(settings.backend), str(settings.proxy)) == ('redis', 'localhost:6379', '127.0.0.1:0')
    assert str(read_words(('proxy=127.0.0.1:8000', 'backend=localhost:1'), '').proxy) == '127.0.0.1:8000'


@pytest.mark.parametrize(
    ('url', 'backend'),
    [
        ('http://localhost:9200/path', 'localhost:9200'),
        ('http://example.com', 'example.com:80'),
        ('https://example.com/x', 'example.com:443'),
        ('ws://[::1]:80', '[::1]:80'),
    ],
)
def test_the_backend_is_that_of_the_server_url(url: str, backend: str) -> None:
    assert str(read_words(('protocol=http',), url).backend) == backend


def test_mistakes_in_settings() -> None:
    with pytest.raises(ConfigError, match='backend=HOST:PORT is missing, and there is no --server-url'):
        read_words(('protocol=http',), '')
    with pytest.raises(ConfigError, match='unknown protocol') as caught:
        read_words(('protocol=htp', 'backend=a:1'), '')
    assert caught.value.path == 'protocol'


@pytest.mark.parametrize('words', [('protocol=http',), ('backend=a:1',)])
@pytest.mark.parametrize('url', ['http://[x', 'http://x:99999'])
def test_a_server_url_that_is_none(words: tuple[str, ...], url: str) -> None:
    with pytest.raises(ConfigError, match=r"--server-url 'http://\S+' is not a URL: "):
        read_words(words, url)


def test_the_url_of_the_proxy() -> None:
    assert proxied_url('http://localhost:9200/path?q=1', 'http', '127.0.0.1:5') == 'http://127.0.0.1:5/path?q=1'
    assert proxied_url('', 'redis', '127.0.0.1:5') == 'redis://127.0.0.1:5'
