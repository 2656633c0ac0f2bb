"""Lines on an image, against the shapes they are of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from tests.unit.http.served import Served
from tests.unit.points.radiotherapy.test_at_point import FOLLOW_UP, FOLLOW_UP_FRAME, follow_up, registration
from tests.unit.relations import radiotherapy as rt

Json = dict[str, Any]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


def draw(served: Served, image: str, **more: Any) -> Json:
    answer = served.ask("POST", "/overlays", {"sopInstanceUid": image, **more})
    assert answer.status == 200, answer.json
    return dict(answer.json)


def area(lines: list[list[list[float]]]) -> shapely.Geometry:
    shape = shapely.Polygon()
    for line in lines:
        shape = shape.symmetric_difference(shapely.make_valid(shapely.Polygon([(x, y) for y, x in line])))
    return shape


def test_an_outline_is_the_contour_to_the_step(served: Served) -> None:
    served.store(*rt.whole())
    found = draw(served, rt.IMAGES[1])
    (outline,) = found["structures"]
    assert (outline["name"], outline["colour"], outline["path"], outline["reason"]) == (
        "Target",
        [255, 0, 0],
        [],
        None,
    )
    drawn, true = area(outline["lines"]), shapely.box(10, 10, 30, 30)
    assert drawn.symmetric_difference(true).area < found["stepMm"] * true.length
    assert 0 < found["stepMm"] <= 0.51


def test_through_a_transform_it_is_where_the_transform_puts_it(served: Served) -> None:
    served.store(*rt.whole(), *follow_up(), registration())
    (outline,) = draw(served, f"{FOLLOW_UP}.1.2")["structures"]
    x0, y0, x1, y1 = area(outline["lines"]).bounds
    # points of the follow-up are 3 mm further left in the planning frame
    assert (x0, y0, x1, y1) == pytest.approx((7, 10, 27, 30), abs=0.51)
    assert outline["path"] == [f"{FOLLOW_UP}.6.1.2"]


def test_isodose_lines_are_where_the_dose_is(served: Served) -> None:
    served.store(*rt.whole())
    (dose,) = draw(served, rt.IMAGES[1], levelsGy=[8.0, 1_000.0])["doses"]
    near, far = dose["levels"]
    # z = 2: 7 Gy, and 0.1 Gy more for each mm along x from -5
    columns = [column for line in near["lines"] for _, column in line]
    assert np.array(columns) == pytest.approx(5.0, abs=0.05)
    assert (far["lines"], dose["largestGy"]) == ([], pytest.approx(7 + 4, abs=0.1))


def test_what_cannot_be_drawn_says_why(served: Served) -> None:
    served.store(*rt.scan(), rt.structure_set([]), rt.dose(DoseGridScaling=None), *follow_up())
    own = draw(served, rt.IMAGES[0])
    assert [each["reason"] for each in own["structures"]] == ["noContours"]
    assert [each["reason"] for each in own["doses"]] == ["noScaling"]
    other = draw(served, f"{FOLLOW_UP}.1.1")
    assert [each["reason"] for each in other["structures"]] == ["needsAlignment"]


def test_an_answer_is_kept_until_something_changes(served: Served) -> None:
    served.store(*rt.whole(), *follow_up(), registration())
    image = f"{FOLLOW_UP}.1.2"
    assert draw(served, image) == draw(served, image)
    served.ask("POST", f"/transforms/{FOLLOW_UP}.6.1.2/review", {"decision": "rejected"})
    assert [each["reason"] for each in draw(served, image)["structures"]] == ["needsAlignment"]
    assert FOLLOW_UP_FRAME  # the frame of the image, to which nothing leads any more
