"""What the help of ``vaurien`` says of the settings. `vaurienctl` has some of these flags, too."""

from __future__ import annotations

from vaurien.console.log import FORMAT_HELP
from vaurien.settings import SERVER_PORT

#: The flags of the settings, by group: name, placeholder, help.
GROUPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    'what to proxy': (
        ('proxy', 'HOST:PORT', 'address that clients connect to; port 0 takes a free one'),
        ('backend', 'HOST:PORT', 'address or URL of the backend, or none'),
        ('protocol', 'NAME', 'protocol between clients and backend'),
    ),
    'what goes wrong': (
        ('behavior', 'PERCENT:NAME,...', 'behaviors, each with its share of the exchanges'),
        ('toxics', 'TYPE(...)@STREAM,...', 'toxics, which change the bytes of a stream, whatever they mean'),
        ('addressed', 'BOOL', 'let requests ask for faults: X-Vaurien-Fault: error(code=503), /* vaurien: error */'),
        ('mark-faults', 'BOOL', 'name the behavior in what a client of http gets: X-Vaurien-Fault: delay'),
        ('seed', 'N', 'number that makes the same faults happen again'),
    ),
    'processes': (('workers', 'N|auto', 'processes that serve the links; auto: one for each processor'),),
    'limits': (
        ('timeout', '', 'most seconds to wait for a connection to the backend'),
        ('resolve-interval', '', 'how often the name of the backend is looked up again, in seconds'),
        ('idle-timeout', '', 'seconds after which a link is closed if nothing moves on it'),
        ('keepalive', '', 'how often a silent peer is asked whether it is still there, in seconds; 0: never'),
        ('max-links', 'N', 'most clients at a time'),
        ('classes', 'N', 'time up to N classes of requests apart: their texts, with * for numbers and the like'),
        ('backlog', 'N', 'most clients that wait to be accepted'),
    ),
    'TLS': (
        (
            'tls',
            'auto',
            'auto: speak TLS with clients and backend, with made certificates; refuse: grant it to nobody',
        ),
        ('tls-mode', 'MODE', 'implicit: TLS begins with the first byte; upgrade: where the protocol asks for it'),
        ('proxy-tls', 'CERT[:KEY]', 'speak TLS with clients: auto, or files in PEM'),
        ('proxy-tls-client-ca', 'FILE', 'ask clients for a certificate that one of these authorities has signed'),
        ('backend-tls', 'BOOL', 'speak TLS with the backend'),
        ('backend-tls-verify', 'BOOL', 'refuse a backend whose certificate is not that of its name'),
        ('backend-tls-ca', 'FILE', 'authorities that are believed, instead of those of the system'),
        ('backend-tls-name', 'NAME', 'name that the backend is asked for and has to have, instead of its host'),
        ('backend-tls-cert', 'FILE', 'certificate to show the backend'),
        ('backend-tls-key', 'FILE', 'its key, if that is in a file of its own'),
        ('tls-min', 'VERSION', 'lowest version of TLS: 1.2 or 1.3'),
        ('tls-max', 'VERSION', 'highest version of TLS'),
        ('tls-ca-file', 'FILE', 'write the certificate of the authority to this file, which clients are to trust'),
        ('tls-keylog', 'FILE', 'append the keys of all sessions to this file, for Wireshark'),
    ),
    'control API': (
        ('http', 'BOOL', 'serve the control API'),
        ('ui', 'BOOL', 'serve the control API, and open its page in a browser'),
        ('http-host', 'HOST', 'host to serve it on'),
        ('http-port', 'PORT', 'port to serve it on; 0 takes a free one'),
        ('api-host', 'NAME,...', 'names of this machine under which it may be reached'),
        ('api-token', 'TOKEN', 'token that requests must have: Authorization: Bearer TOKEN'),
        ('server', 'BOOL', f'start with the proxies of the file, or none, and the API on port {SERVER_PORT}'),
        (
            'toxiproxy-config',
            'FILE',
            f'start with the proxies of a Toxiproxy file, and the API on port {SERVER_PORT}',
        ),
    ),
    'journal': (
        ('journal', 'FILE', 'write every exchange to this file, with its fault: a line of JSON each'),
        ('journal-max', 'SIZE', 'size in bytes at which the file becomes FILE.1, and another one begins'),
        ('replay', 'FILE', 'inject the faults of a journal again, each at the same request, and no others'),
    ),
    'telemetry': (
        ('otel', 'URL', 'send spans of faults, metrics and the log to this collector of OpenTelemetry'),
        ('otel-all', 'BOOL', 'send spans of all exchanges'),
    ),
    'log': (
        ('log-level', '', 'level to log from; each fault is a record of info'),
        ('log-output', 'FILE', 'file to append the log to; - is standard error'),
        ('log-format', '', FORMAT_HELP),
    ),
}
