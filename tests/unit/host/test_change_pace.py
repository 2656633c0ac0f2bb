"""When the thread of Orthanc's changes rests."""

from types import SimpleNamespace

from tests.fake_orthanc import FakeOrthanc


def test_it_rests_once_and_then_takes_what_has_gathered(fake_orthanc: FakeOrthanc) -> None:
    fake_orthanc.constant("ResourceType", SimpleNamespace(PATIENT=0, STUDY=1, SERIES=2, INSTANCE=3))
    from longitudinal.host.change_pace import ChangePace  # of the package that exists only inside Orthanc

    clock, rests = [100.0], list[float]()

    def sleep(seconds: float) -> None:
        rests.append(clock[0])
        clock[0] += seconds

    pace = ChangePace(sleep, lambda: clock[0])
    for _ in range(50):
        pace.heard()
    assert rests == [100.0]
    clock[0] += 0.01
    pace.heard()
    assert len(rests) == 2
