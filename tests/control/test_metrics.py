"""``/metrics`` of the running command, read by the parser of Prometheus' own client.

This also tests `metric_family`, and `metrics` of `vaurien.toxiproxy`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.behaviors.waiting import eventually
from tests.commands import Command, StartCommand
from tests.control.messages import decode, labels_of, read_buckets, read_samples
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT, Server, free_port
from tests.toxiproxy.asking import Toxiproxy, connect, port_of
from vaurien import __version__
from vaurien.control.metrics import CONTENT_TYPE, FAMILIES
from vaurien.control.protobuf import CONTENT_TYPE as PROTOBUF
from vaurien.records.exponential import FIRST, find_place

DASHBOARD = Path(__file__).parent.parent.parent / 'examples' / 'grafana' / 'vaurien.json'
#: The names of metrics in a query.
NAMES = re.compile(r'\b(?:vaurien|toxiproxy|process)_\w+')
#: What a query groups by or selects by.
LABELS = re.compile(r'by \((?P<by>[^)]*)\)|\b(?P<selected>\w+)=')

#: What Prometheus accepts if native histograms are enabled: 2.42, and 3.
ASKING = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'
OF_PROMETHEUS_2 = f'{ASKING},application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
OF_PROMETHEUS_3 = (
    f'{ASKING};escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,'
    'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1'
)
#: And what it accepts if they are not.
WITHOUT = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'


class Scraped:
    """One answer of ``GET /metrics``."""

    def __init__(self, text: str) -> None:
        self.samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def value(self, name: str, /, **labels: str) -> float | None:
        """Of the only series that has these labels, among others; None: there is none."""
        found = [one.value for one in self.samples if one.name == name and labels.items() <= one.labels.items()]
        assert len(found) < 2, found
        return found[0] if found else None

    def labels(self, name: str) -> list[Mapping[str, str]]:
        """Of every series."""
        return [one.labels for one in self.samples if one.name == name]


def url(command: Proxied | Command, path: str = '/metrics') -> str:
    return f'http://{HOST}:{command.control_port}{path}'


def scrape(command: Proxied | Command) -> Scraped:
    response = requests.get(url(command), timeout=TIMEOUT)
    assert response.status_code == 200
    return Scraped(response.text)


def post(command: Proxied | Command, path: str, **body: object) -> None:
    response = requests.post(url(command, path), json=body, timeout=TIMEOUT)
    assert response.ok, response.text


class Proxied(NamedTuple):
    """Where a proxy listens, and the control API of its process."""

    port: int
    control_port: int

    @property
    def address(self) -> str:
        return f'{HOST}:{self.port}'


@pytest.fixture
def command(server: Command, toxiproxy: Toxiproxy, echo_server: RawBackend) -> Proxied:
    """The only proxy of its process, in front of the echo server."""
    return Proxied(port_of(toxiproxy.create('vaurien', echo_server.address)), server.control_port)


@pytest.fixture
def client(command: Proxied | Command) -> Iterator[Peer]:
    with Peer.connect(command.port) as client:
        yield client


def exchange(client: Peer, times: int = 1) -> None:
    for _ in range(times):
        client.send(b'ping')
        assert client.recv_exactly(4) == b'ping'


class TestBytes:
    """The two counters of Toxiproxy."""

    RECEIVED, SENT = 'toxiproxy_proxy_received_bytes_total', 'toxiproxy_proxy_sent_bytes_total'

    def test_they_are_up_to_date_while_a_link_is_open(self, command: Proxied | Command, client: Peer) -> None:
        for exchanges in (1, 2):
            exchange(client)
            scraped = scrape(command)
            for name in (self.RECEIVED, self.SENT):
                for direction in ('upstream', 'downstream'):
                    assert scraped.value(name, direction=direction) == 4 * exchanges

    def test_they_keep_what_was(self, command: Proxied | Command, client: Peer) -> None:
        exchange(client)
        client.close()
        eventually(lambda: scrape(command).value('vaurien_links_open') == 0)
        assert scrape(command).value(self.SENT, direction='downstream') == 4

    def test_their_labels(self, command: Proxied | Command, echo_server: RawBackend) -> None:
        for name in (self.RECEIVED, self.SENT):
            assert scrape(command).labels(name) == [
                {
                    'direction': direction,
                    'listener': command.address,
                    'proxy': 'vaurien',
                    'upstream': echo_server.address,
                }
                for direction in ('upstream', 'downstream')
            ]

    def test_received_is_before_toxics_and_sent_is_after(self, command: Proxied | Command, client: Peer) -> None:
        post(command, '/proxies/vaurien/toxics', type='limit_data', stream='upstream', attributes={'bytes': 6})
        client.send(b'ping pong')
        assert client.recv_all() == b''
        scraped = scrape(command)
        assert scraped.value(self.RECEIVED, direction='upstream') == 9
        assert scraped.value(self.SENT, direction='upstream') == 6


class TestOwn:
    def test_links_and_exchanges(self, command: Proxied | Command, client: Peer) -> None:
        exchange(client, 3)
        with Peer.connect(command.port) as other:
            exchange(other)
            scraped = scrape(command)
            assert scraped.value('vaurien_links_open', proxy='vaurien') == 2
            assert scraped.value('vaurien_links_total', proxy='vaurien') == 2
            assert scraped.value('vaurien_exchanges_total', proxy='vaurien') == 4

    def test_faults_and_how_long_they_held(self, command: Proxied | Command, client: Peer) -> None:
        put = requests.put(url(command, '/behavior'), json={'name': 'delay', 'sleep': 0.06}, timeout=TIMEOUT)
        assert put.ok
        post(command, '/proxies/vaurien/toxics', type='latency', name='far', attributes={'latency': 30})
        exchange(client, 2)
        scraped = scrape(command)
        for kind, name, seconds, quicker in (('behavior', 'delay', 0.06, '0.05'), ('toxic', 'far', 0.03, '0.025')):
            labels = {'proxy': 'vaurien', 'kind': kind, 'name': name}
            assert scraped.value('vaurien_faults_total', **labels) == 2
            assert scraped.value('vaurien_added_latency_seconds_count', **labels) == 2
            total = scraped.value('vaurien_added_latency_seconds_sum', **labels)
            assert total is not None
            assert 2 * seconds <= total < TIMEOUT
            assert scraped.value('vaurien_added_latency_seconds_bucket', le=quicker, **labels) == 0
            assert scraped.value('vaurien_added_latency_seconds_bucket', le='+Inf', **labels) == 2

    def test_times_of_exchanges(self, server: Command, toxiproxy: Toxiproxy, redis_server: Server) -> None:
        """From when somebody has looked, which asking for the metrics is."""
        proxy = toxiproxy.create('timed', redis_server.address, protocol='redis')
        labels = {'proxy': 'timed', 'protocol': 'redis'}
        assert scrape(server).value('vaurien_client_seconds_count', **labels) == 0
        with connect(proxy) as client:
            client.send(b'PING\r\n')
            client.recv_until(b'\r\n')
        scraped = scrape(server)
        for name in 'vaurien_client_seconds', 'vaurien_backend_seconds':
            assert scraped.value(f'{name}_count', **labels) == 1
            assert scraped.value(f'{name}_bucket', le='+Inf', **labels) == 1
            assert scraped.value(f'{name}_bucket', le='0.0001', **labels) is not None
            assert 0 < (scraped.value(f'{name}_sum', **labels) or 0) < TIMEOUT
        assert scraped.value('vaurien_events_readers') == 0

    def test_connect_failures(self, vaurien_command: StartCommand) -> None:
        command = vaurien_command('--backend', f'{HOST}:{free_port()}', '--http')
        assert scrape(command).value('vaurien_connect_failures_total') == 0
        with suppress(ConnectionError), Peer.connect(command.port) as client:
            assert client.recv() == b''
        eventually(lambda: scrape(command).value('vaurien_connect_failures_total', proxy='vaurien') == 1)

    def test_what_runs(self, command: Proxied | Command) -> None:
        scraped = scrape(command)
        (build,) = scraped.labels('vaurien_build_info')
        assert build['version'] == __version__
        assert (scraped.value('process_open_fds') or 0) > 3
        assert (scraped.value('process_resident_memory_bytes') or 0) > 1e6


class TestProxies:
    def test_each_has_its_series_until_it_is_gone(self, command: Proxied | Command, echo_server: RawBackend) -> None:
        for _ in (1, 2):  # another one of that name begins anew
            post(command, '/proxies', name='other', listen=f'{HOST}:0', upstream=echo_server.address)
            post(command, '/proxies/other/toxics', type='duplicate')
            listen = requests.get(url(command, '/proxies/other'), timeout=TIMEOUT).json()['listen']
            with Peer.connect(int(listen.rpartition(':')[2])) as client:
                client.send(b'ping')
                assert client.recv_exactly(8) == b'pingping'
            scraped = scrape(command)
            assert scraped.value('vaurien_links_total', proxy='other') == 1
            assert scraped.value('vaurien_faults_total', proxy='other', name='duplicate_downstream') == 1
            assert scraped.value('toxiproxy_proxy_sent_bytes_total', listener=listen, direction='downstream') == 8
            assert scraped.value('vaurien_links_total', proxy='vaurien') == 0
            assert requests.delete(url(command, '/proxies/other'), timeout=TIMEOUT).status_code == 204
            assert {one.labels.get('proxy', 'vaurien') for one in scrape(command).samples} == {'vaurien'}

    def test_none(self, command: Proxied | Command) -> None:
        assert requests.delete(url(command, '/proxies/vaurien'), timeout=TIMEOUT).ok
        assert scrape(command).labels('vaurien_links_open') == []

    def test_a_name_of_any_letters(self, command: Proxied | Command) -> None:
        name = 'a "b"\n\\c\u2028\xe9'
        post(command, '/proxies', name=name, listen=f'{HOST}:0', upstream='nowhere:1')
        assert scrape(command).value('vaurien_links_open', proxy=name) == 0


class TestAnswer:
    def test_any_method_will_do(self, command: Proxied | Command) -> None:
        for method in ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'):
            response = requests.request(method, url(command), timeout=TIMEOUT)
            assert response.status_code == 200
            assert response.headers['Content-Type'] == CONTENT_TYPE == 'text/plain; version=0.0.4; charset=utf-8'
            assert len(response.headers['X-Toxiproxy-Request-Id']) == 20
            assert ('vaurien_links_open' in response.text) is (method != 'HEAD')

    def test_no_browser_is_answered(self, command: Proxied | Command) -> None:
        response = requests.get(url(command), headers={'User-Agent': 'Mozilla/5.0'}, timeout=TIMEOUT)
        assert (response.status_code, response.text) == (403, 'User agent not allowed\n')

    def test_the_token_is_asked_for(self, vaurien_command: StartCommand, echo_server: RawBackend) -> None:
        command = vaurien_command('--backend', echo_server.address, '--http', '--api-token', 'secret')
        assert requests.get(url(command), timeout=TIMEOUT).status_code == 401
        authorized = {'Authorization': 'Bearer secret'}
        assert requests.get(url(command), headers=authorized, timeout=TIMEOUT).status_code == 200


def key_of(sample: Sample) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return what is unique of a sample."""
    return sample.name, tuple(sorted(sample.labels.items()))


def ask_for(command: Proxied | Command, accept: str | None) -> requests.Response:
    return requests.get(url(command), headers={'Accept': accept}, timeout=TIMEOUT)  # None: without that header


class TestProtobuf:
    """The other format, for whoever asks for it."""

    @pytest.mark.parametrize('accept', [PROTOBUF, ASKING, OF_PROMETHEUS_2, OF_PROMETHEUS_3, f'text/plain;q=0,{ASKING}'])
    def test_who_gets_it(self, command: Proxied, accept: str) -> None:
        response = ask_for(command, accept)
        assert response.status_code == 200
        assert response.headers['Content-Type'] == PROTOBUF
        assert 'vaurien_links_open' in {family.name for family in decode(response.content)}

    @pytest.mark.parametrize(
        'accept',
        [
            None,
            '',
            '*/*',
            'text/plain',
            WITHOUT,
            f'{ASKING};q=0.5,text/plain;version=0.0.4;q=0.6',
            f'{ASKING},text/plain',  # either is as welcome
            f'{ASKING};q=0',
            ASKING.replace('delimited', 'text'),
            ASKING.replace('MetricFamily', 'Other'),
            'application/json',
            'anything',
            'text/plain;q=much',
        ],
    )
    def test_who_gets_text(self, command: Proxied, accept: str | None) -> None:
        response = ask_for(command, accept)
        assert response.status_code == 200
        assert response.headers['Content-Type'] == CONTENT_TYPE
        assert response.text.startswith('# HELP ')

    def test_it_says_what_the_text_does(self, command: Proxied, client: Peer) -> None:
        post(command, '/proxies/vaurien/toxics', type='latency', name='far', attributes={'latency': 30})
        exchange(client, 2)
        text = scrape(command)
        families = list(decode(ask_for(command, PROTOBUF).content))
        told = [sample for family in families for sample in read_samples(family)]
        assert sorted(map(key_of, told)) == sorted(map(key_of, text.samples))
        values = {key_of(one): one.value for one in told if not one.name.startswith('process_')}
        assert values == {key_of(one): one.value for one in text.samples if not one.name.startswith('process_')}

    def test_histograms_are_native_ones(self, command: Proxied, client: Peer) -> None:
        post(command, '/proxies/vaurien/toxics', type='latency', name='far', attributes={'latency': 30})
        exchange(client, 2)
        families = {family.name: family for family in decode(ask_for(command, PROTOBUF).content)}
        (held,) = families['vaurien_added_latency_seconds'].metric
        assert labels_of(held) == {'proxy': 'vaurien', 'kind': 'toxic', 'name': 'far'}
        buckets = read_buckets(held.histogram)
        assert (sum(buckets.values()), held.histogram.zero_count) == (2, 0)
        assert min(buckets) >= FIRST + find_place(0.03)
        for name in 'vaurien_backend_seconds', 'vaurien_client_seconds':
            (timed,) = families[name].metric
            assert timed.histogram.zero_threshold > 0


class TestNames:
    """As https://prometheus.io/docs/practices/naming/ has them."""

    def test_ours(self) -> None:
        for family in FAMILIES:
            assert family.name.startswith(('vaurien_', 'toxiproxy_'))
            assert family.name.endswith('_total') == (family.make().type == 'counter')
            assert family.help.endswith('.')
            assert 'proxy' in family.labels

    def test_the_dashboard_asks_for_nothing_else(self, command: Proxied | Command, client: Peer) -> None:
        post(command, '/proxies/vaurien/toxics', type='duplicate')
        client.send(b'ping')
        client.recv_exactly(8)
        scraped = scrape(command)
        dashboard = json.loads(DASHBOARD.read_text())
        queries = [target['expr'] for panel in dashboard['panels'] for target in panel['targets']]
        queries += [variable['definition'] for variable in dashboard['templating']['list'] if 'definition' in variable]
        assert len(queries) > len(FAMILIES)
        asked_for = {name for query in queries for name in NAMES.findall(query)}
        assert asked_for <= {one.name for one in scraped.samples}
        assert {family.name for family in FAMILIES} <= {name.removesuffix('_bucket') for name in asked_for}
        found = [''.join(groups) for query in queries for groups in LABELS.findall(query)]
        labels = {label.strip() for text in found for label in text.split(',')}
        of_prometheus = {'instance', 'job'}
        assert labels <= {label for one in scraped.samples for label in one.labels} | of_prometheus
