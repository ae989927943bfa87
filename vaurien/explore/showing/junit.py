"""Findings for what reads reports of tests: properties of a test case, and a file in the form of JUnit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from xml.etree import ElementTree

from vaurien.console.output import make_lines_printable
from vaurien.explore.model import Explored, Outcome
from vaurien.explore.showing.baseline import NOTHING, Baseline
from vaurien.explore.showing.findings import Finding, find_findings, should_fail
from vaurien.explore.showing.score import Score
from vaurien.explore.showing.words import describe_place, join, summarize


def make_properties(explored: Explored) -> list[tuple[str, str]]:
    """Return names and values, which an item of pytest takes: the score, proxies left to the test, and findings."""
    score = Score.count([explored])
    numbers = [('survived', score.survived), ('tried', score.tried), ('possible', score.possible)]
    return [
        *((f'vaurien.{name}', str(number)) for name, number in numbers),
        *(('vaurien.apart', proxy) for proxy in explored.apart),
        *(('vaurien.finding', _describe(finding)) for finding in find_findings([explored], NOTHING)),
    ]


def format_junit(explored: Sequence[Explored], baseline: Baseline, failing: Collection[Outcome]) -> bytes:
    """Return the file: a case for each test, which fails for what is new and has one of the outcomes *failing*."""
    root = ElementTree.Element('testsuites')
    suite = ElementTree.SubElement(root, 'testsuite', name='vaurien explore', tests=str(len(explored)))
    failures = skipped = 0
    for test in explored:
        case = ElementTree.SubElement(
            suite, 'testcase', classname='vaurien explore', name=_escape(test.test), time=f'{test.seconds:.3f}'
        )
        properties = ElementTree.SubElement(case, 'properties')
        for name, value in make_properties(test):
            ElementTree.SubElement(properties, 'property', name=name, value=_escape(value))
        new = [finding for finding in find_findings([test], baseline) if should_fail([finding], failing)]
        if new:
            failures += 1
            message = join([f'{outcome.value} ({describe_place(one)})' for one in new for outcome in one.outcomes[:1]])
            failure = ElementTree.SubElement(case, 'failure', message=_escape(message))
            failure.text = _escape('\n\n'.join(f'{_describe(one)}\n{one.replay}' for one in new))
        elif test.problem:
            skipped += 1
            ElementTree.SubElement(case, 'skipped', message=_escape(test.problem))
    suite.attrib |= {'failures': str(failures), 'errors': '0', 'skipped': str(skipped)}
    ElementTree.indent(root)
    text: str = ElementTree.tostring(root, encoding='unicode')
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _describe(finding: Finding) -> str:
    outcomes = join([outcome.value for outcome in finding.outcomes])
    return f'{outcomes}: {describe_place(finding)} {summarize(finding)}'


def _escape(text: str) -> str:
    """Return *text* with escapes for characters that XML cannot have."""
    return make_lines_printable(text)
