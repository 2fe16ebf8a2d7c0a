"""What is asked of Slurm's commands: programs in their place write down what they were given."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from styled.backend.staged.engine import Outcome, Phase, Seen
from styled.backend.staged.slurm import Slurm
from styled.errors import BackendAway, BackendRefuses

pytestmark = pytest.mark.processes

PROGRAM = """#!{python} -SE
import json, os, sys
folder = os.path.dirname(os.path.abspath(__file__))
name = os.path.basename(__file__)
with open(folder + "/given", "a") as file:
    file.write(json.dumps([name, sys.argv[1:], dict(os.environ)]) + "\\n")
print("4711;cluster")
"""

SAYS = """#!/bin/sh
if [ -f "$0.out" ]; then cat "$0.out"; fi
if [ -f "$0.err" ]; then cat "$0.err" >&2; exit 1; fi
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with programs in place of Slurm's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sbatch", "squeue", "scancel"):
        (folder / name).write_text(SAYS)
        (folder / name).chmod(0o755)
    return folder


def given(programs: Path) -> list[tuple[str, list[str], dict[str, str]]]:
    return [json.loads(line) for line in (programs / "given").read_text().splitlines()]


def test_nothing_of_the_command_is_an_option_a_script_or_a_variable(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SBATCH_PARTITION", "elsewhere")
    monkeypatch.setenv("SBATCH_WRAP", "rm -rf /")
    (programs / "sbatch").write_text(PROGRAM.format(python=sys.executable))
    place = tmp_path / "100%j"
    place.mkdir()
    python = "/venv/bin/python --wrap=rm $(rm); rm\n#SBATCH --uid=0"
    slurm = Slurm("styled-x-", ["--gres=gpu:1", "--job-name=other"], python=python, search=str(programs))
    assert slurm.submit("styled-x-0001-aa", "--wrap=rm", place) == "slurm:4711"
    command = [python, "-P", "-m", "--wrap=rm", str(place)]
    [(_, arguments, environment)] = given(programs)
    script = arguments.index(str(place / "run.sh"))
    assert arguments[script + 1 :] == command, "they come after the script, where sbatch reads no options"
    assert (place / "run.sh").read_text() == '#!/bin/sh\nexec "$@"\n'
    options = arguments[:script]
    assert options.index("--job-name=styled-x-0001-aa") > options.index("--job-name=other"), "the daemon's come last"
    assert f"--output={tmp_path}/100%%j/engine.log" in options
    assert {"--parsable", "--export=NIL", "--no-requeue", "--dependency=singleton", "--gres=gpu:1"} <= set(options)
    assert not [name for name in environment if name.startswith("SBATCH_")]


def test_nodes_that_are_unfit_are_excluded_beside_those_that_the_options_exclude(
    programs: Path, tmp_path: Path
) -> None:
    (programs / "sbatch").write_text(PROGRAM.format(python=sys.executable))
    slurm = Slurm("styled-x-", ["--exclude=gpu9", "--exclusive"], search=str(programs))
    slurm.submit("styled-x-0001-aa", "module", tmp_path, avoid=frozenset({"node2", "node1"}))
    [(_, arguments, _)] = given(programs)
    assert [each for each in arguments if each.startswith("--exc")] == ["--exclusive", "--exclude=gpu9,node1,node2"]


def test_one_that_follows_on_another_node_is_seen_in_place_of_the_one_before(programs: Path) -> None:
    lines = ["19|FAILED|styled-x-0001-aa|node1|None\n", "21|RUNNING|styled-x-0001-aa|node2|None\n"]
    for order in (lines, lines[::-1]):
        (programs / "squeue.out").write_text("".join(order))
        seen = Slurm("styled-x-", search=str(programs)).look()["styled-x-0001-aa"]
        assert (seen.handle, seen.phase, seen.node) == ("slurm:21", Phase.RUNNING, "node2")


def test_jobs_are_known_by_their_names(programs: Path) -> None:
    (programs / "squeue.out").write_text(
        "11|PENDING|styled-x-0001-aa||Priority\n"
        "12|RUNNING|styled-x-0002-bb|node1|None\n"
        "13|NODE_FAIL|styled-x-0003-cc|node2|NodeDown\n"
        "14|RUNNING|styled-y-0001-aa|node2|None\n"
        "15|RUNNING|somebody else's | job|node2|None\n"
        "rubbish\n"
        "16|PENDING|styled-x-0004-dd||(Nodes required | for job are DOWN)\n"
        "17|OUT_OF_MEMORY|styled-x-0005-ee|node1|OutOfMemory\n"
    )
    assert Slurm("styled-x-", search=str(programs)).look() == {
        "styled-x-0001-aa": Seen("slurm:11", Phase.QUEUED, "", "Priority"),
        "styled-x-0002-bb": Seen("slurm:12", Phase.RUNNING, "node1", "None"),
        "styled-x-0003-cc": Seen("slurm:13", Phase.ENDED, "node2", "NodeDown", Outcome.LOST),
        "styled-x-0004-dd": Seen("slurm:16", Phase.QUEUED, "", "(Nodes required | for job are DOWN)"),
        "styled-x-0005-ee": Seen("slurm:17", Phase.ENDED, "node1", "OutOfMemory", Outcome.OUT_OF_MEMORY),
    }


def test_errors_are_in_words(programs: Path, tmp_path: Path) -> None:
    slurm = Slurm("styled-x-", search=str(programs))
    (programs / "squeue.err").write_text("squeue: error: Unable to contact slurm controller\x1b[2J\n")
    with pytest.raises(BackendAway, match=r"^squeue: Unable to contact slurm controller"):
        slurm.look()
    (programs / "sbatch.err").write_text("sbatch: error: invalid partition specified: x\n")
    with pytest.raises(BackendRefuses, match="invalid partition"):
        slurm.submit("styled-x-1", "module", tmp_path)
    (programs / "sbatch.err").unlink()
    (programs / "sbatch.out").write_text("Submitted batch job 12\n")
    with pytest.raises(BackendRefuses, match="gave no number"):
        slurm.submit("styled-x-1", "module", tmp_path)
    (programs / "scancel.err").write_text("scancel: error: Kill job error on job id 5: Invalid job id specified\n")
    slurm.kill("slurm:5")  # it has ended meanwhile
    (programs / "scancel.err").write_text("")
    slurm.kill("slurm:5")
    (programs / "scancel.err").write_text("scancel: error: Access/permission denied\n")
    with pytest.raises(BackendAway, match="permission denied"):
        slurm.ask("slurm:5")
    with pytest.raises(BackendAway, match="squeue is not installed here"):
        Slurm("styled-x-", search=str(tmp_path)).look()
    assert Slurm("styled-x-", search=str(tmp_path)).last_outcome("slurm:5") is Outcome.UNKNOWN
