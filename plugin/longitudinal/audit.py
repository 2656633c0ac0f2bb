"""`python -m longitudinal.audit verify`: whether the audit is as it was written. Needs the key file, and no server.

    verify [FOLDER] [--keys FILE] [--syslog FILE]

FOLDER has the files of the audit; without it, it is looked for in this folder and in those of Debian's Orthanc. The key
file is `keys-longitudinal-<Name>.json` beside it, or what the setting KeyPath says. With --syslog, a file to which a syslog
has written, every statement of the chain's end in it is compared too: only this finds an end that was cut off together with
an older statement put in the place of the newer one. The exit code is 0 if everything is intact, 1 if something is wrong, 2
if it cannot be told.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from longitudinal.access.audit.chain import ChainKey, Head, chain_key, read_head
from longitudinal.access.audit.verification import Report, verify
from longitudinal.access.keyring import Keyring

_INTACT, _WRONG, _UNKNOWN = 0, 1, 2
_PLACES = (Path(), Path("/var/lib/orthanc/db-v6"), Path("/var/lib/orthanc"))
_HEAD = re.compile(rb"audit head (\{[^{}]*\})")


class CannotTellError(Exception):
    """The folder or the keys cannot be used; the message says which."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="longitudinal.audit", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("verify", help="whether the audit is as it was written")
    command.add_argument("folder", nargs="?", type=Path, help="the folder with the files of the audit")
    command.add_argument("--keys", type=Path, help="the key file (setting KeyPath)")
    command.add_argument("--syslog", type=Path, help="a file to which a syslog has written")
    options = parser.parse_args(arguments)
    try:
        folder = options.folder or _found()
        keys = _keys(options.keys or folder.absolute().with_name(_keys_beside(folder)))
        heads = [] if options.syslog is None else _heads(options.syslog)
        report = verify(folder, keys, heads)
    except (CannotTellError, OSError) as error:
        print(f"cannot tell: {error}", file=sys.stderr)
        return _UNKNOWN
    _tell(folder, report, None if options.syslog is None else len(heads))
    return _INTACT if report.is_intact else _WRONG


def _found() -> Path:
    found = [
        path
        for place in _PLACES
        if place.is_dir()
        for path in place.glob("audit-longitudinal-*")
        if path.is_dir()
    ]
    if len(found) != 1:
        listed = ", ".join(str(path) for path in found) or "none"
        raise CannotTellError(f"name the folder of the audit (setting AuditPath); found: {listed}")
    return found[0]


def _keys_beside(folder: Path) -> str:
    return f"keys-{folder.absolute().name.removeprefix('audit-')}.json"


def _keys(path: Path) -> dict[str, ChainKey]:
    if not path.exists():
        raise CannotTellError(f"there is no key file {path}; name it with --keys (setting KeyPath)")
    keyring = Keyring(path)
    if keyring.problem is not None:
        raise CannotTellError(keyring.problem)
    return {key.id: chain_key(key) for key in keyring.keys}


def _heads(path: Path) -> list[Head]:
    """The statements of the chain's end in a file of a syslog, each as often as it is there."""
    found = (read_head(match[1]) for match in _HEAD.finditer(path.read_bytes()))
    return [head for head in found if head is not None]


def _tell(folder: Path, report: Report, heads: int | None) -> None:
    print(
        f"{folder}: {report.events} events in {report.files} files, {report.first or '-'} to {report.last or '-'}"
    )
    if heads is not None:
        print(f"{heads} statements of the syslog")
    for note in report.notes:
        print(f"note: {note}")
    for finding in report.findings:
        print(f"WRONG: {finding}")
    print("intact" if report.is_intact else f"NOT intact: {len(report.findings)} findings")


if __name__ == "__main__":
    sys.exit(main())
