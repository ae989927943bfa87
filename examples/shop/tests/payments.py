"""A small payment API, as the bank's sandbox is: it charges cards, once for each Idempotency-Key."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

DECLINED_CARD = '4000000000000002'
RECEIPT = 'Receipt\n' + ''.join(f'{line:3}  1 × Assam, first flush\n' for line in range(1, 101)) + 'Thank you.\n'


@dataclass
class Payments:
    """The books of the payment API."""

    url: str
    charges: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: list[str] = field(default_factory=list)
    replies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def kept(self, order: str) -> list[int]:
        """Return the amounts that were charged for an order, and not given back."""
        charges = self.charges.items()
        return [charge['amount'] for key, charge in charges if charge['order'] == order and key not in self.refunds]

    def clear(self) -> None:
        """Begin anew."""
        for book in (self.charges, self.refunds, self.replies):
            book.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = -1
    payments: Payments

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        match url.path.split('/')[1:]:
            case ['rates', 'EUR']:
                self._reply(200, {'rate': 1.25})
            case ['instalments']:
                amount = int(parse_qs(url.query)['amount'][0])
                self._reply(200, [{'months': months, 'each': amount // months} for months in (3, 6, 12)])
            case ['receipts', _]:
                self._reply(200, RECEIPT)
            case _:
                self._reply(404, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        match self.path:
            case '/charges' if body['card'] == DECLINED_CARD:
                self._reply(402, {'error': 'card declined'})
            case '/charges':
                key = self.headers.get('Idempotency-Key', '')
                if key in self.payments.replies:
                    self._reply(201, self.payments.replies[key], **{'Idempotent-Replayed': 'true'})
                    return
                charge = {'id': f'ch_{len(self.payments.charges) + 1}'}
                self.payments.charges[charge['id']] = body
                if key:
                    self.payments.replies[key] = charge
                self._reply(201, charge)
            case '/refunds':
                self.payments.refunds.append(body['charge'])
                self._reply(201, {})
            case _:
                self._reply(404, {})

    def _reply(self, status: int, body: Any, **headers: str) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""


@contextmanager
def serving() -> Iterator[Payments]:
    """Serve the payment API on a free port."""

    class Handler(_Handler):
        pass

    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        server.daemon_threads = True
        Handler.payments = Payments(f'http://127.0.0.1:{server.server_port}')
        Thread(target=server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()
        yield Handler.payments
        server.shutdown()
