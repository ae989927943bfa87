"""Why a command has failed, by what it has printed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tests.programs import run_to_end
from vaurien.explore.command_failure import read_failure

#: What frameworks print that are not run here, as their documentation has it; and the status that it is about.
PRINTED = [
    (
        'expect(received).toBe(expected) // Object.is equality\n\n    Expected: 201\n    Received: 503\n',
        503,
        'Expected: 201 Received: 503',
    ),
    ('AssertionError: expected 503 to equal 201', 503, 'expected 503 to equal 201'),
    (
        'Error: expected 201 "Created", got 503 "Service Unavailable"\n  AssertionError',
        503,
        'expected 201 "Created", got 503',
    ),
    (
        '  Failure/Error: expect(status).to eq 201\n\n    expected: 201\n         got: 503',
        503,
        'expected: 201 got: 503',
    ),
    (
        '--- FAIL: TestPlace (0.01s)\n    Error Trace: x.go:9\n    expected: 201\n    actual  : 503',
        503,
        'expected: 201 actual : 503',
    ),
    (
        'org.opentest4j.AssertionFailedError: expected: <201> but was: <503>',
        503,
        'expected: <201> but was: <503>',
    ),
    ('Failed asserting that 503 matches expected 201.', 503, 'that 503 matches expected 201'),
    (
        "thread 'main' panicked at 'assertion `left == right` failed\n  left: 503\n right: 201'",
        503,
        'left: 503 right: 201',
    ),
    ('--- FAIL: TestPlace (0.01s)\n    x_test.go:12: there is no order', None, '--- FAIL: TestPlace (0.01s)'),
    # Two have failed, one of them not on a status.
    (
        'AssertionError: 503 != 201\n' + '.\n' * 20 + 'AssertionError: False is not true',
        None,
        'False is not true',
    ),
    ('AssertionError: 503 != 201\n' + '.\n' * 20 + 'AssertionError: 500 != 201', 500, '500 != 201'),
]


def run(*command: str, cwd: Path = Path()) -> tuple[int, str]:
    ended = run_to_end(command, cwd)
    return ended.returncode, ended.stdout


@pytest.mark.parametrize(('output', 'status', 'message'), PRINTED)
def test_what_other_frameworks_print(output: str, status: int | None, message: str) -> None:
    failure = read_failure(1, output)
    assert failure.is_assertion
    assert (failure.status, failure.message) == (status, message)


@pytest.mark.parametrize(
    ('code', 'is_assertion', 'kind', 'message', 'status'),
    [
        ('raise ConnectionError("gone")', False, 'ConnectionError', 'gone', None),
        ('import json\ntry: 1/0\nexcept Exception: json.loads("x")', False, 'json.decoder.JSONDecodeError', None, None),
        ('assert 0, "no order"', True, 'AssertionError', 'no order', None),
        ('import unittest; unittest.TestCase().assertEqual(503, 201)', True, 'AssertionError', '503 != 201', 503),
        ('raise SystemExit("no payment today")', True, 'exit 1', 'no payment today', None),
        ('import os; os.kill(os.getpid(), 11)', True, 'SIGSEGV', '', None),
    ],
)
def test_python(code: str, is_assertion: bool, kind: str, message: str | None, status: int | None) -> None:
    failure = read_failure(*run(sys.executable, '-c', code))
    assert (failure.is_assertion, failure.kinds, failure.status) == (is_assertion, (kind,), status)
    if message is not None:
        assert failure.message == message


@pytest.mark.parametrize('reporter', ['tap', 'spec'])
@pytest.mark.parametrize(
    ('body', 'is_assertion', 'kind', 'status', 'message'),
    [
        ('assert.equal(503, 201)', True, 'AssertionError', 503, 'it: 503 !== 201'),
        (
            'assert.equal(2, 1)',
            True,
            'AssertionError',
            None,
            'it: Expected values to be strictly equal: 2 !== 1',
        ),
        ('assert.ok(false, "no order")', True, 'AssertionError', None, 'it: no order'),
        ('throw new TypeError("no function")', False, 'TypeError', None, 'no function'),
    ],
)
def test_node(
    tmp_path: Path, reporter: str, body: str, is_assertion: bool, kind: str, status: int | None, message: str | None
) -> None:
    test = f'import test from "node:test"; import assert from "node:assert/strict"; test("it", () => {{ {body} }})'
    (tmp_path / 'it.test.mjs').write_text(test)
    failure = read_failure(*run('node', '--test', f'--test-reporter={reporter}', 'it.test.mjs', cwd=tmp_path))
    assert (failure.is_assertion, failure.kinds, failure.status) == (is_assertion, (kind,), status)
    assert failure.message == message


def test_node_without_a_framework() -> None:
    failure = read_failure(*run('node', '-e', 'throw new Error("read ECONNRESET")'))
    assert (failure.is_assertion, failure.kinds, failure.message) == (False, ('Error',), 'read ECONNRESET')


@given(st.integers(-64, 255).filter(bool), st.text())
def test_any_output_is_read(status: int, output: str) -> None:
    assert read_failure(status, output).kinds
