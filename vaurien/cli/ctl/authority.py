"""The command ``ca``: whom clients have to trust."""

from __future__ import annotations

from argparse import Namespace

from vaurien.cli.ctl.command import Command
from vaurien.client import Client
from vaurien.console.output import make_lines_printable, print_line


def get_ca(client: Client, arguments: Namespace) -> str:
    """Return the certificate of the authority."""
    return client.ca_pem()


COMMANDS = (
    Command(
        'ca',
        get_ca,
        'print the certificate that clients have to trust',
        """\
  vaurienctl ca
      redirected to a file, it is what curl --cacert and SSL_CERT_FILE take""",
        lambda pem: print_line(make_lines_printable(pem), end=''),
        'Print the certificate of the authority that signs for proxies with --tls auto, in PEM.',
    ),
)
