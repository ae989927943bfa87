"""A `requests.Session` that records how long each request took."""

from __future__ import annotations

import threading
import time
from typing import Any

import requests

from vaurien.loads.recorder import Recorder


class Session(requests.Session):
    """A session each call of which is one request in the statistics, redirects included.

    Only a request without a response counts as failed. Whether a status is good is for the test to decide.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.trust_env = False  # reading the environment takes a third of the time of a request
        self._recorder = recorder
        self._call = threading.local()
        recorder.adapt(self)

    def request(self, *arguments: Any, name: str | None = None, **options: Any) -> requests.Response:
        """Send a request, as `requests.Session` does. *name* replaces its path in the statistics."""
        self._call.name = name
        try:
            return super().request(*arguments, **options)
        finally:
            self._call.name = None

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a prepared request, as `requests.Session` does."""
        if getattr(self._call, 'sending', False):  # requests calls this again for each redirect
            return super().send(request, **options)
        self._call.sending = True
        started, began = time.time(), time.perf_counter()
        try:
            response = super().send(request, **options)
        except requests.RequestException as error:  # not `GreenletExit`: a request that was cut off did not fail
            self._record(request, started, began, exception=error)
            raise
        finally:
            self._call.sending = False
        stream = options.get('stream', self.stream)
        length = response.headers.get('Content-Length', '') if stream else ''
        size = len(response.content) if not stream else int(length) if length.isdigit() else 0
        self._record(request, started, began, response=response, response_length=size)
        return response

    def _record(self, request: requests.PreparedRequest, started: float, began: float, **result: Any) -> None:
        defaults: dict[str, Any] = {'response': None, 'response_length': 0, 'exception': None, 'context': {}}
        self._recorder.fire(
            request_type=request.method,
            name=getattr(self._call, 'name', None) or request.url,
            response_time=1000 * (time.perf_counter() - began),
            start_time=started,
            url=request.url,
            **defaults | result,
        )
