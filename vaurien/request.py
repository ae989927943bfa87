"""One request to a control API: JSON there and back, and whatever goes wrong as an error of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from vaurien.errors import ConfigError, ControlError, UnreachableError
from vaurien.reason import find_reason


def send(
    url: str, method: str, path: str, body: Mapping[str, Any] | None, *, timeout: float, token: str | None
) -> dict[str, Any]:
    """The JSON object that the API at *url* answers, without any field where it answers nothing.

    Raises `ControlError` with its own words if it refuses, `UnreachableError` if nothing answers, or no control API,
    `ConfigError` for a *body* with a number that JSON does not have.
    *timeout*: seconds to connect, and then to wait for the answer.
    """
    import requests  # late: whoever only starts proxies does without

    headers = {} if token is None else {'Authorization': f'Bearer {token}'}
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy for the web is none for this
            response = session.request(
                method, url + path, json=body, headers=headers, timeout=timeout, allow_redirects=False
            )
    except requests.exceptions.InvalidJSONError as error:
        raise ConfigError(f'no JSON: {error}') from None
    except requests.Timeout:
        raise UnreachableError(f'{url} did not answer within {timeout:g} s') from None
    except requests.RequestException as error:
        raise UnreachableError(f'cannot reach {url}: {find_reason(error)}') from None
    if response.status_code == requests.codes.no_content:
        return {}
    try:
        answer = response.json()
        if response.ok and isinstance(answer, dict):
            return cast('dict[str, Any]', answer)
        refusal = _read_refusal(answer)
    except (ValueError, KeyError, TypeError):
        raise UnreachableError(f'{url} is no control API: it answers {response.status_code}') from None
    raise ControlError(refusal, response.status_code)


def _read_refusal(answer: Any) -> str:
    """The text of an error in the form of Toxiproxy, or in our own."""
    if 'error' in answer:
        return str(answer['error'])
    errors = [(error['name'], error['description']) for error in answer['errors']]
    return '; '.join(f'{name}: {text}' if name else text for name, text in errors)
