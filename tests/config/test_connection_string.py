"""Addresses in connection strings, in the forms that drivers take."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from vaurien.address import Address
from vaurien.config.connection_string import ConnectionString, read_connection_string
from vaurien.errors import ConfigError

PROXIES = (Address('127.0.0.1', 1111), Address('127.0.0.1', 2222))

#: Protocol, text, addresses, and the text with those of the proxies.
FORMS = [
    ('redis', 'redis://localhost', 'localhost:6379', 'redis://127.0.0.1:1111'),
    ('redis', 'redis://:s3@cret@cache:6380/0?timeout=5', 'cache:6380', 'redis://:s3@cret@127.0.0.1:1111/0?timeout=5'),
    ('redis', 'rediss://[::1]:6379/0', '[::1]:6379', 'rediss://127.0.0.1:1111/0'),
    ('redis', 'localhost:6379,password=x,ssl=False', 'localhost:6379', '127.0.0.1:1111,password=x,ssl=False'),
    ('postgres', 'postgres://u:p@db/app', 'db:5432', 'postgres://u:p@127.0.0.1:1111/app'),
    (
        'postgres',
        'postgresql+psycopg://u:p@db:5433/app?sslmode=disable',
        'db:5433',
        'postgresql+psycopg://u:p@127.0.0.1:1111/app?sslmode=disable',
    ),
    ('postgres', 'postgresql://u@a:1,b/app', 'a:1 b:5432', 'postgresql://u@127.0.0.1:1111,127.0.0.1:2222/app'),
    ('postgres', 'jdbc:postgresql://db:5433/app', 'db:5433', 'jdbc:postgresql://127.0.0.1:1111/app'),
    ('postgres', 'postgresql:///app?host=db', 'db:5432', 'postgresql:///app?host=127.0.0.1&port=1111'),
    ('postgres', 'postgresql:///app?host=db&port=1#x', 'db:1', 'postgresql:///app?host=127.0.0.1&port=1111#x'),
    ('postgres', "host='db' dbname=app", 'db:5432', "host='127.0.0.1' port=1111 dbname=app"),
    ('postgres', 'dbname=app port=5433 host=db', 'db:5433', 'dbname=app port=1111 host=127.0.0.1'),
    ('postgres', 'Host=db;Port=5433;Database=app', 'db:5433', 'Host=127.0.0.1;Port=1111;Database=app'),
    ('mysql', 'Server=db;Database=app', 'db:3306', 'Server=127.0.0.1;Port=1111;Database=app'),
    ('mysql', 'mysql+pymysql://u:p@db/app', 'db:3306', 'mysql+pymysql://u:p@127.0.0.1:1111/app'),
    ('mysql', 'u:p@tcp(db:3307)/app?parseTime=true', 'db:3307', 'u:p@tcp(127.0.0.1:1111)/app?parseTime=true'),
    ('memcache', 'a:11211,b', 'a:11211 b:11211', '127.0.0.1:1111,127.0.0.1:2222'),
    ('memcache', 'a:1 b:2', 'a:1 b:2', '127.0.0.1:1111 127.0.0.1:2222'),
    ('memcache', 'memcached://a:1', 'a:1', 'memcached://127.0.0.1:1111'),
    ('http', 'http://api:8080/v1/', 'api:8080', 'http://127.0.0.1:1111/v1/'),
    ('http', 'https://user:p@api', 'api:443', 'https://user:p@127.0.0.1:1111'),
    ('http', 'wss://api/socket', 'api:443', 'wss://127.0.0.1:1111/socket'),
    ('smtp', 'smtp://mail', 'mail:25', 'smtp://127.0.0.1:1111'),
    ('smtp', 'smtps://u:p@mail', 'mail:465', 'smtps://u:p@127.0.0.1:1111'),
    ('smtp', 'u:p@mail:25', 'mail:25', 'u:p@127.0.0.1:1111'),
    ('tcp', 'amqp://guest@queue:5672/', 'queue:5672', 'amqp://guest@127.0.0.1:1111/'),
    ('tcp', 'redis://cache', 'cache:6379', 'redis://127.0.0.1:1111'),
]


def read(text: str, protocol: str = 'redis') -> ConnectionString:
    return read_connection_string(text, protocol)


@pytest.mark.parametrize(('protocol', 'text', 'addresses', 'rewritten'), FORMS)
def test_the_addresses_are_found_and_put_back(protocol: str, text: str, addresses: str, rewritten: str) -> None:
    found = read(text, protocol)
    assert ' '.join(map(str, found.addresses)) == addresses
    assert found.rewrite(PROXIES) == rewritten
    assert read(rewritten, protocol).addresses == PROXIES[: len(found.addresses)]


@pytest.mark.parametrize(
    ('text', 'is_tls'),
    [
        ('rediss://cache', True),
        ('cache:6379,ssl=True', True),
        ('redis://cache?ssl=false', False),
        ('https://api', True),
        ('http://api?next=https://other', False),
        ('postgresql://db/app?sslmode=verify-full', True),
        ('postgresql+asyncpg://db/app?ssl=require', True),
        ('postgresql://db/app?sslmode=prefer', False),
        ('host=db sslmode=require', True),
        ('u@tcp(db)/app?tls=skip-verify', True),
        ('mysql://db/app?ssl-mode=REQUIRED', True),
        ('mysql://db/app?ssl_mode=VERIFY_IDENTITY', True),
        ('jdbc:mysql://db/app?useSSL=true', True),
        ('jdbc:mysql://db/app?useSSL=false', False),
        ('mysql+pymysql://db/app?ssl_ca=/ca.crt', True),
        ('mysql://db/app?ssl-ca=/ca.crt&ssl-mode=DISABLED', False),
        ('mysql+mysqlconnector://db/app?ssl_ca=/ca.crt&ssl_disabled=true', False),
        ('mysql+pymysql://db/app?ssl_verify_identity=true', True),
        ('mysql+pymysql://db/app?ssl_verify_cert=false', False),
        ('mysql+pymysql://db/app?ssl_check_hostname=1', True),
        ('mysql+pymysql://db/app?ssl_cert=/own.crt', True),
        ('mysql://db/app?ssl={"rejectUnauthorized":true}', True),
        ('mysql://db/app?ssl=%7B%22ca%22%3A%22x%22%7D', True),
        ('mysql://db/app?ssl_ca=', False),
        ('postgresql://db/app?sslrootcert=/ca.crt', False),  # of which libpq makes use if there is TLS
    ],
)
def test_whether_tls_is_a_must(text: str, is_tls: bool) -> None:
    protocol = {'h': 'http', 'p': 'postgres', 'm': 'mysql', 'u': 'mysql', 'j': 'mysql'}.get(text[0], 'redis')
    assert read(text, 'postgres' if text.startswith('host=') else protocol).is_tls is is_tls


@pytest.mark.parametrize(
    ('protocol', 'text', 'rewritten'),
    [
        (
            'postgres',
            'postgresql://db/app?sslrootcert=/db/ca.crt&sslmode=verify-full&channel_binding=require#x',
            'postgresql://127.0.0.1:1111/app?sslrootcert=/a%20b.pem&sslmode=verify-full&channel_binding=disable#x',
        ),
        (
            'postgres',
            "host=db sslrootcert='/db/ca.crt' sslmode=require",
            "host=127.0.0.1 port=1111 sslrootcert='/a b.pem' sslmode=require",
        ),
        (
            'postgres',
            'Host=db;SSL Mode=Require;Root Certificate=/ca.crt;Channel Binding=Prefer',
            'Host=127.0.0.1;Port=1111;SSL Mode=Require;Root Certificate=/a b.pem;Channel Binding=disable',
        ),
        ('mysql', 'mysql+pymysql://db/app?ssl_ca=/ca.crt', 'mysql+pymysql://127.0.0.1:1111/app?ssl_ca=/a%20b.pem'),
        ('mysql', 'mysql://db?ssl-ca=/ca&tls_ca=x', 'mysql://127.0.0.1:1111?ssl-ca=/a%20b.pem&tls_ca=/a%20b.pem'),
        ('mysql', 'Server=db;SslCa=/ca.crt;Uid=x', 'Server=127.0.0.1;Port=1111;SslCa=/a b.pem;Uid=x'),
        ('redis', 'rediss://cache?ssl_ca_certs=/ca.crt', 'rediss://127.0.0.1:1111?ssl_ca_certs=/a%20b.pem'),
        ('redis', 'rediss://:sslca=x@cache/0', 'rediss://:sslca=x@127.0.0.1:1111/0'),
    ],
)
def test_the_authority_of_the_proxy_is_put_in_the_place_of_the_other(protocol: str, text: str, rewritten: str) -> None:
    assert read(text, protocol).rewrite(PROXIES, '/a b.pem') == rewritten
    assert '.pem' not in read(text, protocol).rewrite(PROXIES)


@pytest.mark.parametrize(
    ('protocol', 'text', 'said'),
    [
        ('redis', 'unix:///run/redis.sock?pw=s3cret', 'a socket of this machine'),
        ('redis', 'redis+unix://:s3cret@/run/redis.sock', 'a socket of this machine'),
        ('redis', '/run/redis.sock', 'a socket of this machine'),
        ('postgres', 'postgresql://u:s3cret@%2Frun%2Fpostgresql/app', 'a socket of this machine'),
        ('postgres', 'postgresql:///app?host=/run/postgresql', 'a socket of this machine'),
        ('postgres', 'host=/run/postgresql password=s3cret', 'a socket of this machine'),
        ('postgres', 'postgresql://u:s3cret@/app', 'names no host'),
        ('postgres', 'host=a,b password=s3cret', 'write them as a URL'),
        ('postgres', 'host=db port=x', 'no valid port'),
        ('mysql', 'u:s3cret@unix(/run/mysql.sock)/app', "it is for 'unix'"),
        ('redis', 'postgresql://u:s3cret@db', 'a URL of postgresql, which is postgres, and not redis'),
        ('tcp', 'amqp://guest:s3cret@queue', 'names no port'),
        ('redis', 'redis://:s3cret@cache:port', 'expected a URL, or host:port'),
        ('redis', ':s3cret', 'expected a URL, or host:port'),
        ('redis', ' ', 'names no host'),
    ],
)
def test_what_cannot_be_read_is_refused_without_its_secrets(protocol: str, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read(text, protocol)
    assert 's3cret' not in str(caught.value)


@given(st.sampled_from(['redis', 'postgres', 'mysql', 'http', 'tcp']), st.text())
def test_any_text_is_read_or_refused(protocol: str, text: str) -> None:
    try:
        found = read(text, protocol)
    except ConfigError:
        return
    assert found.rewrite(found.addresses[:1] * len(found.addresses))
