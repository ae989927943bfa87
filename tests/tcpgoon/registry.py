"""A fake of a Eureka server: what its REST interface documents for ``GET …/apps/APP``, and no more."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers import HOST


def instance(number: int, port: int, *, status: str = 'UP', secure_port: int | None = None) -> dict[str, Any]:
    """Return an instance as a registry describes it. Every other one has ports as texts, as in some versions."""
    write = str if number % 2 else int
    return {
        'instanceId': f'orders-{number}',
        'hostName': 'orders.example.com',
        'app': 'ORDERS',
        'ipAddr': HOST,
        'status': status,
        'overriddenStatus': 'UNKNOWN',
        'port': {'$': write(port), '@enabled': 'true' if secure_port is None else 'false'},
        'securePort': {'$': write(secure_port or 443), '@enabled': 'false' if secure_port is None else 'true'},
        'countryId': 1,
        'dataCenterInfo': {'@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', 'name': 'MyOwn'},
        'leaseInfo': {'renewalIntervalInSecs': 30, 'durationInSecs': 90},
        'metadata': {'management.port': str(port)},
        'vipAddress': 'orders',
    }


class FakeRegistry:
    """A registry that knows the application ``ORDERS``. A test sets its response; ``asked`` keeps the requests."""

    def __init__(self) -> None:
        self.answer: Any = None
        self.status = 200
        self.asked: list[tuple[str, str | None, str | None]] = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.path == '/eureka/apps/ORDERS'
                registry.asked.append((self.path, self.headers['Accept'], self.headers['Authorization']))
                body = registry.answer if isinstance(registry.answer, bytes) else json.dumps(registry.answer).encode()
                self.send_response(registry.status if known else 404)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f'http://{HOST}:{self.server.server_port}/eureka'

    def name(self, *instances: dict[str, Any]) -> None:
        """Respond with these instances from now on."""
        self.answer = {'application': {'name': 'ORDERS', 'instance': list(instances)}}


@contextmanager
def fake_registry() -> Iterator[FakeRegistry]:
    """Serve a registry within the block."""
    registry = FakeRegistry()
    thread = threading.Thread(target=registry.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        registry.server.shutdown()
        registry.server.server_close()
        thread.join()
