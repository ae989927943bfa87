# ruff: noqa
# mypy: ignore-errors
# The slide "Writing a protocol", its ellipsis filled in: capitals for the backend, and what it says as it is.
from vaurien.protocols.tcp import TCP


class MinitelProtocol(TCP):
    name = 'minitel'

    def _handle(self, source, dest, to_backend):
        # source = source socket
        # dest = destination socket
        # to_backend = direction
        data = source.recv(1024)
        if not data:
            return False
        dest.sendall(data.upper() if to_backend else data)
        return True
