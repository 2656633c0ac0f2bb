"""Files that the configuration names, where Orthanc looks for them: from the folder of its configuration."""

from collections.abc import Sequence
from pathlib import Path

_COMMAND_LINE = Path("/proc/self/cmdline")


def from_configuration(name: str) -> Path:
    """The absolute path of a file or folder as the configuration names it."""
    arguments = _COMMAND_LINE.read_bytes().decode("utf-8", "surrogateescape").split("\0")
    return (configuration_folder(arguments) / name).absolute()


def configuration_folder(arguments: Sequence[str]) -> Path:
    """The folder from which Orthanc takes relative paths: that of its configuration; without one, where it was started.

    Orthanc's GetConfigurationPath does not tell it: for a folder that is written without a slash at its end, it names the
    folder above.

    Parameters
    ----------
    arguments
        Orthanc's command line. Its options begin with a hyphen and hold their value; the configuration is all the rest.

    >>> configuration_folder(["/usr/sbin/Orthanc", "--logdir=/var/log/orthanc", "/etc/no-such-folder/orthanc.json"])
    PosixPath('/etc/no-such-folder')
    >>> configuration_folder(["Orthanc", "/usr", "--verbose"]), configuration_folder(["Orthanc", "--verbose"])
    (PosixPath('/usr'), PosixPath('.'))
    """
    named = [argument for argument in arguments[1:] if argument and not argument.startswith("-")]
    if not named:
        return Path()
    path = Path(named[-1])
    return path if path.is_dir() else path.parent
