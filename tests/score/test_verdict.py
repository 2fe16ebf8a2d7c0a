"""Figures in words."""

from __future__ import annotations

import msgspec

from styled.score.artefacts import Artefacts
from styled.score.verdict import SEEN, verdict

CLEAN = Artefacts(**dict.fromkeys(Artefacts.__struct_fields__, 0.0))


def test_what_is_seen_is_named_the_worst_first() -> None:
    assert set(SEEN) == set(Artefacts.__struct_fields__)
    assert verdict(CLEAN) == "none of the faults that are looked for"
    found = msgspec.structs.replace(CLEAN, border_noise=0.4, lattice=9.0, haze=0.02)
    assert verdict(found) == "a lattice of dots where the photo is even, noise along the borders"
