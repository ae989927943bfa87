"""The defaults of settings, and the settings of proxies that are created later."""

from __future__ import annotations

import msgspec

from vaurien.address import Address
from vaurien.rules.behaviors import make_rules
from vaurien.rules.toxics import read_toxics
from vaurien.settings import ProxySettings, Settings


def test_defaults() -> None:
    settings = Settings()
    assert settings.proxy == Address('localhost', 8000)
    assert settings.backend == Address('localhost', 8888)
    assert (settings.protocol, settings.behaviors) == ('tcp', ())
    assert (settings.http, settings.http_host, settings.http_port) == (False, 'localhost', 8080)
    assert (settings.timeout, settings.idle_timeout) == (30.0, None)


def test_proxies_created_later_have_what_is_common_to_all() -> None:
    several = Settings(behaviors=make_rules('5:hang'), protocol='redis', seed=1, timeout=5.0, proxies=())
    assert several.defaults == ProxySettings(behaviors=make_rules('5:hang'), protocol='redis', seed=1, timeout=5.0)


def test_proxies_created_later_have_no_rules_of_the_only_proxy() -> None:
    alone = Settings(
        behaviors=make_rules('5:hang'), protocol='redis', toxics=read_toxics('noop'), seed=1, timeout=5.0, http=True
    )
    assert alone.defaults == ProxySettings(seed=1, timeout=5.0)
    assert msgspec.structs.replace(alone, proxies=()).defaults.behaviors == make_rules('5:hang')
