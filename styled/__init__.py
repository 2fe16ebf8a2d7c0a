"""styled: neural style transfer that runs itself.

From Python: ``from styled import stylize``, see :func:`styled.in_process.stylize`. Importing this package
imports nothing heavy; names are resolved when they are first used (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from styled.in_process import stylize as stylize

__version__ = "0.1.0"
__all__ = ["__version__", "stylize"]


def __getattr__(name: str) -> Any:
    if name == "stylize":
        from styled.in_process import stylize

        return stylize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
