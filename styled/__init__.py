"""styled: neural style transfer that runs itself.

From Python: ``from styled import stylize, paint``, see :mod:`styled.painting.stylize`. Importing this package
imports nothing heavy; names are resolved when they are first used (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from styled.version import __version__ as __version__

if TYPE_CHECKING:
    from styled.errors import RemarkWarning as RemarkWarning
    from styled.painting.stylize import Iterate as Iterate
    from styled.painting.stylize import paint as paint
    from styled.painting.stylize import stylize as stylize

__all__ = ["Iterate", "RemarkWarning", "__version__", "paint", "stylize"]


def __getattr__(name: str) -> Any:
    if name == "RemarkWarning":
        from styled.errors import RemarkWarning

        return RemarkWarning
    if name in __all__:
        from styled.painting import stylize as api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
