"""The frames of reference of a patient, and which of them transforms join."""

import msgspec

from longitudinal.patients.patient_index import PatientIndex


class Frame(msgspec.Struct, rename="camel", frozen=True):
    """A frame of reference of the patient; frames with one `group` number are joined by transforms.

    `canonicalFrameOfReferenceUid` is the earliest of its group: chosen anew when its study is deleted, and nothing is
    kept in it, so nothing is lost.
    """

    frame_of_reference_uid: str
    aliases: list[str]
    study_instance_uids: list[str]
    group: int
    canonical_frame_of_reference_uid: str


def frames_of_patient(index: PatientIndex) -> list[Frame]:
    """Every frame that images of the patient lie in, in time order."""
    studies: dict[str, list[str]] = {frame: [] for frame in index.frames}
    for study in index.studies:
        uids = dict.fromkeys(stack.frame for number in study.series for stack in index.series[number].stacks)
        for frame in uids:
            studies[frame].append(study.study_instance_uid)
    aliases: dict[str, list[str]] = {}
    for uid, frame in index.aliases.items():
        aliases.setdefault(frame, []).append(uid)
    groups: dict[str, int] = {}
    count = 0
    for frame in index.frames:
        if frame not in groups:
            groups.update(dict.fromkeys(index.graph.paths_from(frame), count))
            count += 1
    canonical: dict[int, str] = {}
    for frame in index.frames:  # in time order
        canonical.setdefault(groups[frame], frame)
    return [
        Frame(frame, aliases.get(frame, []), studies[frame], groups[frame], canonical[groups[frame]])
        for frame in index.frames
    ]
