"""A cursor over the archive's change log, kept in the sidecar: stored instances are found and read here.

Callbacks only make it faster. After a SIGKILL about one acknowledged instance had no callback; instances stored by another
node, or while the plugin was off, never have one; and there is one for a file that the archive did not store.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence

from longitudinal.ingest.inventory import Change, ChangePage, Inventory
from longitudinal.ingest.on_stored import Ingest, Written
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.facts import CURSOR, read_fact, write_fact
from longitudinal.sidecar.tables.studies import (
    UNREAD,
    known_instances,
    series_of_instances,
    write_last_updates,
)
from longitudinal.sidecar.writer import Task, Writer

LOGGER = logging.getLogger(__name__)

_PAGE = 1_000
# Nodes that share a database commit out of order: there, this many lines before the cursor are read again.
_LOOK_BACK = 64
# More changes than this at a start are left to the reconcile pass that follows, whose jobs report their progress.
_MANY = 5_000


class Stopping(Exception):
    """The plugin stops; the cursor stays where it is."""


class Changes:
    """Follows the change log; used by one thread.

    Parameters
    ----------
    annotated
        Called with each instance whose metadata changed, which another node may have done.
    followed
        Called with the changes of each page, after their instances are indexed; what it returns is written in the
        transaction that moves the cursor on.

    Attributes
    ----------
    cursor
        The last change that was followed; None before `begin`.
    """

    def __init__(
        self,
        inventory: Inventory,
        readers: Readers,
        writer: Writer,
        ingest: Ingest,
        annotated: Callable[[str], object] = lambda instance: None,
        followed: Callable[[Sequence[Change]], Task[None] | None] = lambda changes: None,
    ) -> None:
        self._inventory = inventory
        self._readers = readers
        self._writer = writer
        self._ingest = ingest
        self._annotated = annotated
        self._followed = followed
        self._first = 0
        self._seen: set[int] = set()
        self._stopping = threading.Event()
        self.cursor: int | None = None

    @property
    def lag(self) -> int | None:
        """How many changes the cursor is behind; None before `begin`."""
        cursor = self.cursor
        return None if cursor is None else max(0, self._inventory.last_change() - cursor)

    def stop(self) -> None:
        """Make a `follow` that is under way raise Stopping. For other threads."""
        self._stopping.set()

    def begin(self) -> None:
        """Continue from the cursor as it was left, and follow to the end of the log.

        Without a cursor (a new sidecar) it begins at the end: the reconcile pass finds all that is older. A cursor beyond
        the end belongs to another archive or to deleted lines; numbers are never reused, so going back is safe.
        """
        last = self._inventory.last_change()
        kept = read_fact(self._readers.connection(), CURSOR)
        start = last if kept is None else min(int(kept), last)
        self._first = self.cursor = start
        self._keep_cursor(start, {})
        self.follow(read_missing=last - start <= _MANY)

    def follow(self, *, read_missing: bool = True) -> int:
        """Index what was stored since the last call; returns how many instances were.

        Parameters
        ----------
        read_missing
            False reads only known instances again; missing ones are left to the reconcile pass.

        Raises
        ------
        Stopping
            `stop` was called.
        SidecarUnavailable
            The sidecar cannot be written; the cursor stays, and the next call begins there again.
        """
        assert self.cursor is not None
        # Their lines are in the log already, unless the log was cleared or the archive did not store the file.
        hinted = dict.fromkeys(self._ingest.take_hints())
        count, is_last, look_back = 0, False, 0 if self._inventory.is_ordered() else _LOOK_BACK
        while not is_last:
            newest = self._inventory.last_change()
            page = self._inventory.changes(max(self._first, self.cursor - look_back), _PAGE)
            stored = self._follow_page(page, read_missing)
            count += len(stored)
            for orthanc_id in stored:
                hinted.pop(orthanc_id, None)
            is_last = page.is_last
            if is_last and not page.changes and newest > self.cursor:  # the log was cleared
                self._keep_cursor(newest, {})
                self.cursor = newest
        if hinted:
            self._keep_cursor(self.cursor, self._index(list(hinted), read_missing=True))
        return count + len(hinted)

    def _follow_page(self, page: ChangePage, read_missing: bool) -> Sequence[str]:
        """Follow the lines of a page; returns the instances that were stored according to them."""
        assert self.cursor is not None
        fresh = [change for change in page.changes if change.sequence not in self._seen]
        stored = list(dict.fromkeys(change.orthanc_id for change in fresh if change.kind == "NewInstance"))
        last_updates = self._index(stored, read_missing) if stored else {}
        for orthanc_id in {change.orthanc_id for change in fresh if change.kind == "UpdatedMetadata"}:
            self._annotated(orthanc_id)
        also = self._followed(fresh)
        last = max([self.cursor, *(change.sequence for change in fresh)])
        self._seen.update(change.sequence for change in fresh)
        self._seen = {sequence for sequence in self._seen if sequence > last - _LOOK_BACK}
        if last > self.cursor or also is not None:
            self._keep_cursor(last, last_updates, also)
            self.cursor = last
        return stored

    def _index(self, orthanc_ids: list[str], read_missing: bool) -> dict[str, str]:
        """Read stored instances; returns the present LastUpdate of their series, by Orthanc id."""
        self._ingest.found(orthanc_ids)
        if not read_missing:
            known = known_instances(self._readers.connection(), orthanc_ids)
            orthanc_ids = [orthanc_id for orthanc_id in orthanc_ids if orthanc_id in known]
        waiting: list[Written] = []
        unread: list[str] = []
        for orthanc_id, done in self._ingest.index_all(orthanc_ids):
            if self._stopping.is_set():
                raise Stopping
            if done is not None:
                waiting.append(done)
            else:
                unread.append(orthanc_id)
        if waiting:
            self._ingest.settle()
        for done in waiting:
            done.result()
        # These may include what was stored after the page was read; its own line in the change log comes next.
        series = series_of_instances(self._readers.connection(), orthanc_ids)
        doubtful = series_of_instances(self._readers.connection(), unread)
        return {
            orthanc_id: UNREAD if orthanc_id in doubtful else self._inventory.last_update(orthanc_id)
            for orthanc_id in series
        }

    def _keep_cursor(
        self, cursor: int, last_updates: Mapping[str, str], also: Task[None] | None = None
    ) -> None:
        def keep(connection: sqlite3.Connection) -> None:
            if also is not None:
                also(connection)
            write_fact(connection, CURSOR, str(cursor))
            write_last_updates(connection, last_updates)

        self._writer.call(keep).result()
