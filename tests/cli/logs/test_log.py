"""``styled log`` of a log that styled 0.1 wrote, with what TensorFlow prints on a healthy machine."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from styled.cli.logs.log import log
from styled.root import Root

LINES = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1764.123456    4242 cpu_feature_guard.cc:227] This TensorFlow binary is optimized",
    "To enable the following instructions: AVX2 FMA, rebuild TensorFlow.",
    "E0000 00:00:1764.123456    4242 cuda_dnn.cc:519] Could not create cudnn handle",
    "step 5 of 20",
)


def test_people_see_the_errors_and_programs_every_line(tmp_path: Path) -> None:
    root = Root(tmp_path)
    root.log.parent.mkdir(parents=True)
    root.log.write_text("\n".join(LINES) + "\n")
    shown = CliRunner().invoke(log, ["--root", str(tmp_path)], catch_exceptions=False)
    assert shown.output.splitlines() == list(LINES[3:])
    lines = CliRunner().invoke(log, ["--root", str(tmp_path), "--json"], catch_exceptions=False).output.splitlines()
    assert [json.loads(line)["text"] for line in lines] == list(LINES)
