"""How Hypothesis runs here: without a time limit for one example, because the machine may be busy."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile('protocols', deadline=None)
settings.load_profile('protocols')
