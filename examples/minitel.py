"""A protocol that moves the bytes itself: a request is a line, and a reply is a line. minitel.ini names it.

vaurien --config minitel.ini --backend localhost:3615
"""

from vaurien.protocols.base import ErrorReply
from vaurien.protocols.tcp import TCP


class MinitelProtocol(TCP):
    """Something like Minitel. An error is the line that the real service answered when it was out of order."""

    name = 'minitel'

    def _handle(self, source, dest, to_backend):
        """Pass one line on. Each line of the client is an exchange, for which a behavior is drawn."""
        line = read_line(source)
        if not line:
            return False
        dest.sendall(line)
        return True

    def describe(self, request):
        """Return the line, as the log shows it."""
        return request.partition(b'\r\n')[0].decode('ascii', 'backslashreplace')

    def error(self, code=0):
        """Return the error response."""
        return ErrorReply(b'SERVICE INDISPONIBLE\r\n')


def read_line(source):
    """Read up to the end of a line, and no byte of the next one."""
    line = b''
    while not line.endswith(b'\n'):
        byte = source.recv(1)
        if not byte:
            return line
        line += byte
    return line
