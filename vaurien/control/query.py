"""The parameters in the query of a path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaurien.errors import OptionError, ParameterError
from vaurien.plugins.options import Option, convert, did_you_mean


def read_parameters(parameters: Mapping[str, Any], declared: Mapping[str, Option]) -> dict[str, Any]:
    """Return the values of those of the *declared* parameters that are given; raise `ParameterError`.

    A name alone, ``?follow``, is true.
    """
    values: dict[str, Any] = {}
    for name, value in parameters.items():
        if name not in declared:
            raise ParameterError(f'there is no such parameter, {did_you_mean(name, list(declared))}', name)
        type_ = declared[name][1]
        try:
            values[name] = convert('true' if type_ is bool and value == '' else value, type_, text=True)
        except OptionError as error:
            raise ParameterError(error.description, name) from None
    return values
