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
from longitudinal.relations.answer import Edge, RelationProblem
from longitudinal.relations.roles import Role

_TARGETS: dict[str, str] = {
    Role.IN_FRAME: "the Frame of Reference of {this}",
    Role.ROI_IN_FRAME: "the Frame of Reference of the regions of {this}",
    Role.STUDY: "the study that {this} names",
    Role.SERIES: "the series that {this} names",
    Role.DRAWN_ON_SERIES: "the series that {this} was drawn on",
    Role.DRAWN_ON_IMAGE: "the images that {this} was drawn on",
    Role.CONTOUR_ON_IMAGE: "the images that the contours of {this} name",
    Role.PREDECESSOR: "the predecessor of {this}",
    Role.RETIRED_MATRIX: "the frame that a retired matrix of {this} leads to",
    Role.STRUCTURE_SET: "the structure set of {this}",
    Role.DOSE: "the dose of {this}",
    Role.PLAN: "the plan of {this}",
    Role.REFERENCE_IMAGE: "the reference image of {this}",
    Role.SETUP_IMAGE: "the setup image of {this}",
    Role.ROI: "the region that {this} names",
    Role.BEAM: "the beam that {this} names",
    Role.FRACTION_GROUP: "the fraction group that {this} names",
    Role.RECORD: "the treatment record of {this}",
    Role.REGISTRATION: "the registration that {this} names",
    Role.REGISTERED: "what {this} registers",
    Role.USED_FIDUCIALS: "the fiducials that {this} used",
    Role.FIDUCIALS_ON: "what the points of {this} are on",
    Role.SOURCE: "the images that {this} was made from",
    Role.SHOWN: "the images that {this} shows",
    Role.EVIDENCE: "what {this} is based on",
    Role.CONTENT: "what {this} mentions",
}
_PLURAL = ("the images", "the fiducials")
_SAID = {
    RelationStatus.MISSING: "{target} {is} not here",
    RelationStatus.INCOMPLETE: "of {target} only {present} of {count} are here",
    RelationStatus.OTHER_PATIENT: "{target} {is} stored under another patient",
    RelationStatus.WRONG_CLASS: "{target} {is} of another kind than is stated",
    RelationStatus.WRONG_SERIES: "{target} {is} in another series than is stated",
    RelationStatus.WRONG_FRAME: "{target} {is} in another Frame of Reference",
    RelationStatus.AMBIGUOUS: "{target} {is} stored more than once",
    RelationStatus.EMPTY_REFERENCE: "the place for {target} is there, but names nothing",
    RelationStatus.CYCLE: "{target} leads back to where it began: the objects name each other in a circle",
    RelationStatus.NOT_INDEXED: "{target} {is} not in the index, which is still being read",
}


def find_problems(edges: Sequence[Edge], objects: Mapping[str, RelatedObject]) -> list[RelationProblem]:
    """A sentence for each edge that is not as it should be, and for each object that could not be read as a whole."""
    found = []
    for edge in edges:
        if edge.status in _SAID and edge.from_ in objects:
            found.append(
                RelationProblem(edge.id, edge.from_, edge.status, _sentence(edge, objects[edge.from_]))
            )
    for node, each in objects.items():
        if each.content.damage:
            text = f"{_capital(_name(each))} cannot be read completely: {each.content.damage}"
            found.append(RelationProblem(None, node, None, text))
    return found


def _sentence(edge: Edge, each: RelatedObject) -> str:
    assert edge.status is not None
    target = _TARGETS.get(edge.role, f"what {{this}} names under {edge.path}").format(this=_name(each))
    verb = "are" if target.startswith(_PLURAL) else "is"
    said = _SAID[edge.status].format(target=target, present=edge.present, count=edge.count, **{"is": verb})
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
