"""`Settings` from the section ``[loads]`` of a file and from flags, which win."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from vaurien.config.files import read_document
from vaurien.config.source import place_in, read_mapping
from vaurien.errors import ConfigError, OptionError
from vaurien.loads.outputs import OUTPUTS
from vaurien.loads.settings import QUESTIONS, SETTINGS, Settings, read_value
from vaurien.loads.vaurien_flag import check_server
from vaurien.plugins.options import convert, did_you_mean

#: The only section of a file.
SECTION = 'loads'
#: Settings that need another one, and the reason.
NEEDS = (
    ('broker', 'agents', 'the number of agents is missing'),
    ('python_dep', 'agents', 'only agents install anything'),
    ('include_file', 'agents', 'only agents are sent files'),
    ('detach', 'broker', 'a run can only be left with a broker'),
    ('explore', 'vaurien', 'faults are tried at a proxy'),
    ('explore_fault', 'explore', 'there has to be a folder for the report'),
)


class Source(NamedTuple):
    """Values by key, as they were written."""

    values: Mapping[str, Any]
    #: Returns where a key was written, for error messages.
    place: Callable[[str], str]
    #: Whether every value is a text, which has to be converted.
    text: bool


def read(path: str) -> Source:
    """Return the values in a file. Raises `ConfigError` if it cannot be read."""
    tree, lines, text = read_document(path)
    place = partial(place_in, path, lines)
    sections = read_mapping(tree, '', place)
    for section in sections:
        if section != SECTION:
            raise ConfigError(f'unknown section, {did_you_mean(section, [SECTION])}', place(section))
    values = read_mapping(sections.get(SECTION), SECTION, place)
    return Source(values, lambda key: place(f'{SECTION}.{key}'), text)


def build(*sources: Source) -> Settings:
    """Return the settings that *sources* give; a later source wins. Raises `ConfigError` for a mistake in them."""
    values = {name: setting.default for name, setting in SETTINGS.items()}
    outputs: dict[str, dict[str, Any]] = {}
    fqn = ''
    for source in sources:
        given = {key.replace('-', '_'): (key, value) for key, value in source.values.items()}
        if {'hits', 'duration'} <= given.keys():
            raise ConfigError('give hits or a duration, not both', source.place(given['duration'][0]))
        if given.keys() & {'hits', 'duration'}:
            values['hits'] = values['duration'] = None
        asked: set[str] = set()
        for name, (key, value) in given.items():
            try:
                if name == 'fqn':
                    fqn = convert(value, str)
                elif name in SETTINGS:
                    values[name] = read_value(name, value, text=source.text)
                else:
                    output, option, read_option = _read_output_option(name, value, text=source.text)
                    outputs.setdefault(output, {})[option] = read_option
                    asked.add(output)
            except ConfigError as error:
                raise type(error)(error.description, source.place(key)) from None
        for name in asked - set(values['output']):
            raise ConfigError(
                f'these are options of {name!r}, which is not among the outputs: add --output {name}', '--output'
            )
    settings = Settings(fqn, values, outputs)
    check(settings)
    return settings


def check(settings: Settings) -> None:
    """Raise `ConfigError` for settings that contradict each other."""
    questions = [name for name in QUESTIONS if settings.values[name]]
    if len(questions) > 1:
        raise ConfigError(f'choose one of {", ".join(map(_flag, questions))}')
    for name in settings.output:
        if name not in OUTPUTS:
            raise ConfigError(f'unknown output {name!r}, {did_you_mean(name, list(OUTPUTS))}', '--output')
    if questions:
        return
    if not settings.fqn:
        raise ConfigError('the name of a test is missing, such as example.TestWebSite.test_es')
    check_server(settings.server_url)
    for needy, needed, why in NEEDS:
        if settings.values[needy] and not settings.values[needed]:
            raise ConfigError(f'{why}: see {_flag(needed)}', _flag(needy))
    if settings.vaurien and settings.no_patching:
        raise ConfigError('a proxy needs the patched standard library, so it excludes --no-patching', '--vaurien')
    if settings.explore and settings.agents:
        raise ConfigError('it is for runs without agents', '--explore')
    if settings.explore and any(word.startswith('behavior=') for word in settings.vaurien.words):
        raise ConfigError('it tries faults itself, so --vaurien has no behavior', '--explore')


def _flag(name: str) -> str:
    return f'--{name.replace("_", "-")}'


def _read_output_option(name: str, value: Any, *, text: bool) -> tuple[str, str, Any]:
    """Return the output, the option and the value of a name such as ``output_file_filename``."""
    known = {f'output_{output}_{option}': (output, option) for output, one in OUTPUTS.items() for option in one.options}
    if name not in known:
        every = ['fqn', *SETTINGS, *known]
        raise OptionError(f'no such setting, {did_you_mean(name, every)}')
    output, option = known[name]
    return output, option, OUTPUTS[output].check({option: value}, text=text)[option]
