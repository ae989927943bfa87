"""Properties of test cases, and the file in the form of JUnit."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.explore.showing.sample import PLACE, POINTS, make_cell, make_explored
from vaurien.explore.model import SEVERITY, Explored, Outcome
from vaurien.explore.showing.baseline import NOTHING, Accepted, Baseline
from vaurien.explore.showing.junit import format_junit, make_properties
from vaurien.framing.trials import Kind


def test_a_test_says_its_score_and_its_findings() -> None:
    properties = make_properties(make_explored()[0])
    assert properties[:3] == [('vaurien.survived', '14'), ('vaurien.tried', '21'), ('vaurien.possible', '25')]
    assert [name for name, _ in properties[3:]] == ['vaurien.finding'] * 6
    assert properties[4][1].startswith(
        'wrong and twice: payments: POST /charge if it is carried out and its reply is lost, or the reply breaks off: '
    )


def test_a_test_says_which_proxies_were_left_to_it() -> None:
    properties = make_properties(Explored(test=PLACE, apart=('redis', 'mail')))
    assert properties[3:] == [('vaurien.apart', 'redis'), ('vaurien.apart', 'mail')]


def test_the_file_has_a_case_for_each_test_and_fails_what_has_a_finding() -> None:
    root = ElementTree.fromstring(format_junit(make_explored(), NOTHING, SEVERITY))
    [suite] = root.findall('testsuite')
    assert {name: suite.get(name) for name in ('tests', 'failures', 'errors', 'skipped')} == {
        'tests': '4',
        'failures': '1',
        'errors': '0',
        'skipped': '1',
    }
    first, second, third, fourth = suite.findall('testcase')
    assert (first.get('name'), first.get('time')) == (PLACE, '1.900')
    assert "--vaurien-fault 'payments: POST /charge #1 lost'\n" in first.findtext('failure', '')
    assert [child.tag for child in second] == [child.tag for child in third] == ['properties']
    skipped = fourth.find('skipped')
    assert skipped is not None
    assert skipped.get('message') == 'it failed without a fault: assert 1 == 2'


def test_what_is_accepted_does_not_fail_and_is_a_property_all_the_same() -> None:
    cell = make_cell(POINTS[4], Kind.LOST, Outcome.TWICE)
    explored = [Explored(test=PLACE, cells=[cell])]
    faults = (str(cell.injections[0]),)
    baseline = Baseline([Accepted(faults=faults, outcomes=frozenset({Outcome.TWICE}), reason='so it is')])
    [case] = ElementTree.fromstring(format_junit(explored, baseline, SEVERITY)).iter('testcase')
    assert case.find('failure') is None
    assert [one.get('name') for one in case.iter('property')][3:] == ['vaurien.finding']


def test_any_text_makes_a_file_that_can_be_read() -> None:
    message = ''.join(map(chr, range(0x300))) + '\ufffe\uffff\U0001f600]]>'
    cell = make_cell(POINTS[4], Kind.LOST, Outcome.WRONG, message=message)
    root = ElementTree.fromstring(
        format_junit([Explored(test='\x00', cells=[cell], problem='\x1b')], NOTHING, SEVERITY)
    )
    assert '\U0001f600]]>' in (next(root.iter('failure')).text or '')
