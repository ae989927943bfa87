"""Protocols, fed directly: no socket is opened here."""
