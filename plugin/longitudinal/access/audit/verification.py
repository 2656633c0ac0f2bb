"""Whether the files of the audit are as they were written, and if not, where they are not, in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from longitudinal.access.audit.chain import START, ChainKey, Head, Line, content_of, read_head, read_line
from longitudinal.access.audit.events import EventKind
from longitudinal.access.audit.trail import HEAD, torn_digest, trail_files

_MOST_LISTED = 1_000


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong; `line` is from 1 on, 0 where it is about no line."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{where}{self.what}"


class Report(msgspec.Struct):
    """What was looked at and found; `notes` are no faults."""

    files: int = 0
    events: int = 0
    first: str = ""
    last: str = ""
    findings: list[Finding] = msgspec.field(default_factory=list)
    notes: list[Finding] = msgspec.field(default_factory=list)

    @property
    def is_intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


class _Placed(msgspec.Struct, frozen=True):
    """A line where it is; `line` is None where the bytes are not one."""

    file: str
    number: int
    text: bytes
    line: Line | None


def verify(folder: Path, keys: Mapping[str, ChainKey], elsewhere: Sequence[Head] = ()) -> Report:
    """Look at every line of a folder.

    Parameters
    ----------
    keys
        By their ids.
    elsewhere
        Heads that a syslog has kept.

    Raises
    ------
    OSError
        The folder or a file cannot be read.
    """
    # before the lines: where Orthanc is running, lines are added meanwhile, and no head without its lines
    head = _head_text(folder)
    return _Verification(folder, keys).run(head, elsewhere)


class _Verification:
    """One look at a folder."""

    def __init__(self, folder: Path, keys: Mapping[str, ChainKey]) -> None:
        self._folder = folder
        self._keys = keys
        self._report = Report()
        self._seals: dict[int, set[bytes]] = {0: {START}}
        self._torn: set[str] = set()
        self._top = 0
        self._gaps: dict[int, tuple[str, int]] = {}

    def run(self, head: bytes | None, elsewhere: Sequence[Head]) -> Report:
        self._collect()
        for placed in self._lines():
            self._look(placed)
        self._tell_gaps()
        if self._top or head is not None:
            self._look_at_head(head)
        for one in elsewhere:
            self._compare(one, "a syslog")
        if not self._top and head is None:
            self._find("", 0, "there is no audit in this folder")
        del self._report.findings[_MOST_LISTED:]
        return self._report

    def _lines(self) -> Iterator[_Placed]:
        for path in trail_files(self._folder):
            texts = path.read_bytes().split(b"\n")
            if not texts[-1]:
                del texts[-1]
            for number, text in enumerate(texts, 1):
                yield _Placed(path.name, number, text, read_line(text))

    def _collect(self) -> None:
        """All seals by number, wherever their lines are, and where the kept lines begin."""
        self._report.files = len(trail_files(self._folder))
        for placed in self._lines():
            line = placed.line
            if line is None:
                continue
            self._seals.setdefault(line.n, set()).add(bytes.fromhex(line.mac))
            if line.torn:
                self._torn.add(line.torn)
        for placed in self._lines():
            line = placed.line
            if line is not None and line.removed_through > self._top and self._is_authentic(placed):
                self._top = line.removed_through
                self._seals.setdefault(self._top, set()).add(bytes.fromhex(line.removed_mac))
        self._start = self._top

    def _is_authentic(self, placed: _Placed) -> bool:
        line, content = placed.line, content_of(placed.text)
        key = None if line is None else self._keys.get(line.key)
        if line is None or content is None or key is None:
            return False
        return any(
            key.mac(previous, content).hex() == line.mac for previous in self._seals.get(line.n - 1, ())
        )

    def _look(self, placed: _Placed) -> None:
        line = placed.line
        if line is None:
            self._look_at_fragment(placed)
            return
        report = self._report
        report.events += 1
        report.first = report.first or line.time
        report.last = line.time
        self._look_at_name(placed, line)
        if line.key not in self._keys:
            self._find(placed.file, placed.number, f"its key {line.key} is not in the key file")
        elif not self._is_authentic(placed) and self._seals.get(line.n - 1):
            is_again = line.n <= self._top and line.n not in self._gaps
            self._find(placed.file, placed.number, "was added" if is_again else "was changed")
            if is_again:
                return
            self._remember_computed(placed, line)
        if line.kind == EventKind.SYSTEM and line.action == "damage":
            report.notes.append(Finding(placed.file, placed.number, f"noticed at {line.time}: {line.detail}"))
        self._look_at_order(placed, line.n)

    def _look_at_name(self, placed: _Placed, line: Line) -> None:
        is_first = line.kind == EventKind.SYSTEM and line.action == "file"
        if (placed.number == 1) != is_first or (is_first and line.object != placed.file):
            what = f"is the first line of {line.object}" if is_first else "is not the first line of a file"
            self._find(placed.file, placed.number, f"{what}: the file was renamed, or lines were moved")

    def _remember_computed(self, placed: _Placed, line: Line) -> None:
        """Where only the seal was changed, the lines after it are not to blame."""
        content, key = content_of(placed.text), self._keys.get(line.key)
        if content is not None and key is not None:
            computed = {key.mac(previous, content) for previous in self._seals.get(line.n - 1, ())}
            self._seals.setdefault(line.n, set()).update(computed)

    def _look_at_order(self, placed: _Placed, n: int) -> None:
        if n == self._top + 1:
            self._top = n
        elif n > self._top:
            for missing in range(self._top + 1, min(n, self._top + 1 + _MOST_LISTED * 100)):
                self._gaps[missing] = (placed.file, placed.number)
            self._top = n
        elif n in self._gaps:
            del self._gaps[n]
            self._find(placed.file, placed.number, f"was moved: event {n} is behind event {self._top}")
        elif n <= self._start:
            self._report.notes.append(
                Finding(placed.file, placed.number, "was to be removed because of its age")
            )
        else:
            self._find(placed.file, placed.number, f"was added: event {n} is there already")

    def _look_at_fragment(self, placed: _Placed) -> None:
        """Bytes that are not a line: what a kill left, if a later line says so, or it is the very end."""
        path = self._folder / placed.file
        texts = path.read_bytes().split(b"\n")
        first = last = placed.number - 1
        while first > 0 and read_line(texts[first - 1]) is None:
            first -= 1
        if first != last:  # told with the first of them
            return
        while last + 1 < len(texts) and read_line(texts[last + 1]) is None:
            last += 1
        if torn_digest(texts[first : last + 1]) in self._torn:
            self._report.notes.append(
                Finding(placed.file, placed.number, "half a line, left by a kill and recorded")
            )
        elif last == len(texts) - 1 and path == trail_files(self._folder)[-1] and last == first:
            self._report.notes.append(
                Finding(placed.file, placed.number, "half a line: being written, or left by a kill")
            )
        else:
            self._find(placed.file, placed.number, "is not a line of the audit: it was changed or added")

    def _tell_gaps(self) -> None:
        """Events that are nowhere, told where the next one is."""
        at: dict[tuple[str, int], list[int]] = {}
        for n, where in sorted(self._gaps.items()):
            at.setdefault(where, []).append(n)
        for (file, line), missing in at.items():
            self._find(
                file,
                line,
                f"{_named(missing[0], missing[-1])} missing before it: removed, or cut off at that time",
            )

    def _look_at_head(self, text: bytes | None) -> None:
        head = None if text is None else read_head(text)
        if text is None:
            self._find(HEAD, 0, "is gone: whether the end was cut off cannot be told without it")
        elif head is None or head.key not in self._keys or not head.verifies(self._keys[head.key]):
            self._find(HEAD, 0, "was changed: its signature is not valid")
        else:
            self._compare(head, HEAD)

    def _compare(self, head: Head, where: str) -> None:
        """A head, here or from elsewhere, against the lines."""
        key = self._keys.get(head.key)
        if key is None or not head.verifies(key):
            self._find(where, 0, f"has a statement about event {head.n} whose signature is not valid")
        elif head.n <= self._start:
            return
        elif head.n > self._top:
            self._find(
                head.file,
                0,
                f"the end was cut off: {_named(self._top + 1, head.n)} missing (told by {where})",
            )
        elif bytes.fromhex(head.mac) not in self._seals.get(head.n, ()):
            self._find(
                head.file, 0, f"event {head.n} is not the one that {where} knows: the audit was replaced"
            )

    def _find(self, file: str, line: int, what: str) -> None:
        self._report.findings.append(Finding(file, line, what))


def _named(first: int, last: int) -> str:
    return f"event {first} is" if first == last else f"events {first} to {last} are"


def _head_text(folder: Path) -> bytes | None:
    try:
        return (folder / HEAD).read_bytes()
    except FileNotFoundError:
        return None
