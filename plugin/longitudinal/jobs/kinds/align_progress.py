"""The progress of an align job: what it has tried, kept with the job so that an interrupted one continues from there."""

from collections import Counter

import msgspec

from longitudinal.alignment.failures import Tried, is_enough
from longitudinal.alignment.partner import Choice
from longitudinal.jobs.kinds.align_pair import AlignedPair, PairOutcome
from longitudinal.reasons import AlignmentFailure

# Limits the attempts while images are deleted one by one.
_MOST_GONE = 2


class _Refused(msgspec.Struct, frozen=True):
    """A pair of frames that failed together: that of the job's study, the other, and the code of the reason."""

    frame: str
    other: str
    rejection: str


class AlignProgress(msgspec.Struct, rename="camel", frozen=True):
    """What was tried so far.

    Attributes
    ----------
    frames
        Frames that are finished.
    unusable
        Orthanc ids of the first instance of each stack that cannot be used.
    gone
        The same, once for each time an image of it was deleted.
    """

    pairs: list[AlignedPair] = []
    frames: list[str] = []
    refused: list[_Refused] = []
    unusable: list[str] = []
    gone: list[str] = []

    @classmethod
    def read(cls, memory: str | None) -> "AlignProgress":
        """What an earlier start has found; empty at the first start, or if another version wrote it."""
        try:
            return cls() if memory is None else msgspec.json.decode(memory, type=cls)
        except msgspec.DecodeError:
            return cls()

    def text(self) -> str:
        """The text for the job's next start."""
        return msgspec.json.encode(self).decode()

    @property
    def outcome(self) -> str:
        """The outcome of the job as a whole."""
        if not self.pairs:
            return "nothingToDo"
        return "aligned" if any(pair.transform for pair in self.pairs) else "failed"

    def tried(self) -> Tried:
        """What is not tried again."""
        given_up = {scan for scan, times in Counter(self.gone).items() if times >= _MOST_GONE}
        return Tried(
            frozenset(self.frames),
            frozenset(frozenset((one.frame, one.other)) for one in self.refused),
            frozenset(self.unusable) | given_up,
        )

    def after(self, choice: Choice, outcome: PairOutcome) -> "AlignProgress":
        """The progress with one more pair."""
        pair, frames, refused, unusable, gone = choice.pairs[0], [], [], [], []
        first = outcome.tried[0]
        if any(one.transform for one in outcome.tried):
            frames = [choice.frame]
        elif any(one.rejection == AlignmentFailure.IMAGE_GONE for one in outcome.tried):
            scans = [outcome.unusable] if outcome.unusable else [pair.fixed, pair.moving]
            gone = [scan.instance for scan in scans]
        elif outcome.unusable is not None:
            unusable = [outcome.unusable.instance]
        else:
            other = ({pair.fixed.frame, pair.moving.frame} - {choice.frame}).pop()
            refused = [_Refused(choice.frame, other, first.rejection or "")]
            codes = [one.rejection for one in (*self.refused, *refused) if one.frame == choice.frame]
            frames = [choice.frame] if is_enough(codes) else []
        return AlignProgress(
            [*self.pairs, *outcome.tried],
            [*self.frames, *frames],
            [*self.refused, *refused],
            [*self.unusable, *unusable],
            [*self.gone, *gone],
        )
