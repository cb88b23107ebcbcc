"""Hypothesis settings of these tests: repeatable, and no deadline, since test machines are of any speed."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("kg", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kg")
