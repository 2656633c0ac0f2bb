"""Every reason code of the product, one enum a family: a part of the API, explained in docs/reason-codes.md.

Errors of requests are no reasons; their codes are in `errors`.
"""

from enum import StrEnum
from typing import Self


class ReasonCode(StrEnum):
    """A code with one line of explanation.

    >>> NotIndexableReason("zeroSpacing").explanation
    'The pixel spacing is zero or negative.'
    """

    explanation: str

    def __new__(cls, code: str, explanation: str) -> Self:
        """Make a member from its code and its explanation."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.explanation = explanation
        return member


class NotIndexableReason(ReasonCode):
    """Why an instance is stored but has no planes."""

    NOT_AN_IMAGE = "notAnImage", "The object has no pixels: a report, a plan, a spectrum, a registration."
    NO_GEOMETRY = "noGeometry", "Position, orientation, pixel spacing or matrix size is not stated."
    PROJECTION = (
        "projection",
        "A projection or a curved reformat: a pixel is a ray through the patient, or lies on no plane.",
    )
    MOSAIC = "mosaic", "Many slices are tiled into one frame; its position is that of none of the slices."
    WHOLE_SLIDE = "wholeSlide", "A microscope slide, which has no position in the patient."
    DEGENERATE_ORIENTATION = (
        "degenerateOrientation",
        "The cosines are not two perpendicular directions of unit length.",
    )
    ZERO_SPACING = "zeroSpacing", "The pixel spacing is zero or negative."
    BAD_VALUE = "badValue", "A value of the geometry cannot be read, or is beyond what a patient can have."
    AMBIGUOUS_OFFSETS = "ambiguousOffsets", "The positions of the frames can be read in more than one way."
    FRAMES_WITHOUT_GEOMETRY = (
        "framesWithoutGeometry",
        "The object holds several frames but not a position for each of them.",
    )


class PixelsReason(ReasonCode):
    """Why there is no link to the pixels of an image."""

    NO_PIXELS = "noPixels", "The object has no pixels that can be sent as whole numbers."
    TOO_DEEP = (
        "tooDeep",
        "The object has sequences nested more than 32 levels deep: Orthanc could end when it reads the pixels.",
    )
    MAY_IDENTIFY = (
        "mayIdentify",
        "In a de-identified view: the pixels may show who the patient is, as text can be burned into images of this kind.",
    )


class RegistrationRefusal(ReasonCode):
    """Why a registration object, or one item of it, is not used as a transform."""

    NOT_A_REGISTRATION = (
        "notARegistration",
        "The SOP Class is neither Spatial Registration nor Deformable Spatial Registration.",
    )
    NO_REGISTRATION = (
        "noRegistration",
        "The object or the item has no registration: its sequence is absent or empty.",
    )
    NO_FRAME = "noFrame", "Neither a Frame of Reference UID nor a referenced image identifies the frame."
    SAME_FRAME = "sameFrame", "The item maps the frame onto itself, and is not the identity."
    UNKNOWN_IMAGES = "unknownImages", "The frame is identified only by images that are not stored here."
    FRAME_CONFLICT = (
        "frameConflict",
        "The referenced images are in several frames, or in another frame than that of the item.",
    )
    OTHER_PATIENT = "otherPatient", "The two frames belong to different patients."
    BAD_MATRIX = "badMatrix", "The matrix is not 16 finite numbers with the last row 0, 0, 0, 1."
    SINGULAR = "singular", "The matrix has no usable inverse."
    MIRRORED = "mirrored", "The determinant of the matrix is negative: left would become right."
    BAD_GRID = "badGrid", "The deformation grid is incomplete, inconsistent or not finite where it must be."


class LandmarkFault(ReasonCode):
    """Why landmarks do not yield a transform."""

    NOT_PAIRED = "notPaired", "The numbers of source and target points differ, or a point is not x, y, z."
    TOO_FEW = "tooFewLandmarks", "A rigid fit needs at least 3 pairs, an affine one 4."
    NOT_FINITE = "notFinite", "A coordinate is not a finite number."
    DUPLICATE = "duplicateLandmarks", "Two landmarks of one image are the same point."
    COLLINEAR = "collinearLandmarks", "The landmarks lie on a line: the rotation about it is unknown."
    COPLANAR = "coplanarLandmarks", "The landmarks lie in a plane: the stretch across it is unknown."
    MIRRORED = (
        "mirroredLandmarks",
        "A mirror image fits better: left and right, or two landmarks, may be swapped.",
    )
    SINGULAR = "singularFit", "The best affine map is singular, or nearly."
    TOO_FAR = "tooFar", "The fit moves the origin of a frame by more than 10 km."


class GivenTransformRefusal(ReasonCode):
    """Why a given transform is refused, apart from the faults of landmarks."""

    SAME_FRAME = (
        "sameFrame",
        "Source and target are the same Frame of Reference: its points need no transform.",
    )
    OTHER_PATIENT = "otherPatient", "A frame belongs to another patient's images."
    UNKNOWN_FRAME = "unknownFrame", "No image is indexed in the frame."
    SINGULAR = "singular", "The matrix shrinks or stretches a direction more than 1,000 times."
    MIRRORED = "mirrored", "The determinant is negative: left would become right."
    BAD_MATRIX = "badMatrix", "The last row is not 0, 0, 0, 1, or the origin moves by more than 10 km."


class UnresolvedReason(ReasonCode):
    """Why a study has no match."""

    NEEDS_ALIGNMENT = (
        "needsAlignment",
        "No transform leads from the point's Frame of Reference to the study's.",
    )
    NOT_INDEXED = "notIndexed", "The study is stored but not indexed yet."
    OUTSIDE_COVERAGE = (
        "outsideCoverage",
        "The point is outside the images, or beyond the reach of the nearest plane.",
    )
    NOT_INDEXABLE = "notIndexable", "No instance of the study has geometry."
    ALIGNMENT_FAILED = "alignmentFailed", "An alignment was tried and failed."
    OUTSIDE_TRANSFORM = (
        "outsideTransform",
        "The point is outside the region of the deformable transform.",
    )


class Rejection(ReasonCode):
    """Why the result of an alignment is not used: its checks failed."""

    NO_OVERLAP = (
        "noOverlap",
        "The scans have too little of the patient in common. If they show the same part, landmarks as a starting "
        "point help.",
    )
    INCONSISTENT = (
        "inconsistent",
        "Mapped forward and backward, points do not return to where they started. Landmarks as a starting point help if the "
        "search went astray; if an affine or deformable alignment did, the rigid one may hold. If neither helps, as with "
        "CT, PET or MR of a part that shows little in one of them, a transform from landmarks needs no check of this kind.",
    )
    TOO_LITTLE_STRUCTURE = (
        "tooLittleStructure",
        "Too few parts of the scans have enough structure to check the alignment. A transform from landmarks needs no check "
        "of this kind.",
    )
    LOCALLY_DIFFERENT = (
        "locallyDifferent",
        "Small parts of the scans, each examined by itself, do not lie where the alignment puts them: the body may have "
        "changed its shape, one scan may be too coarse or noisy, as PET is, or the scans may be of two persons. If it is "
        "one person, landmarks around the place of interest make a transform for it.",
    )
    MIRROR_IMAGE_FITS_BETTER = (
        "mirrorImageFitsBetter",
        "The mirror image of one scan fits the other better than the scan itself: left and right may be swapped in one of "
        "them. Compare the sides before giving a transform from landmarks.",
    )
    LIKE_ITS_MIRROR_IMAGE = (
        "likeItsMirrorImage",
        "The scans fit each other hardly better than one of them fits the other's mirror image. That is too little to "
        "tell this alignment from a wrong one; it may still be right. A person who recognizes the patient in both can give "
        "a transform from landmarks.",
    )


class UnusableScan(ReasonCode):
    """Why a stack of images cannot be registered at all."""

    TOO_FEW_PLANES = "tooFewPlanes", "The scan has too few parallel planes."
    TOO_SMALL = "tooSmall", "The scan is too thin."
    TOO_LARGE = "tooLarge", "The planes of the scan span more than a body."
    NO_CONTRAST = "noContrast", "Every pixel of the scan has the same value."
    NOT_GREY = "notGrey", "The scan is in colour."
    BAD_PIXELS = (
        "badPixels",
        "The number of pixels does not match the header, or a pixel is not a finite number.",
    )


class AlignmentFailure(ReasonCode):
    """Why an alignment failed before its result could be checked."""

    UNREADABLE_PIXELS = "unreadablePixels", "The pixels of an image cannot be decoded."
    TOO_DEEP = (
        "tooDeep",
        "An image has sequences nested more than 32 levels deep: Orthanc could end when it reads the pixels.",
    )
    IMAGE_UNAVAILABLE = "imageUnavailable", "Orthanc cannot read an image from its storage."
    IMAGE_GONE = "imageGone", "An image was deleted during the alignment."
    TOO_MUCH_MEMORY = "tooMuchMemory", "The registration needs more memory than WorkerMemoryMiB allows."
    REGISTRATION_FAILED = "registrationFailed", "The registration ended with an error."
    WORKER_CRASHED = "workerCrashed", "The process that registers died or hung each time."


class RefinementReason(ReasonCode):
    """Why a match is not refined, apart from unusable scans."""

    SAME_FRAME = (
        "sameFrame",
        "the images are in the point's own Frame of Reference: the position follows from geometry",
    )
    NOT_A_SCAN = "notAScan", "only stacks of CT, MR, PT and NM images are registered"
    NO_SOURCE_IMAGES = (
        "noSourceImages",
        "no scan in the point's Frame of Reference shows it; ask with a pixel of an image",
    )
    OUTSIDE_TRANSFORM = "outsideTransform", "the transform does not cover the surroundings of the point"
    LOOKS_DISAGREE = (
        "looksDisagree",
        "the local estimates disagree, and neither confirm nor contradict the position; it is kept",
    )
    CONTRADICTED = (
        "contradicted",
        "every local estimate contradicts the position, but they disagree; the unrefined position is kept",
    )
    TOO_LITTLE_IN_COMMON = (
        "tooLittleInCommon",
        "the other scan shows less than half of the surroundings; the unrefined position is kept",
    )
    OUTSIDE_COVERAGE = (
        "outsideCoverage",
        "the refined position is outside the images; the unrefined position is kept",
    )
    CHANGED = "changed", "images, transforms or reviews have changed since the answer was given; ask again"
    WORKER_FAILED = "workerFailed", "the pixels could not be read, or registering them failed"


class SuvReason(ReasonCode):
    """Why a PET image has no SUV by body weight."""

    NOT_ATTENUATION_CORRECTED = "notAttenuationCorrected", "The values are not corrected for attenuation."
    NOT_DECAY_CORRECTED = (
        "notDecayCorrected",
        "The values are not corrected for decay to the start of the scan (START) or to the injection (ADMIN).",
    )
    UNITS_NOT_SUPPORTED = "unitsNotSupported", "The values are neither Bq/ml, g/ml nor Philips' counts."
    NOT_BODY_WEIGHT = "notBodyWeight", "The SUV in the file is by lean mass or surface, not by body weight."
    COUNTS_WITHOUT_FACTOR = (
        "countsWithoutFactor",
        "The values are counts, and Philips' private factors are absent: they are often removed with private data.",
    )
    NO_WEIGHT = "noWeight", "The patient's weight is not stated: correct the header."
    IMPLAUSIBLE_WEIGHT = "implausibleWeight", "The patient's weight is beyond a tonne: it must be in kg."
    NO_DOSE = "noDose", "The injected dose is not stated."
    IMPLAUSIBLE_DOSE = "implausibleDose", "The injected dose is below 0.1 MBq: it must be in Bq."
    NO_HALF_LIFE = "noHalfLife", "The half-life of the nuclide is not stated."
    TWO_RADIOPHARMACEUTICALS = (
        "twoRadiopharmaceuticals",
        "More than one radiopharmaceutical is stated; whose activity a pixel shows is not known.",
    )
    NO_INJECTION_TIME = "noInjectionTime", "The time of injection is not stated."
    INJECTION_DAY_UNKNOWN = (
        "injectionDayUnknown",
        "Only a time of day is stated for the injection of a long-lived nuclide, not the day.",
    )
    NO_SCAN_TIME = "noScanTime", "The time that decay is corrected to cannot be told."
    INJECTED_AFTER_SCAN = "injectedAfterScan", "The stated injection is after the scan."
    IMPLAUSIBLE_TIMES = (
        "implausibleTimes",
        "Between injection and scan are more than ten half-lives: one of the times is wrong.",
    )


class ValueReason(ReasonCode):
    """Why there are no values at a place, or not those of the sphere moved by the uncertainty."""

    TOO_FEW = "tooFew", "The sphere holds fewer than 10 voxel centres: choose a larger radius."
    PARTLY_OUTSIDE = (
        "partlyOutside",
        "A part of the sphere is outside the images: choose a smaller radius or a place farther inside.",
    )
    MISSING_SLICES = (
        "missingSlices",
        "A slice is missing within the sphere: choose a smaller radius, or store the missing images.",
    )
    PADDING = (
        "padding",
        "A part of the sphere is padding outside the scanned circle: choose a smaller radius or another place.",
    )
    NO_NUMBERS = "noNumbers", "The pixels do not stand for numbers on a linear scale; `detail` says why."
    DIFFERENT_UNITS = "differentUnits", "The images within the sphere state different units."
    UNREADABLE = "unreadable", "The pixels of an image cannot be read; `detail` names it."
    IMAGE_GONE = "imageGone", "An image was deleted meanwhile; ask again."
    STILL_MEASURING = "stillMeasuring", "The values are still being measured: ask again, or follow the job."
    WORKER_FAILED = "workerFailed", "Measuring failed; `detail` says why."
    NOT_MEASURED = "notMeasured", "The uncertainty of the place is not known, nor how far to move."
    TOO_UNCERTAIN = "tooUncertain", "The uncertainty of the place is beyond 30 mm: align the studies again."


class PlaceFault(ReasonCode):
    """Why a report, or a group of one, is not offered as a place; or why a place is not kept in a study."""

    UNREADABLE_REPORT = (
        "unreadableReport",
        "The report is damaged, or nested too deeply; send it again from the software that made it.",
    )
    REPORT_TOO_LARGE = (
        "reportTooLarge",
        "The report is larger, or has more groups, than is read; divide it into several.",
    )
    UNKNOWN_SHAPE = (
        "unknownShape",
        "The shape is neither a point nor one or two lines of two points each; mark the place with a point.",
    )
    BAD_COORDINATES = (
        "badCoordinates",
        "A coordinate is missing, is not a finite number, or lies outside any patient; mark the place again.",
    )
    NO_FRAME_UID = (
        "noFrameUid",
        "The images state no Frame of Reference UID, so that only a pixel of them can be kept; click on the image itself.",
    )
    UNKNOWN_FRAME = (
        "unknownFrame",
        "No image of the patient is in the report's Frame of Reference; store the images that the report is about.",
    )
    UNKNOWN_IMAGE = (
        "unknownImage",
        "The image that the report names is not stored, or has no geometry; store it, or mark the place on another image.",
    )
    NOT_IN_A_STUDY = (
        "notInAStudy",
        "No study, or more than one, has images there; name the study with studyInstanceUid.",
    )
    SHARED_TRACKING_UID = (
        "sharedTrackingUid",
        "Reports of two patients have this tracking UID; name the place by <tracking UID>@<Orthanc id of the patient>.",
    )
    STATED_ALREADY = (
        "statedAlready",
        "A person, or another software, has marked the place in this study; nothing is mapped over it.",
    )


class StaleReport(ReasonCode):
    """Why a mapped report of a place does not hold any more: renew it or remove it."""

    TRANSFORM_REJECTED = "transformRejected", "A transform that it came through was rejected."
    TRANSFORM_DELETED = "transformDeleted", "A transform that it came through is not stored any more."
    TRANSFORM_REPLACED = (
        "transformReplaced",
        "Another path of transforms leads there now, or a transform of the path has changed.",
    )
    ERROR_CHANGED = (
        "errorChanged",
        "The error of the path is another one now than the report states, or is not measured.",
    )
    PLACE_MOVED = "placeMoved", "The report that it was mapped from says another position, or is gone."


class UploadRefusal(ReasonCode):
    """Why a file of an upload was not stored."""

    EMPTY_FILE = "emptyFile", "The file has no content."
    NOT_DICOM = "notDicom", "The file is not a DICOM object that Orthanc can read."
    TOO_DEEP = (
        "tooDeep",
        "The object has sequences nested more than 32 levels deep, which could crash Orthanc.",
    )
    DICOMDIR = "dicomdir", "A DICOMDIR lists the files of a medium; it is not an object of a patient."
    OTHER_PATIENT = (
        "otherPatient",
        "The file states another PatientID or PatientName than the form beside it; it is not stored.",
    )
    DAMAGED_ZIP = (
        "damagedZip",
        "The zip, or this file in it, cannot be read: it is truncated, its checksum is wrong, or its size differs from "
        "the one that the zip declares.",
    )
    ENCRYPTED_ZIP = "encryptedZip", "The zip contains files that need a password; nothing of it is stored."
    UNSAFE_PATH = (
        "unsafePath",
        "The zip names a file outside its own folder, or a link; nothing of it is stored.",
    )
    TOO_MANY_FILES = (
        "tooManyFiles",
        "The zips of the upload have more files than one may have; nothing of this one is stored.",
    )
    TOO_LARGE = (
        "tooLarge",
        "Unpacked, the zips of the upload are larger than MaxUploadMiB; nothing of this one is stored.",
    )
    EXPLODES = (
        "explodes",
        "The zip, or this file in it, unpacks to far more than any image does, or files share their bytes.",
    )
    UNSUPPORTED_COMPRESSION = (
        "unsupportedCompression",
        "The file in the zip is neither uncompressed nor deflated.",
    )
    NESTED_ZIP = "nestedZip", "A zip inside a zip is not unpacked."
    REFUSED_BY_ARCHIVE = (
        "refusedByArchive",
        "Orthanc did not store the object, because of a filter or lack of space; `detail` has its message.",
    )
    ARCHIVE_FAILED = "archiveFailed", "Orthanc did not answer."
    NOT_ALLOWED = "notAllowed", "You may not store objects of this patient or study."


class FaultReason(ReasonCode):
    """Why the sidecar cannot be opened or written."""

    USED_BY_ANOTHER = (
        "usedByAnother",
        "Another process uses the file; `error` names it. Each Orthanc needs a file of its own.",
    )
    NETWORK_FILE_SYSTEM = (
        "networkFileSystem",
        "The file is on a network file system, where locks and shared memory are unreliable.",
    )
    NOT_A_SIDECAR = (
        "notASidecar",
        "SidecarPath names a sound database of something else, which is left unchanged.",
    )
    UNWRITABLE = "unwritable", "The file or its folder cannot be created or written."
    DISK_FULL = "diskFull", "The file system is full."
    LOCKED = "locked", "Another program holds a lock on the database, such as a backup or a shell."
    IO_ERROR = "ioError", "The operating system cannot read or write the file."
    DAMAGED = "damaged", "The file is damaged and could not be set aside."


class RelationStatus(ReasonCode):
    """Whether what an object names is here, and is what it is named as."""

    OK = "ok", "Everything that is named is here and is what it is named as."
    MISSING = "missing", "Nothing of what is named is stored under this patient."
    INCOMPLETE = "incomplete", "Some of what is named is stored, some is not."
    OTHER_PATIENT = "otherPatient", "What is named is stored under another patient only."
    WRONG_CLASS = (
        "wrongClass",
        "What is named is of another SOP class than the reference states, or than its role allows.",
    )
    WRONG_SERIES = "wrongSeries", "What is named is in another series than the reference states."
    WRONG_FRAME = (
        "wrongFrame",
        "What is named lies in another Frame of Reference than the object that names it.",
    )
    AMBIGUOUS = "ambiguous", "The UID is stored more than once; which of them is meant is not known."
    EMPTY_REFERENCE = "emptyReference", "The sequence is there, but names nothing."
    CYCLE = "cycle", "Objects of one class name each other in a circle, or one names itself."
    NOT_INDEXED = "notIndexed", "It is not in the index, of which a part is still being read."


class StructureReason(ReasonCode):
    """Why nothing, or only a distance, is said of a region at a point."""

    NO_CONTOURS = "noContours", "The region has no contours, or none with an area."
    NOT_CLOSED = (
        "notClosed",
        "The region has open contours or single points only: it has a distance, but no inside.",
    )
    DAMAGED_CONTOURS = "damagedContours", "A contour cannot be read; `detail` says what is wrong with it."
    NOT_PLANAR = "notPlanar", "The points of a contour are not in one plane."
    MIXED_PLANES = (
        "mixedPlanes",
        "The contours or frames of the region are not in parallel planes, or do not match.",
    )
    SINGLE_PLANE = "singlePlane", "The region is drawn in one plane, and no thickness is stated."
    AMBIGUOUS_CONTOURS = (
        "ambiguousContours",
        "Two contours that partly overlap both cover the point: whether it is inside cannot be told.",
    )
    NO_FRAME = "noFrame", "The object states no Frame of Reference for the region."
    NEEDS_ALIGNMENT = (
        "needsAlignment",
        "No transform leads from the point's Frame of Reference to that of the region.",
    )
    OUTSIDE_TRANSFORM = "outsideTransform", "The point is outside the region of the deformable transform."
    OTHER_PATIENT = "otherPatient", "Only another patient has images in the Frame of Reference of the region."
    UNREADABLE = "unreadable", "The object cannot be read."
    UNREADABLE_PIXELS = (
        "unreadablePixels",
        "The pixels of the segmentation are compressed, missing or of another size.",
    )
    NO_GEOMETRY = "noGeometry", "The frames of the segmentation have no place in the patient."


class DoseReason(ReasonCode):
    """Why a dose says nothing at a point."""

    OUTSIDE_GRID = "outsideGrid", "The point is outside the box of the voxel centres. That is not 0 Gy."
    NO_SCALING = "noScaling", "Dose Grid Scaling is absent, or not a positive number."
    NO_GRID = "noGrid", "The object has no dose grid, or its frames have no place in the patient."
    RELATIVE_UNITS = "relativeUnits", "The dose is relative: it is not in Gy."
    UNKNOWN_UNITS = "unknownUnits", "Dose Units is neither GY nor RELATIVE."
    ERROR_DOSE = "errorDose", "Dose Type is ERROR: the difference of two doses, not a dose."
    AMBIGUOUS_OFFSETS = "ambiguousOffsets", "The positions of the frames can be read in more than one way."
    NO_FRAME = "noFrame", "The dose states no Frame of Reference."
    NEEDS_ALIGNMENT = (
        "needsAlignment",
        "No transform leads from the point's Frame of Reference to that of the dose.",
    )
    OUTSIDE_TRANSFORM = "outsideTransform", "The point is outside the region of the deformable transform."
    UNREADABLE_PIXELS = (
        "unreadablePixels",
        "The pixels are compressed, missing or of another size than stated.",
    )
    OTHER_PATIENT = "otherPatient", "The plan of the dose is another patient's."


class DoseSumReason(ReasonCode):
    """Why doses are not added."""

    NO_DOSES = "noDoses", "There is no dose to add."
    NOT_IN_GRAY = "notInGray", "One of the doses says nothing at the point; `detail` names it and its reason."
    NOT_PHYSICAL = "notPhysical", "One of the doses is not PHYSICAL."
    NO_PLAN = "noPlan", "One of the doses names no plan, so that it could be counted twice."
    SEVERAL_DOSES = "severalDoses", "A plan has more than one dose of the whole plan."
    MISSING_BEAMS = "missingBeams", "A plan has doses of beams, but not one for each of its beams."
    OTHER_SUMMATION = "otherSummation", "One of the doses sums up something else than a plan or a beam."


class FiducialReason(ReasonCode):
    """Why a fiducial is not a place that one can go to."""

    NOT_A_POINT = "notAPoint", "It has another shape than a point, or is marked in several places."
    NO_COORDINATES = "noCoordinates", "It states no coordinates."
    BAD_COORDINATES = "badCoordinates", "Its coordinates are not numbers that a patient can have."
    NO_FRAME = "noFrame", "It states no Frame of Reference, and no image that has one."
    UNKNOWN_FRAME = (
        "unknownFrame",
        "The patient has no image in its Frame of Reference, and no transform leads from there.",
    )
    UNKNOWN_IMAGE = "unknownImage", "The image that it is marked on is not here."
    NO_GEOMETRY = "noGeometry", "The image that it is marked on has no place in the patient, as a projection."
    OTHER_PATIENT = "otherPatient", "Its image or its Frame of Reference is another patient's."
    UNREADABLE = "unreadable", "The object cannot be read."
