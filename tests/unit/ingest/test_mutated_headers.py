"""A tenth of `benchmarks.soak.mutated_headers`, always the same one."""

from pathlib import Path

import pytest

from benchmarks.soak.mutated_headers import COUNT, SEED, compare_damaged, damaged_files, real_files


@pytest.mark.filterwarnings("ignore")
def test_damaged_headers_are_read_as_pydicom_reads_them(tmp_path: Path) -> None:
    seen = compare_damaged(damaged_files(real_files(), COUNT // 10, SEED), tmp_path)
    assert seen == {"same": COUNT // 10}
