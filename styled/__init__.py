"""styled: neural style transfer that runs itself.

From Python: ``from styled import stylize, paint``, see :mod:`styled.in_process`. Importing this package
imports nothing heavy; names are resolved when they are first used (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from styled.in_process import Iterate as Iterate
    from styled.in_process import paint as paint
    from styled.in_process import stylize as stylize

__version__ = "0.1.0"
__all__ = ["Iterate", "__version__", "paint", "stylize"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from styled import in_process

        return getattr(in_process, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
