"""What is good and bad about a result, in words."""

from __future__ import annotations

from styled.score.artefacts import Artefacts

SEEN = {
    "haze": (0.03, "grey haze"),
    "black_specks": (350.0, "black specks"),
    "border_bands": (20.0, "bands along the borders"),
    "border_noise": (0.3, "noise along the borders"),
    "lattice": (2.0, "a lattice of dots where the photo is even"),
    "foreign_colours": (0.05, "colours that neither photo nor style has"),
    "objects": (10.0, "shapes of the style where the photo is even"),
}
"""From which figure on a fault is seen, and what it is called. Found by looking at results of 192 to 256 px."""


def verdict(found: Artefacts) -> str:
    """Return the faults that are seen, the worst first, or that there are none."""
    by_degree = sorted(SEEN, key=lambda name: float(getattr(found, name)) / SEEN[name][0], reverse=True)
    seen = [SEEN[name][1] for name in by_degree if getattr(found, name) > SEEN[name][0]]
    return ", ".join(seen) or "none of the faults that are looked for"
