"""What is wrong, in words for people who have never seen a tag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from longitudinal.dicom.sop_classes import (
    RT_DOSE,
    RT_IMAGE,
    RT_PLANS,
    RT_RECORDS,
    RT_STRUCTURE_SET,
    SEGMENTATIONS,
)
from longitudinal.patients.related_objects import RelatedObject, class_name
from longitudinal.reasons import RelationStatus
from longitudinal.relations.answer import Edge, Problem
from longitudinal.relations.roles import Role

_TARGETS: dict[str, str] = {
    Role.IN_FRAME: "the Frame of Reference",
    Role.ROI_IN_FRAME: "the Frame of Reference of the regions",
    Role.STUDY: "the study",
    Role.SERIES: "a series",
    Role.DRAWN_ON_SERIES: "the series that it was drawn on",
    Role.DRAWN_ON_IMAGE: "the images that it was drawn on",
    Role.CONTOUR_ON_IMAGE: "the images that its contours name",
    Role.PREDECESSOR: "the predecessor",
    Role.RETIRED_MATRIX: "the frame of a retired matrix",
    Role.STRUCTURE_SET: "the structure set",
    Role.DOSE: "the dose",
    Role.PLAN: "the plan",
    Role.REFERENCE_IMAGE: "the reference image",
    Role.SETUP_IMAGE: "the setup image",
    Role.ROI: "a region",
    Role.BEAM: "a beam",
    Role.FRACTION_GROUP: "a fraction group",
    Role.RECORD: "the treatment record",
    Role.REGISTRATION: "the registration",
    Role.REGISTERED: "the images or the frame that it registers",
    Role.USED_FIDUCIALS: "the fiducials that it used",
    Role.FIDUCIALS_ON: "the images that the fiducials are on",
    Role.SOURCE: "the images that it was made from",
    Role.SHOWN: "the images that it shows",
    Role.EVIDENCE: "the objects that it is based on",
    Role.CONTENT: "an object that it mentions",
}
_SAID = {
    RelationStatus.MISSING: "{target} of {this} is not here",
    RelationStatus.INCOMPLETE: "{target} of {this}: only {present} of {count} are here",
    RelationStatus.OTHER_PATIENT: "{target} of {this} is stored under another patient",
    RelationStatus.WRONG_CLASS: "{target} of {this} is an object of another kind",
    RelationStatus.WRONG_SERIES: "{target} of {this} is in another series than {this} says",
    RelationStatus.WRONG_FRAME: "{target} of {this} is in another Frame of Reference",
    RelationStatus.AMBIGUOUS: "{target} of {this} is stored more than once",
    RelationStatus.EMPTY_REFERENCE: "{this} has a place to name {target}, but names nothing there",
    RelationStatus.CYCLE: "{this} and {target} name each other in a circle",
    RelationStatus.NOT_INDEXED: "{target} of {this} is not in the index, which is still being read",
}


def find_problems(edges: Sequence[Edge], objects: Mapping[str, RelatedObject]) -> list[Problem]:
    """A sentence for each edge that is not as it should be, and for each object that could not be read as a whole."""
    found = []
    for edge in edges:
        if edge.status in _SAID and edge.from_ in objects:
            found.append(Problem(edge.id, edge.from_, edge.status, _sentence(edge, objects[edge.from_])))
    for node, each in objects.items():
        if each.content.damage:
            text = f"{_capital(_name(each))} cannot be read completely: {each.content.damage}"
            found.append(Problem(None, node, None, text))
    return found


def _sentence(edge: Edge, each: RelatedObject) -> str:
    assert edge.status is not None
    target = _TARGETS.get(edge.role, f"what {edge.path} names")
    said = _SAID[edge.status].format(target=target, this=_name(each), present=edge.present, count=edge.count)
    if target.endswith("images"):
        said = said.replace(" is not here", " are not here").replace(" is stored", " are stored")
    return _capital(said)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _name(each: RelatedObject) -> str:
    """An object as a sentence calls it."""
    sop_class = each.sop_class_uid
    kinds = (
        ("structure set", {RT_STRUCTURE_SET}),
        ("plan", RT_PLANS),
        ("dose", {RT_DOSE}),
        ("treatment record", RT_RECORDS),
        ("portal image", {RT_IMAGE}),
        ("segmentation", SEGMENTATIONS),
    )
    kind = next((name for name, classes in kinds if sop_class in classes), class_name(sop_class))
    return f'this {kind} "{each.label}"' if each.label else f"this {kind}"
