"""Python's logging into Orthanc's log, and as lines of JSON into a file of its own."""

import json
import logging
import logging.handlers
from datetime import UTC, datetime
from pathlib import Path

import orthanc

from longitudinal.http.request_id import CURRENT

_MOST = 32_768


class _OrthancHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        text = f"longitudinal: {self.format(record)}"
        if (request := CURRENT.get()) and record.levelno >= logging.ERROR:
            text = f"{text} [request {request}]"
        if record.levelno >= logging.ERROR:
            orthanc.LogError(text)
        elif record.levelno >= logging.WARNING:
            orthanc.LogWarning(text)
        else:
            orthanc.LogInfo(text)


class JsonFormatter(logging.Formatter):
    """One object a line: time (UTC), level, logger, thread, message, and requestId, error and more where there are."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, without its end."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": record.getMessage()[:_MOST],
        }
        if request := CURRENT.get():
            line["requestId"] = request
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)[-_MOST:]
        line |= getattr(record, "fields", {})
        return json.dumps(line, ensure_ascii=False, default=str)


class _Plain(logging.Filter):
    """Keeps the lines that are of interest to machines alone, one a request, out of Orthanc's log."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not hasattr(record, "fields")


def forward_logging(json_path: Path | None = None) -> None:
    """Send what the package logs to Orthanc's log, at Orthanc's levels, and to a file where one is named.

    The file is opened again when somebody has moved it away, as logrotate does.
    """
    logger = logging.getLogger("longitudinal")
    handler = _OrthancHandler()
    handler.addFilter(_Plain())
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    if json_path is not None:
        try:
            lines = logging.handlers.WatchedFileHandler(
                json_path, encoding="utf-8", errors="backslashreplace"
            )
        except OSError as error:
            logger.error("No JSON log is written to %s: %s", json_path, error)
            return
        lines.setFormatter(JsonFormatter())
        logger.addHandler(lines)
