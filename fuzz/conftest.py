"""How long to fuzz: FUZZ_EXAMPLES examples for each test."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    'fuzz',
    max_examples=int(os.environ.get('FUZZ_EXAMPLES', '5000')),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile('fuzz')
