"""A `requests.Session` that tells how long each request took."""

from __future__ import annotations

import threading
import time
from typing import Any

import requests

from vaurien.loads.recorder import Recorder


class Session(requests.Session):
    """Every call is one request in the statistics, whatever redirects it follows.

    Whether a status is good is for the test to say: only requests that got no response count as failed.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.trust_env = False  # to look at the environment costs a third of all that a request costs
        self._recorder = recorder
        self._call = threading.local()
        recorder.adapt(self)

    def request(self, *arguments: Any, name: str | None = None, **options: Any) -> requests.Response:
        """As in requests; *name* is what the request is called in the statistics, instead of its path."""
        self._call.name = name
        try:
            return super().request(*arguments, **options)
        finally:
            self._call.name = None

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """As in requests; called again, from inside, for each redirect."""
        if getattr(self._call, 'sending', False):
            return super().send(request, **options)
        self._call.sending = True
        started, began = time.time(), time.perf_counter()
        try:
            response = super().send(request, **options)
        except requests.RequestException as error:  # not GreenletExit: a request that was cut off did not fail
            self._tell(request, started, began, exception=error)
            raise
        finally:
            self._call.sending = False
        stream = options.get('stream', self.stream)
        length = response.headers.get('Content-Length', '') if stream else ''
        size = len(response.content) if not stream else int(length) if length.isdigit() else 0
        self._tell(request, started, began, response=response, response_length=size)
        return response

    def _tell(self, request: requests.PreparedRequest, started: float, began: float, **result: Any) -> None:
        defaults: dict[str, Any] = {'response': None, 'response_length': 0, 'exception': None, 'context': {}}
        self._recorder.fire(
            request_type=request.method,
            name=getattr(self._call, 'name', None) or request.url,
            response_time=1000 * (time.perf_counter() - began),
            start_time=started,
            url=request.url,
            **defaults | result,
        )
