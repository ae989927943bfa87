# ruff: noqa
# mypy: ignore-errors
# The slide "Writing a behavior", as it stands.
from vaurien.behaviors.dummy import Dummy
import time


class Delay(Dummy):
    name = 'delay'
    options = {'sleep': ('Delay in seconds', int, 1)}
    options.update(Dummy.options)

    def on_before_handle(self, protocol, source, dest, to_backend):
        time.sleep(self.option('sleep'))
        return True

    def on_after_handle(self, protocol, source, dest, to_backend):
        pass
