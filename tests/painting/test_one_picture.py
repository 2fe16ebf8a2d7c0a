"""What is kept of a run in its ``job.json``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from styled.painting.one_picture import _from_record, _recorded


@pytest.mark.parametrize("name", [b"out.png", "été %41.png".encode(), b"M\xfcller/o ut%20.png"])
def test_where_the_result_goes_is_kept_whatever_its_name(name: bytes) -> None:
    path = Path("/tmp") / os.fsdecode(name)  # only a name
    recorded = _recorded(path)
    recorded.encode()
    assert _from_record(recorded) == path
