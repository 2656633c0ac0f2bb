"""GET /studies/{study}/relations and /patients/{patient}/relations: what objects name, and whether it is here."""

from __future__ import annotations

import msgspec

from longitudinal.errors import Ambiguous, NotFound, SidecarUnavailable
from longitudinal.http.fields import Limit, Offset
from longitudinal.http.router import Call, Route
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_lookup import named_patient
from longitudinal.patients.study_lookup import StudyLookup
from longitudinal.relations.answer import Relations
from longitudinal.relations.relations import find_relations
from longitudinal.sidecar.connection import Readers


class RelationsQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which of the edges, in the order of their ids."""

    limit: Limit = 1_000
    offset: Offset = 0


def relation_routes(readers: Readers, catalogue: Catalogue, lookup: StudyLookup) -> list[Route]:
    """The routes that answer how objects are related."""

    def of_study(call: Call[RelationsQuery, None], study: str) -> Relations:
        index, entry = lookup.entry(study)
        return find_relations(
            readers.connection(), index, entry.study_instance_uid, call.query.limit, call.query.offset
        )

    def of_patient(call: Call[RelationsQuery, None], patient: str) -> Relations:
        path = call.request.path.removeprefix("/patients/").removesuffix("/relations")
        index = named_patient(readers, catalogue, path, patient)
        return find_relations(readers.connection(), index, None, call.query.limit, call.query.offset)

    return [
        Route(
            "GET", "/studies/{study}/relations", of_study,
            "What the objects of a study name, and what names them", Relations,
            query=RelationsQuery, errors=(NotFound, Ambiguous, SidecarUnavailable), etag=True,
        ),
        Route(
            "GET", "/patients/{patient}/relations", of_patient,
            "What the RT, REG, SEG, PR, KO and SR objects of a patient name, and whether it is here", Relations,
            query=RelationsQuery, errors=(NotFound, Ambiguous, SidecarUnavailable), etag=True,
        ),
    ]  # fmt: skip
