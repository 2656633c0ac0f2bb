"""What whoever asks may see, carried from the router to every read of the index, whatever code lies between.

The router sets it while a handler runs; `sidecar.connection.Readers` and `patients.catalogue.Catalogue` obey it. So a route
that looks something up by them cannot show what its caller may not see, whether or not its author thought of it. Without
one everything is seen: that is Orthanc's own threads, jobs that nobody asked for, administrators, and every request where
access is not restricted. A thread that a handler starts has none, so handlers start none (a test holds that).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec


class StudyName(msgspec.Struct, frozen=True):
    """What a study is known by, which never changes.

    `patient_id` is that of the index: PatientID, or `study:<StudyInstanceUID>` where that is empty.
    """

    orthanc_id: str
    patient_id: str
    study_instance_uid: str


class Sight(msgspec.Struct, frozen=True):
    """What one caller may see.

    Attributes
    ----------
    sees
        Whether they may see a study.
    owner
        Whose jobs they may see.
    joined
        Ids of jobs of others that they asked for as well.
    bridges
        Whether paths may lead over registration objects of hidden studies.
    hides
        Keywords of attributes that answers leave out.
    may_add
        Whether they may store an object of a study, with this InstitutionName.
    """

    sees: Callable[[StudyName], bool]
    owner: str = ""
    joined: set[str] = msgspec.field(default_factory=set)
    bridges: bool = False
    hides: frozenset[str] = frozenset()
    may_add: Callable[[StudyName, str], bool] = lambda study, institution: False


_CURRENT: ContextVar[Sight | None] = ContextVar("sight", default=None)


def current_sight() -> Sight | None:
    """What the caller of the running request may see; None: everything."""
    return _CURRENT.get()


@contextmanager
def seeing(sight: Sight | None) -> Iterator[None]:
    """While this lasts, this thread sees no more than `sight` does; None: everything."""
    token = _CURRENT.set(sight)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def limited_to(studies: Iterable[str]) -> Sight:
    """The sight of a job that somebody asked for who saw these studies (Orthanc ids) of its patient."""
    visible = frozenset(studies)
    return Sight(lambda study: study.orthanc_id in visible)
