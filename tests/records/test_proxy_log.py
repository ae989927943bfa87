"""The log of a proxy: its lines name it where there are others, and its records always do."""

from __future__ import annotations

import logging

import pytest

from vaurien.records.proxy_log import ProxyLog


def test_lines_have_the_name(caplog: pytest.LogCaptureFixture) -> None:
    log = ProxyLog('100%s')
    with caplog.at_level(logging.INFO):
        log.prepare_info('link %d: %s')(3, 'late', extra={'proxy': '100%s', 'link': 3})
        log.info('%s', 'soon')
        log.warning('%d%% full', 100)
        log.log(logging.ERROR, 'broken')
        log.debug('not this')
    assert caplog.messages == [
        'proxy 100%s: link 3: late',
        'proxy 100%s: soon',
        'proxy 100%s: 100% full',
        'proxy 100%s: broken',
    ]
    fields = [{name: vars(record).get(name) for name in ('proxy', 'link')} for record in caplog.records]
    assert fields == [{'proxy': '100%s', 'link': 3}] + 3 * [{'proxy': '100%s', 'link': None}]


def test_the_only_proxy_is_a_field_alone(caplog: pytest.LogCaptureFixture) -> None:
    ProxyLog('vaurien', is_alone=True).warning('%s', 'late')
    (record,) = caplog.records
    assert (record.getMessage(), vars(record)['proxy']) == ('late', 'vaurien')
