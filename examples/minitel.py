"""A protocol that moves the bytes itself: one line asks, one line answers. minitel.ini names it.

vaurien --config minitel.ini --backend localhost:3615
"""

from vaurien.protocols.base import ErrorReply
from vaurien.protocols.tcp import TCP


class MinitelProtocol(TCP):
    """Minitel, or nearly. An error is the line that the real thing was known for."""

    name = 'minitel'

    def _handle(self, source, dest, to_backend):
        """Pass one line on. A line of the client's is an exchange: behaviors are drawn for each."""
        line = read_line(source)
        if not line:
            return False
        dest.sendall(line)
        return True

    def describe(self, request):
        """The line, for the log."""
        return request.partition(b'\r\n')[0].decode('ascii', 'backslashreplace')

    def error(self, code=0):
        """No service."""
        return ErrorReply(b'SERVICE INDISPONIBLE\r\n')


def read_line(source):
    """Everything up to the end of a line, and not a byte of the next one."""
    line = b''
    while not line.endswith(b'\n'):
        byte = source.recv(1)
        if not byte:
            return line
        line += byte
    return line
