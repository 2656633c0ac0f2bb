"""Python's logging into Orthanc's log."""

import logging

import orthanc


class _OrthancHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        text = f"longitudinal: {self.format(record)}"
        if record.levelno >= logging.ERROR:
            orthanc.LogError(text)
        elif record.levelno >= logging.WARNING:
            orthanc.LogWarning(text)
        else:
            orthanc.LogInfo(text)


def forward_logging() -> None:
    """Send what the package logs to Orthanc's log, at Orthanc's levels."""
    logger = logging.getLogger("longitudinal")
    logger.handlers = [_OrthancHandler()]
    logger.setLevel(logging.INFO)
    logger.propagate = False
