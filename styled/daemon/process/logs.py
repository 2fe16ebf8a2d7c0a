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


class LogFile(RotatingFileHandler):
    """The file of the log. It is opened again when another file has its name, or none: somebody has moved it away."""

    trouble = ""
    """Why lines are lost; one line, empty if they are not."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        self.trouble = ""
        try:
            self._follow_name()
        except OSError as error:  # it goes to the old file, if that is open
            self._note(error)
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  # a signature of logging's
        """Note why a line could not be written; printing that for each line would help nobody."""
        self._note(sys.exc_info()[1])

    def _follow_name(self) -> None:
        stream = self.stream
        if stream is None:  # it could not be opened the last time
            return
        try:
            named = Path(self.baseFilename).stat()
        except FileNotFoundError:
            named = None
        if named is None or not os.path.samestat(named, os.fstat(stream.fileno())):
            self.stream = self._open()
            stream.close()

    def _note(self, error: BaseException | None) -> None:
        reason = (isinstance(error, OSError) and error.strerror) or repr(error)
        self.trouble = escaped(f"lines of {self.baseFilename} are lost: {reason}")


def start_logging(path: Path, config: LogConfig, *, terminal: bool) -> LogFile:
    """Send all log lines of this process to ``path`` and, with ``terminal``, to standard error; return the file.

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
    file = LogFile(path, maxBytes=int(config.max_mb * 1e6), backupCount=config.keep, encoding="utf-8")
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
    return file


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


def _is_journal() -> bool:
    """Return whether standard error goes to journald: all that a service starts inherits the variable (``sd_journal``)."""
    stream = os.environ.get("JOURNAL_STREAM")
    if not stream:
        return False
    found = os.fstat(2)
    return stream == f"{found.st_dev}:{found.st_ino}"


def _text(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """Render one line: time, level, what happened, and its facts."""
    event = dict(event)
    time = str(event.pop("timestamp", ""))[:19].replace("T", " ")
    level = str(event.pop("level", "")).ljust(_LEVEL_WIDTH)
    source = event.pop("logger", "")
    message = event.pop("event", "")
    exception = event.pop("exception", "")
    facts = "  ".join(f"{key}={value}" for key, value in event.items() if not key.startswith("_"))
    stamp = "" if _is_journal() else f"{time}Z "  # journald stamps lines itself
    line = f"{stamp}{level} {source}: {message}" + (f"  {facts}" if facts else "")
    return f"{line}\n{exception}" if exception else line
