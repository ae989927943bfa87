"""Rules from what people write, a text or a list, with every option checked; and the text of rules."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from vaurien.behaviors import Behavior
from vaurien.behaviors.dummy import Dummy
from vaurien.clock import no_pause
from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.options import convert, did_you_mean
from vaurien.plugins.registry import NAME
from vaurien.plugins.stage import Stage
from vaurien.rules.grammar import Term, check_percent, format_term, iterate_spec, shortest
from vaurien.rules.rule import Rule

#: How far a sum of percents may miss 100: ten times 0.1 is not 1.
TOLERANCE = 1e-6

#: What arms behaviors: a text (``20:error,10:delay(sleep=2)``), or a list of ``name``, ``percent`` and options.
Spec = str | Sequence[Mapping[str, object]]

#: Options by the name of the behavior.
Options = Mapping[str, Mapping[str, object]]


def make_rules(spec: Spec, configured: Options | None = None) -> tuple[Rule, ...]:
    """Return the rules that *spec* arms, over the *configured* options; raise `ConfigError`.

    Both steps can be taken one by one: see `read_rules` and `complete_rules`.
    """
    return complete_rules(read_rules(spec), configured or {})


def read_rules(spec: Spec, pause: Callable[[], object] = no_pause) -> list[Rule]:
    """Return the rules in *spec*, with the options that are written there. *pause* is called after each of them.

    Raise `ConfigError` for a text or a percent that is none, `PluginError` for an unknown behavior, `OptionError` for a
    bad option.
    """
    is_text = isinstance(spec, str)
    if not isinstance(spec, Iterable):
        raise ConfigError(f'expected a name, a text or a list, got {spec!r}', 'behavior')
    terms = iterate_spec(spec) if isinstance(spec, str) else itertools.starmap(_read_term, enumerate(spec))
    rules = []
    for i, term in enumerate(terms):
        try:
            kind = Behavior.get(term.name)
            options = _find_client_name(kind, term.options) if is_text else term.options
            rules.append(Rule(kind, term.percent, kind.check(options, text=is_text)))
        except ConfigError as error:
            where = term.name if is_text else f'behaviors[{i}]'
            raise error.within(where) if error.path or not is_text else error from None
        pause()
    return rules


def complete_rules(
    rules: Sequence[Rule], *defaults: Options, pause: Callable[[], object] = no_pause
) -> tuple[Rule, ...]:
    """Return *rules* over checked options by behavior, the first *defaults* before the others.

    Raise `ConfigError` for a rule that cannot be reached, `OptionError` for options that contradict each other.
    """
    complete = []
    for rule in rules:
        complete.append(rule.over(*(options.get(rule.name, {}) for options in defaults)))
        pause()
    for stage in Stage:
        _check_reach([rule for rule in complete if rule.stage is stage])
    return tuple(complete)


def check_options(options: Options, rules: Sequence[Rule] = ()) -> dict[str, dict[str, Any]]:
    """Return *options* checked and converted; raise `ConfigError` with the behavior and the option as its path.

    Behaviors of *rules* are not looked up again.
    """
    kinds = {rule.name: rule.kind for rule in rules}
    checked = {}
    for name, given in options.items():
        try:
            kind = kinds[name] if name in kinds else Behavior.get(name)
            checked[name] = kind.check(given)
        except ConfigError as error:
            raise error.within(name) from None
    return checked


def check_own_options(options: Options, rules: Sequence[Rule]) -> dict[str, dict[str, Any]]:
    """Do as `check_options`, and raise `OptionError` also for options of a behavior that no rule has."""
    names = [rule.name for rule in rules]
    for name in options:
        if name not in names and len(names) > 1 and not isinstance(options[name], Mapping):
            raise OptionError(f'of which behavior? Give options by behavior, as in {names[0]}={{{name!r}: …}}', name)
        if name not in names:
            raise OptionError(f'{name!r} is not among what is to be armed, {did_you_mean(name, names)}', name)
    return check_options(options, rules)


def sort_options(spec: Spec, options: dict[str, Any]) -> dict[str, Any]:
    """Return keyword options by behavior: those of the one that *spec* names, or, of any other *spec*, as they are."""
    return {spec: options} if isinstance(spec, str) and NAME.fullmatch(spec) else options


def format_rules(rules: Sequence[Rule], pause: Callable[[], object] = no_pause, *, in_full: bool = False) -> str:
    """Return the text that `read_rules` reads as *rules*; ``dummy`` for none. *pause* is called after each of them.

    A rule is written with its options if all are to be *in_full*, if it has limits, or if another rule has the same
    name.
    """
    rules = rules or (Rule(Dummy),)
    counts = Counter(rule.name for rule in rules)
    terms = []
    for rule in rules:
        options = rule.chosen if in_full or _is_in_full(rule, counts) else {}
        terms.append(format_term(Term(rule.name, rule.percent, options), alone=len(rules) == 1))
        pause()
    return ','.join(terms)


def list_left_out(
    rules: Sequence[Rule], configured: Options, pause: Callable[[], object] = no_pause
) -> dict[str, dict[str, Any]]:
    """Return the options, by behavior, without which the text of `format_rules` would not be read as *rules*.

    They are those that are not at their defaults, or for which something else was *configured*. *pause* is called after
    each rule.
    """
    counts = Counter(rule.name for rule in rules)
    left: dict[str, dict[str, Any]] = {}
    for rule in rules:
        written = rule.chosen if _is_in_full(rule, counts) else {}
        usual = [rule.kind.resolve(given) for given in ({}, configured.get(rule.name, {}))]
        for name, value in rule.options.items():
            if name not in written and any(value != values[name] for values in usual):
                left.setdefault(rule.name, {})[name] = value
        pause()
    return left


def _is_in_full(rule: Rule, counts: Mapping[str, int]) -> bool:
    """Return whether a rule is written with its options: it has limits, or there is another one of its name."""
    return counts[rule.name] > 1 or any(rule.options[name] is not None for name in Dummy.options)


def _read_term(number: int, given: Any) -> Term:
    if not isinstance(given, Mapping):
        raise ConfigError('expected name, percent and options', f'behaviors[{number}]')
    options = {str(key): value for key, value in given.items()}
    try:
        name = convert(options.pop('name', None), str)
    except OptionError as error:
        raise error.within('name').within(f'behaviors[{number}]') from None
    try:
        percent = check_percent(convert(options.pop('percent', 100.0), float), name)
    except ConfigError as error:
        raise error.within('percent').within(f'behaviors[{number}]') from None
    return Term(name, percent, options)


def _find_client_name(kind: type[Dummy], options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *options* with ``client_name`` for ``name``: only in parentheses, that is not the name of the behavior."""
    if 'name' not in options or 'name' in kind.all_options():
        return options
    return {'client_name' if name == 'name' else name: value for name, value in options.items()}


def _check_reach(rules: Sequence[Rule]) -> None:
    """Raise `ConfigError` if the rules before a rule leave it less than its percent of the exchanges that it is for."""
    #: The percents of the rules before that are for every exchange, and for every one that matches a pattern.
    every, matching = 0.0, defaultdict[Any, float](float)
    for rule in rules:
        total = rule.percent + every + (0.0 if rule.match is None else matching[rule.match])
        if total > 100 + TOLERANCE:
            raise ConfigError(
                f'{format_rules(rules)!r} adds up to {shortest(total)} percent, more than 100, at {rule.name}'
            )
        if rule.leaves_some:
            continue
        if rule.match is None:
            every += rule.percent
        else:
            matching[rule.match] += rule.percent
