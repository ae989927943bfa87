"""Tests of `vaurien.tls`, and of links with TLS between real servers and real clients."""
