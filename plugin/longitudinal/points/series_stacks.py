"""The stacks of a series for those who draw them: geometry from the index, the meaning of stored values from the headers."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import msgspec
import numpy as np

from longitudinal.dicom.stored_values import FrameValues, StoredValues, read_stored_values
from longitudinal.dicom.tags import Tags
from longitudinal.errors import Ambiguous, FieldError, NotFound
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.series_planes import SeriesPlanes
from longitudinal.patients.series_planes import SeriesStack as IndexedStack
from longitudinal.points.stack_answer import (
    FrameLinks,
    InstanceWithoutPlace,
    OwnGeometry,
    RealWorldValueMapping,
    SeriesStack,
    SeriesStacks,
    Sextet,
    StackPlane,
    Triplet,
)
from longitudinal.points.stale import Stale, until_current
from longitudinal.reasons import NotIndexableReason, PixelsReason
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.browse import owners_of_series
from longitudinal.touched import touch

HeaderReader = Callable[[str, Sequence[str]], Iterator[Tags | None]]
"""Reads the headers of instances of a series (Orthanc ids) with `STORED_VALUE_TAGS`, in order; None where one is gone."""

DepthReader = Callable[[str, Sequence[str]], Iterator[bool]]
"""Whether sequences in each instance of a series (Orthanc ids) are nested so deep that Orthanc must not read its pixels."""

PixelLink = Callable[[str, int], str]
"""The path of the stored values of a frame (1-based) of an instance by its Orthanc id."""

MAX_CACHED_BYTES = 32 * 1024 * 1024
"""Encoded answers that are kept: about 200 series of 300 slices."""

_UNREAD = StoredValues(
    has_pixels=False,
    samples_per_pixel=None,
    photometric_interpretation=None,
    rows=None,
    columns=None,
    bits_stored=None,
    high_bit=None,
    pixel_representation=None,
    pixel_padding_value=None,
    pixel_padding_range_limit=None,
    frames=(FrameValues(None, None, None, "the header cannot be read", None, None, None, False, None),),
)


class _Kept(msgspec.Struct, frozen=True):
    """An answer and what it was made of: the index replaces `series` when one of its instances changes."""

    series: SeriesPlanes
    answer: SeriesStacks
    size: int


class StackReader:
    """Describes the stacks of series, and keeps what it has described.

    Parameters
    ----------
    headers
        Reads headers.
    depths
        Tells whose pixels must not be asked for.
    has_instance
        Whether an instance is still stored.
    heal
        Returns when the sidecar knows that instances are gone.
    link
        Builds the links to the pixels.
    """

    def __init__(
        self,
        readers: Readers,
        catalogue: Catalogue,
        headers: HeaderReader,
        depths: DepthReader,
        has_instance: Callable[[str], bool],
        heal: Callable[[Stale], None],
        link: PixelLink,
    ) -> None:
        self._readers = readers
        self._catalogue = catalogue
        self._headers = headers
        self._depths = depths
        self._has_instance = has_instance
        self._heal = heal
        self._link = link
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self.hits = self.misses = 0

    @property
    def kept_bytes(self) -> int:
        """What is kept, as encoded bytes and planes."""
        return self._bytes

    def stacks(self, series: str) -> SeriesStacks:
        """The stacks of a series named by SeriesInstanceUID or Orthanc id.

        Raises
        ------
        NotFound
            There is no such series.
        Ambiguous
            The UID is stored more than once; the Orthanc ids are named.
        """
        return until_current(lambda: self._look(series), self._heal, "images are being deleted")

    def _look(self, series: str) -> tuple[SeriesStacks, Stale]:
        """The stacks as the index has them, and which of their instances are not stored any more."""
        index, found = self._find(series)
        kept = self._kept_for(found)
        if kept is not None:
            return kept, Stale()
        values = [
            None if tags is None else read_stored_values(tags)
            for tags in self._headers(found.orthanc_id, found.orthanc_ids)
        ]
        unread = [name for name, known in zip(found.orthanc_ids, values, strict=True) if known is None]
        stale = Stale(tuple(orthanc_id for orthanc_id in unread if not self._has_instance(orthanc_id)))
        deep = list(self._depths(found.orthanc_id, found.orthanc_ids))
        answer = _Series(index, found, [known or _UNREAD for known in values], deep, self._link).answer()
        if not stale:
            self._keep(found, answer)
        return answer, stale

    def _find(self, series: str) -> tuple[PatientIndex, SeriesPlanes]:
        owners = owners_of_series(self._readers.connection(), series)
        if len(owners) > 1:
            ids = [owner.orthanc_id for owner in owners]
            raise Ambiguous(
                f"SeriesInstanceUID {series} is stored {len(ids)} times; name one by its Orthanc id",
                orthanc_ids=ids,
            )
        index = self._catalogue.patient(owners[0].patient_key) if owners else None
        if index is not None:
            for entry in index.series:
                if entry.orthanc_id == owners[0].orthanc_id:
                    touch("series", entry.orthanc_id)
                    return index, entry
        raise NotFound(
            f"there is no series {series}",
            [FieldError("series", "unknown SeriesInstanceUID or Orthanc id")],
        )

    def _kept_for(self, series: SeriesPlanes) -> SeriesStacks | None:
        with self._lock:
            kept = self._kept.get(series.orthanc_id)
            if kept is None or kept.series is not series:
                self.misses += 1
                return None
            self.hits += 1
            self._kept.move_to_end(series.orthanc_id)
            return kept.answer

    def _keep(self, series: SeriesPlanes, answer: SeriesStacks) -> None:
        size = len(msgspec.json.encode(answer)) + series.planes.nbytes
        with self._lock:
            self._drop(series.orthanc_id)
            self._kept[series.orthanc_id] = _Kept(series, answer, size)
            self._bytes += size
            while self._bytes > MAX_CACHED_BYTES:
                self._drop(next(iter(self._kept)))

    def _drop(self, orthanc_id: str) -> None:
        dropped = self._kept.pop(orthanc_id, None)
        if dropped is not None:
            self._bytes -= dropped.size


class _Series:
    """One series on its way to an answer; `values` and `deep` have one element for each of its instances."""

    def __init__(
        self,
        index: PatientIndex,
        series: SeriesPlanes,
        values: Sequence[StoredValues],
        deep: Sequence[bool],
        link: PixelLink,
    ) -> None:
        self._index = index
        self._series = series
        self._values = values
        self._deep = deep
        self._link = link

    def answer(self) -> SeriesStacks:
        series = self._series
        study = next(entry for entry in self._index.studies if entry.key == series.study_key)
        return SeriesStacks(
            series_instance_uid=series.series_instance_uid,
            study_instance_uid=study.study_instance_uid,
            orthanc_series_id=series.orthanc_id,
            patient_id=self._index.patient_id,
            modality=series.modality,
            series_number=series.series_number,
            series_description=series.series_description,
            stacks=[self._stack(number, entry) for number, entry in enumerate(series.stacks)],
            not_indexed=list(self._without_place()),
        )

    def _stack(self, number: int, entry: IndexedStack) -> SeriesStack:
        order = entry.stack.order
        planes, instances = self._series.planes[order], self._series.plane_instance[order].tolist()
        geometry = [
            self._geometry(plane, instance) for plane, instance in zip(planes, instances, strict=True)
        ]
        first = geometry[0]
        reach, positions = entry.stack.reach.tolist(), planes["position"].tolist()
        frame_numbers = planes["frame_number"].tolist()
        return SeriesStack(
            index=number,
            frame_of_reference_uid=entry.frame,
            role=entry.role,
            image_orientation_patient=first.image_orientation_patient,
            normal=cast(Triplet, tuple(entry.stack.normal.tolist())),
            pixel_spacing=first.pixel_spacing,
            rows=first.rows,
            columns=first.columns,
            spacing_mm=None if np.isnan(entry.stack.median_gap) else entry.stack.median_gap,
            is_uniform=all(other == first for other in geometry),
            samples_per_pixel=first.samples_per_pixel,
            photometric_interpretation=first.photometric_interpretation,
            bits_stored=first.bits_stored,
            high_bit=first.high_bit,
            pixel_representation=first.pixel_representation,
            planes=[
                self._plane(
                    slice_index,
                    instances[slice_index],
                    frame_numbers[slice_index],
                    positions[slice_index],
                    reach[slice_index],
                    None if own == first else own,
                )
                for slice_index, own in enumerate(geometry)
            ],
        )

    def _geometry(self, plane: np.void, instance: int) -> OwnGeometry:
        values = self._values[instance]
        return OwnGeometry(
            cast(Sextet, tuple(plane["orientation"].tolist())),
            cast(tuple[float, float], tuple(plane["spacing"].tolist())),
            int(plane["rows"]),
            int(plane["columns"]),
            values.samples_per_pixel,
            values.photometric_interpretation,
            values.bits_stored,
            values.high_bit,
            values.pixel_representation,
        )

    def _plane(
        self,
        slice_index: int,
        instance: int,
        frame_number: int,
        position: list[float],
        reach: list[float],
        own: OwnGeometry | None,
    ) -> StackPlane:
        stored = self._values[instance]
        values = stored.frame(frame_number)
        real = values.real_world
        return StackPlane(
            slice_index=slice_index,
            sop_instance_uid=self._series.sop_instance_uids[instance],
            orthanc_instance_id=self._series.orthanc_ids[instance],
            frame_number=frame_number,
            image_position_patient=cast(Triplet, tuple(position)),
            own_geometry=own,
            reach_mm=cast(tuple[float, float], tuple(reach)),
            rescale_slope=values.rescale_slope,
            rescale_intercept=values.rescale_intercept,
            rescale_reason=values.not_linear,
            unit=values.unit,
            real_world_value_mapping=None
            if real is None
            else RealWorldValueMapping(real.slope, real.intercept, real.unit, real.first, real.last),
            pixel_padding_value=stored.pixel_padding_value,
            pixel_padding_range_limit=stored.pixel_padding_range_limit,
            window_center=values.window_center,
            window_width=values.window_width,
            voi_lut_function=values.voi_lut_function,
            has_voi_lut=values.has_voi_lut,
            links=self._links(instance, frame_number),
        )

    def _without_place(self) -> Iterator[InstanceWithoutPlace]:
        series = self._series
        placed: dict[int, set[int]] = {}
        for instance, frame_number in zip(
            series.plane_instance.tolist(), series.planes["frame_number"].tolist(), strict=True
        ):
            placed.setdefault(instance, set()).add(frame_number)
        for instance, reason in enumerate(series.instance_reasons):
            if reason is not None:
                yield self._unplaced(instance, None, reason, series.instance_details[instance])
                continue
            count = series.frame_counts[instance]
            if count > len(placed.get(instance, ())):
                left = [number for number in range(1, count + 1) if number not in placed.get(instance, ())]
                yield self._unplaced(instance, left, NotIndexableReason.PROJECTION, "")

    def _unplaced(
        self, instance: int, frame_numbers: list[int] | None, reason: str, detail: str
    ) -> InstanceWithoutPlace:
        stored = self._values[instance]
        first = frame_numbers[0] if frame_numbers else 1
        values = stored.frame(first)
        return InstanceWithoutPlace(
            sop_instance_uid=self._series.sop_instance_uids[instance],
            orthanc_instance_id=self._series.orthanc_ids[instance],
            number_of_frames=self._series.frame_counts[instance],
            frame_numbers=frame_numbers,
            reason=reason,
            detail=detail,
            samples_per_pixel=stored.samples_per_pixel,
            photometric_interpretation=stored.photometric_interpretation,
            bits_stored=stored.bits_stored,
            high_bit=stored.high_bit,
            pixel_representation=stored.pixel_representation,
            rows=stored.rows,
            columns=stored.columns,
            rescale_slope=values.rescale_slope,
            rescale_intercept=values.rescale_intercept,
            rescale_reason=values.not_linear,
            unit=values.unit,
            pixel_padding_value=stored.pixel_padding_value,
            pixel_padding_range_limit=stored.pixel_padding_range_limit,
            window_center=values.window_center,
            window_width=values.window_width,
            voi_lut_function=values.voi_lut_function,
            has_voi_lut=values.has_voi_lut,
            links=self._links(instance, first),
        )

    def _links(self, instance: int, frame_number: int) -> FrameLinks:
        if not self._values[instance].has_pixels:
            return FrameLinks(None, PixelsReason.NO_PIXELS)
        if self._deep[instance]:
            return FrameLinks(None, PixelsReason.TOO_DEEP)
        return FrameLinks(self._link(self._series.orthanc_ids[instance], frame_number))
