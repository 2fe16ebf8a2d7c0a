"""styled: neural style transfer that runs itself."""

from __future__ import annotations

__version__ = "0.1.0"
