"""The daemon's log: text for the terminal, JSON lines in a rotated file for later."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import Processor

from styled.config import LogConfig
from styled.files.printable import escaped

_LEVEL_WIDTH = 7


def start_logging(path: Path, config: LogConfig, *, terminal: bool) -> None:
    """Send all log lines of this process to ``path`` and, with ``terminal``, to standard error.

    Args:
        path: ``daemon.log``; its folder exists.
        config: level and size.
        terminal: also write text to standard error.
    """
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _harmless,
    ]
    file = RotatingFileHandler(path, maxBytes=int(config.max_mb * 1e6), backupCount=config.keep, encoding="utf-8")
    handlers: list[tuple[logging.Handler, Processor]] = [(file, structlog.processors.JSONRenderer())]
    if terminal:
        handlers.append((logging.StreamHandler(sys.stderr), _text))
    logger = logging.getLogger()
    for old in logger.handlers[:]:
        logger.removeHandler(old)
        old.close()
    for handler, renderer in handlers:
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                foreign_pre_chain=shared,
            )
        )
        logger.addHandler(handler)
    logger.setLevel(config.level.upper())
    # A log line that cannot be written (a full disk) must not print a traceback for each one.
    logging.raiseExceptions = False
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _harmless(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape control characters: a file's name must not move the reader's cursor or forge a line."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            event[key] = escaped(value)
        elif isinstance(value, os.PathLike):
            event[key] = escaped(os.fspath(value))
        elif isinstance(value, bytes):
            event[key] = repr(value)
    if "exception" in event:
        event["exception"] = "\n".join(escaped(line) for line in event["exception"].splitlines())
    return event


def _text(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """Render one line: time, level, what happened, and its facts."""
    event = dict(event)
    time = str(event.pop("timestamp", ""))[:19].replace("T", " ")
    level = str(event.pop("level", "")).ljust(_LEVEL_WIDTH)
    source = event.pop("logger", "")
    message = event.pop("event", "")
    exception = event.pop("exception", "")
    facts = "  ".join(f"{key}={value}" for key, value in event.items() if not key.startswith("_"))
    # journald stamps lines itself.
    stamp = "" if "JOURNAL_STREAM" in os.environ else f"{time}Z "
    line = f"{stamp}{level} {source}: {message}" + (f"  {facts}" if facts else "")
    return f"{line}\n{exception}" if exception else line
