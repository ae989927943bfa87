"""What requests ask for becomes rules, or one line in the log; without a socket."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from vaurien.engine.addressed import KNOWN, MAX_TEXT, MAX_WARNINGS, Addressed
from vaurien.protocols.http import HTTP
from vaurien.records.proxy_log import NO_PROXY
from vaurien.rules.rule import Rule


def make(configured: Mapping[str, Mapping[str, Any]] | None = None) -> Addressed:
    return Addressed(lambda rule: rule.arm(HTTP, is_addressed=True), 1, lambda: configured or {}, NO_PROXY)


def find_rules(addressed: Addressed, text: str) -> list[Rule]:
    selector = addressed.find(text)
    assert selector is not None
    return list(selector.rules)


def test_they_are_rules_at_work_that_are_not_armed() -> None:
    error, delay = find_rules(make(), "20:error(code=503, match='GET *'), 10:delay(sleep=50ms)")
    assert (error.name, error.percent, error.options['code'], delay.options['sleep']) == ('error', 20.0, 503, 0.05)
    assert error.is_addressed
    assert error.behavior.option('code') == 503


def test_the_same_text_means_the_same_rules() -> None:
    addressed = make()
    assert addressed.find('error(times=1)') is addressed.find('error(times=1)')
    assert addressed.find('error(times=1)') is not addressed.find('error(times=1) ')


def test_configured_options_count_but_for_their_limits() -> None:
    (rule,) = find_rules(make({'error': {'code': 503, 'times': 3, 'for': 30.0}}), 'error')
    assert (rule.options['code'], rule.limits) == (503, {})


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('erorr', "unknown behavior 'erorr', did you mean 'error'?"),
        ('error(', 'expected option=value'),
        ('error(code=200)', 'error.code'),
        ('error(errno=1205)', 'error.errno: errors of http have no such option'),
        ('error,delay', 'more than 100'),
        ('error(for=30s)', 'error.for: a request cannot ask for that'),
        ("error(once='GET *')", 'error.once: a request cannot ask for that'),
        ("hang(match='TLS *')", 'hang: it is for what comes before any request'),
        ('refuse', 'refuse: it is for what comes before any request'),
        ('unplug', 'unplug: it is for what comes before any request'),
        ('error(alert=access_denied)', 'error: it is for what comes before any request'),
        ('delay(sleep=' + '0' * MAX_TEXT + ')', f'more than {MAX_TEXT} characters'),
        ('delay(sleep="table(/etc/hostname)")', 'only flags, files and programs can name a file, not a request'),
        ('bad\nthing', "'bad\\nthing'"),
    ],
)
def test_what_is_refused_is_one_line_once(text: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    addressed = make()
    assert [addressed.find(text), addressed.find(text)] == [None, None]
    (message,) = caplog.messages
    assert message.startswith('a request asks for ')
    assert said in message
    assert '\n' not in message


@pytest.mark.parametrize('text', ['this:that', 'antigravity:x', '100:antigravity', 'antigravity.x', 'antigravity(x=1)'])
def test_nothing_is_imported_for_it(text: str) -> None:
    assert make().find(text) is None
    assert 'antigravity' not in sys.modules


def test_there_is_an_end_to_the_lines_and_to_what_is_known(caplog: pytest.LogCaptureFixture) -> None:
    addressed = make()
    with caplog.at_level(logging.WARNING):
        for i in range(KNOWN + 1):
            assert addressed.find(f'no-{i}') is None
    assert len(caplog.messages) == MAX_WARNINGS + 1
    assert caplog.messages[-1] == f'requests have asked for {MAX_WARNINGS} texts that are refused: no more are logged'
    assert len(addressed._known) == KNOWN
