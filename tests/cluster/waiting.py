"""Waiting for what a cluster does: to ask takes a program, or a look at every process of this machine."""

from __future__ import annotations

import functools

from tests import deadlines

wait_until = functools.partial(deadlines.wait_until, every=0.2)
"""As there. What is waited for takes seconds, and needs the processors that questions would take."""
