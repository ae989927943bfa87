"""The import path that starting and stopping a proxy had in Vaurien 1: both are names of `vaurien`."""

from vaurien.process import start_proxy, stop_proxy

__all__ = ['start_proxy', 'stop_proxy']
