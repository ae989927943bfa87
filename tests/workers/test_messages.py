"""What workers are told comes to them as it was."""

from __future__ import annotations

from pathlib import Path
from random import Random

from vaurien.address import NOWHERE
from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.distribution import reading_files
from vaurien.plugins.registry import Registry
from vaurien.rules.behaviors import make_rules
from vaurien.rules.toxics import read_toxics
from vaurien.settings import ProxySettings
from vaurien.workers.messages import decode, encode

RULES = """\
5:error(match='/a.*b/', client=10.0.0.0/8, for=2s),\
5:delay(sleep='normal(mean=100ms, sd=20ms)', nth=every 3, sequence='pass,fail', match='GET *'),\
5:abort(after='3 rows')"""


def test_settings_come_as_they_were() -> None:
    rules = make_rules(RULES)
    toxics = read_toxics('latency(latency=200, client=10.0.0.0/8)@upstream,bandwidth(rate=1MB/s)')
    settings = ProxySettings(behaviors=rules, toxics=toxics, backend=NOWHERE, behavior_options={'delay': {'sleep': 2}})
    come = decode(encode(settings))
    assert come == settings
    assert come.behaviors[0].limits['match'].matches('xaxbx')
    assert not come.behaviors[0].limits['match'].matches('b')
    drawn = [rule.options['sleep'].draw(Random(1)) for rule in (rules[1], come.behaviors[1])]
    assert drawn[0] == drawn[1]


def test_a_table_comes_without_its_file(tmp_path: Path) -> None:
    path = tmp_path / 'times'
    path.write_text('0.1\n0.2\n')
    with reading_files():
        rules = make_rules(f"100:delay(sleep='table({path})')")
    path.unlink()
    (rule,) = decode(encode(rules))
    assert {rule.options['sleep'].draw(Random(seed)) for seed in range(20)} == {0.1, 0.2}


def test_a_plug_in_has_the_name_under_which_it_was_registered(behaviors: Registry[Dummy]) -> None:
    class Sleepy(Dummy):
        """Does as it is told."""

        name = 'sleepy'

    behaviors.register(Sleepy, 'drowsy')
    (rule,) = decode(encode(make_rules('100:drowsy')))
    assert rule.kind is behaviors.get('drowsy')
