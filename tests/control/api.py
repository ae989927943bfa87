"""Requests to a control API."""

from __future__ import annotations

from typing import Any

import requests

from tests.servers import TIMEOUT


class Api:
    """Requests to one API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def __call__(self, method: str, path: str, **given: Any) -> requests.Response:
        response = self.session.request(method, self.url + path, timeout=TIMEOUT, **given)
        assert response.headers['Content-Type'] == 'application/json'
        return response

    def refused(self, method: str, path: str, status: int, **given: Any) -> dict[str, str]:
        """The one error of a request that is refused with *status*."""
        response = self(method, path, **given)
        answer = response.json()
        assert response.status_code == status, answer
        assert set(answer) == {'status', 'errors'}
        assert answer['status'] == 'error'
        error: dict[str, str]
        (error,) = answer['errors']
        assert set(error) == {'location', 'name', 'description'}
        assert error['description']
        return error
