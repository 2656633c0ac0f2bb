"""The frames that a registration object of ours joins, and the images that name them."""

import msgspec

from longitudinal.dicom.uids import SERIES_FRAME, is_uid


class ReferencedImage(msgspec.Struct, frozen=True):
    """An image as a registration object references it."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str


class RegisteredFrame(msgspec.Struct, frozen=True):
    """One end of a transform: a Frame of Reference UID or ``series:<SeriesInstanceUID>``, and images in it.

    The images identify a frame without a UID; for any other frame they are only informative.

    Raises
    ------
    ValueError
        A frame without a UID has no images, or images of another series.
    """

    frame: str
    images: tuple[ReferencedImage, ...] = ()

    def __post_init__(self) -> None:
        if self.has_uid:
            return
        series = self.frame.removeprefix(SERIES_FRAME)
        others = is_uid(series) and any(image.series_instance_uid != series for image in self.images)
        if not self.images or others:
            raise ValueError(f"the frame {self.frame} is identified only by images of its series")

    @property
    def has_uid(self) -> bool:
        """Whether the frame is a Frame of Reference UID."""
        return not self.frame.startswith(SERIES_FRAME)
