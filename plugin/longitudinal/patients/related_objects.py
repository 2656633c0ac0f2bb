"""The objects of a patient that are there for others, as the index has them."""

from __future__ import annotations

import sqlite3
from functools import cached_property

import msgspec

from longitudinal.dicom.dates import dashed_date
from longitudinal.dicom.related.content import Content, decode_content
from longitudinal.dicom.whole_library import load_pydicom
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.sidecar.tables.contents import read_contents


class RelatedObject(msgspec.Struct, frozen=True, dict=True):
    """One object: where it is, and what it says. `date` is that of its study, YYYY-MM-DD."""

    orthanc_id: str
    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    orthanc_series: str
    study_instance_uid: str
    orthanc_study: str
    modality: str
    series_description: str
    date: str
    acquisition_date_time: str | None
    frame_of_reference_uid: str | None
    body: bytes

    @cached_property
    def content(self) -> Content:
        """What it says, decoded when somebody asks."""
        return decode_content(self.body)

    @cached_property
    def frames(self) -> frozenset[str]:
        """The frames of reference that it is about: its own, and for a structure set those of its regions."""
        own = {self.frame_of_reference_uid} if self.frame_of_reference_uid else set()
        if self.content.structure_set is None:
            return frozenset(own)
        stated = {
            reference.uid
            for reference in self.content.references
            if reference.kind == "frame" and "(3006,00C0)" not in reference.path
        }
        return frozenset(stated or own)

    @property
    def node(self) -> str:
        """Its id in the graph."""
        return f"instance:{self.sop_instance_uid}"

    @cached_property
    def label(self) -> str:
        """What it calls itself."""
        said = self.content
        for part in (said.structure_set, said.plan, said.rt_image):
            if part is not None and part.label:
                return part.label
        if said.dose is not None:
            return " ".join(word for word in (said.dose.summation_type, said.dose.units) if word)
        return said.label or self.series_description


def read_objects(connection: sqlite3.Connection, index: PatientIndex) -> list[RelatedObject]:
    """The objects in the studies of a patient (or of a view of one), in the order of their UIDs."""
    return [
        RelatedObject(
            orthanc_id=row["orthanc_id"],
            sop_instance_uid=row["sop_instance_uid"],
            sop_class_uid=row["sop_class_uid"] or "",
            series_instance_uid=row["series_instance_uid"],
            orthanc_series=row["orthanc_series"],
            study_instance_uid=row["study_instance_uid"],
            orthanc_study=row["orthanc_study"],
            modality=row["modality"] or "",
            series_description=row["series_description"] or "",
            date=dashed_date(row["study_date"] or ""),
            acquisition_date_time=row["acquisition_date_time"],
            frame_of_reference_uid=row["frame_uid"],
            body=row["body"],
        )
        for row in read_contents(connection, index.key)
        if row["orthanc_study"] in index.study_ids
    ]


def class_name(sop_class_uid: str) -> str:
    """The name of a SOP class for people, without "Storage"; the UID of one that is not in the standard."""
    load_pydicom()
    from pydicom._uid_dict import UID_dictionary  # late: a start does not need pydicom

    entry = UID_dictionary.get(sop_class_uid)
    return entry[0].removesuffix(" Storage") if entry else sop_class_uid
