"""What keys of ``vaurienctl top`` do with the selected proxy. Each returns what was done, for people."""

from __future__ import annotations

from vaurien.cli.ctl.top.board import Board, ProxyRow
from vaurien.client import NOT_FOUND, Client
from vaurien.errors import ControlError


def arm(client: Client, row: ProxyRow, board: Board) -> str:
    """Arm the rules that were armed last, and return what was done."""
    behavior = board.find_armed(row.name)
    if behavior is None:
        return 'nothing has been armed yet'
    client.set_behavior(behavior)
    return f'armed {behavior}'


def disarm(client: Client, row: ProxyRow, board: Board) -> str:
    """Arm nothing, and return what was done."""
    client.set_behavior('dummy')
    return 'nothing is armed'


def switch(client: Client, row: ProxyRow, board: Board) -> str:
    """Disable a proxy, or enable it, and return what was done."""
    if row.enabled:
        client.disable()
        return 'disabled'
    client.enable()
    return 'enabled'


def cut(client: Client, row: ProxyRow, board: Board) -> str:
    """Cut all links, and return what was done."""
    count = 0
    for link in client.links():
        try:
            client.cut_link(link['id'])
        except ControlError as error:
            if error.status != NOT_FOUND:  # it has ended by itself
                raise
        else:
            count += 1
    return f'{count} {"link" if count == 1 else "links"} cut'
