from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from styled.errors import CheckpointDamaged, CheckpointMismatch, DiskFull, Superseded
from styled.evolution import JobFolder, checkpoint, fingerprint, load_checkpoint, save_checkpoint
from styled.files import durable
from styled.settings import Settings


def arrays(step: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(step)
    return {
        "picture": random.uniform(0, 255, (5, 7, 3)).astype(np.float32),
        "step": np.array(step, np.int64),
        "file": np.arange(4, dtype=np.uint8),  # also a parameter of np.savez
    }


def save(job: JobFolder, step: int, mark: str = "same") -> None:
    save_checkpoint(job, arrays(step), {"step": step, "fingerprint": mark})


def assert_holds(found: object, step: int) -> None:
    assert found is not None
    got, meta, _ = found  # type: ignore[misc]
    assert meta["step"] == step
    assert got.keys() == arrays(step).keys()
    for name, array in arrays(step).items():
        np.testing.assert_array_equal(got[name], array, strict=True)


def flip(path: Path, position: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def newest(job: JobFolder) -> Path:
    return max(job.checkpoint.iterdir(), key=lambda path: path.stat().st_mtime_ns)


def test_there_is_none_at_first(job: JobFolder) -> None:
    assert load_checkpoint(job) is None


def test_what_is_saved_is_loaded_bit_for_bit(job: JobFolder) -> None:
    save(job, 10)
    found = load_checkpoint(job)
    assert_holds(found, 10)
    assert found is not None
    assert found.note == ""


def test_two_slots_take_turns_and_the_newest_is_loaded(job: JobFolder) -> None:
    for step in (10, 20, 30):
        save(job, step)
        assert_holds(load_checkpoint(job), step)
    assert sorted(path.name for path in job.checkpoint.iterdir()) == ["a.npz", "b.npz"]


def test_the_order_does_not_hang_on_the_clock(job: JobFolder) -> None:
    import os

    save(job, 10)
    save(job, 20)
    os.utime(job.checkpoint / "a.npz", (2**31, 2**31))
    assert_holds(load_checkpoint(job), 20)


def test_bfloat16_survives(job: JobFolder) -> None:
    import ml_dtypes

    history = np.linspace(-1, 1, 10).astype(ml_dtypes.bfloat16).reshape(2, 5)
    save_checkpoint(job, {"history": history}, {})
    found = load_checkpoint(job)
    assert found is not None
    np.testing.assert_array_equal(found.arrays["history"], history, strict=True)


def test_numpy_itself_can_read_a_slot_without_pickle(job: JobFolder) -> None:
    save(job, 10)
    with np.load(job.checkpoint / "a.npz", allow_pickle=False) as slot:
        np.testing.assert_array_equal(slot["picture"], arrays(10)["picture"])


def test_a_damaged_newer_slot_falls_back_to_the_older_and_says_so(job: JobFolder) -> None:
    save(job, 10)
    save(job, 20)
    flip(newest(job), 400)
    found = load_checkpoint(job)
    assert_holds(found, 10)
    assert found is not None
    assert "b.npz is damaged" in found.note
    assert "went on from step 10" in found.note


def test_a_slot_cut_short_falls_back(job: JobFolder) -> None:
    save(job, 10)
    save(job, 20)
    slot = newest(job)
    slot.write_bytes(slot.read_bytes()[:-30])
    assert_holds(load_checkpoint(job), 10)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_flipped_bit_anywhere_yields_wrong_numbers(
    tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    """Either the flip is in what does not matter (a date in the ZIP), or the older slot is taken."""
    job = JobFolder(tmp_path_factory.mktemp("job"))
    save(job, 10)
    save(job, 20)
    slot = job.checkpoint / "b.npz"
    flip(slot, int(where * slot.stat().st_size), bit)
    found = load_checkpoint(job)
    assert found is not None
    assert_holds(found, 10 if found.note else 20)


def test_a_flip_that_makes_an_array_smaller_is_seen(job: JobFolder) -> None:
    """NumPy would read the smaller array and never come to the end, where the ZIP checks its sum."""
    for step in (10, 20):
        save_checkpoint(job, {"picture": np.full((5000, 7), step)}, {"step": step})
    slot = job.checkpoint / "b.npz"
    flip(slot, slot.read_bytes().index(b"(5000, 7)") + 1)
    found = load_checkpoint(job)
    assert found is not None
    np.testing.assert_array_equal(found.arrays["picture"], np.full((5000, 7), 10), strict=True)


def test_both_slots_damaged_is_an_error_that_names_both(job: JobFolder) -> None:
    save(job, 10)
    save(job, 20)
    for slot in job.checkpoint.iterdir():
        slot.write_bytes(b"\0" * 100)
    with pytest.raises(CheckpointDamaged, match=r"[ab]\.npz.*[ab]\.npz"):
        load_checkpoint(job)


def test_a_save_replaces_the_damaged_slot_and_keeps_the_good_one(job: JobFolder) -> None:
    save(job, 10)
    save(job, 20)
    (job.checkpoint / "b.npz").write_bytes(b"")
    save(job, 30)
    (job.checkpoint / "b.npz").write_bytes(b"")
    assert_holds(load_checkpoint(job), 10)


def test_a_save_killed_halfway_leaves_both_slots(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    save(job, 10)
    save(job, 20)
    before = {path.name: path.read_bytes() for path in job.checkpoint.iterdir()}

    def die(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array", die)
    with pytest.raises(KeyboardInterrupt):
        save(job, 30)
    assert {path.name: path.read_bytes() for path in job.checkpoint.iterdir()} == before


def test_who_may_not_replace_a_slot_any_more_leaves_both(job: JobFolder) -> None:
    """Asked when all is written, so that a successor's slots are not replaced by whoever was slow."""
    save(job, 10)
    save(job, 20)
    before = {path.name: path.read_bytes() for path in job.checkpoint.iterdir()}
    written = []

    def refuse() -> None:
        written.extend(path.stat().st_size for path in job.checkpoint.iterdir() if path.name not in before)
        raise Superseded("another worker has taken over")

    with pytest.raises(Superseded):
        save_checkpoint(job, arrays(30), {"step": 30}, before_replacing=refuse)
    assert len(written) == 1
    assert written[0] >= sum(array.nbytes for array in arrays(30).values())
    assert {path.name: path.read_bytes() for path in job.checkpoint.iterdir()} == before


def test_no_space_is_seen_before_anything_is_written(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    save(job, 10)
    asked = []

    def full(path: Path, needed: int) -> None:
        asked.append(needed)
        raise DiskFull("no room")

    monkeypatch.setattr(durable, "require_space", full)
    with pytest.raises(DiskFull):
        save(job, 20)
    assert asked[0] >= sum(array.nbytes for array in arrays(20).values())
    assert_holds(load_checkpoint(job), 10)


def test_pickles_are_neither_written_nor_read(job: JobFolder) -> None:
    """A slot planted with a pickle is damage: its code never runs."""
    with pytest.raises(TypeError, match="'evil' holds objects"):
        save_checkpoint(job, {"evil": np.array([print], dtype=object)}, {})
    import io
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (Path(str(job.path / "pwned")),)  # type: ignore[return-value]

    member = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(member, header)
    member.write(pickle.dumps(Evil()))
    with zipfile.ZipFile(job.checkpoint / "a.npz", "w") as slot:
        slot.writestr("meta.json", json.dumps({"serial": 1, "arrays": {"evil": "object"}, "meta": {}}))
        slot.writestr("evil.npy", member.getvalue())
    with pytest.raises(CheckpointDamaged):
        load_checkpoint(job)
    assert not (job.path / "pwned").exists()


def test_other_images_or_settings_are_refused(job: JobFolder) -> None:
    save(job, 10, mark="these")
    assert_holds(load_checkpoint(job, fingerprint="these"), 10)
    with pytest.raises(CheckpointMismatch, match="other images or settings"):
        load_checkpoint(job, fingerprint="those")


def test_a_fingerprint_tells_what_decides_the_picture() -> None:
    digests = {"input/content.jpg": "c", "input/style.jpg": "s"}
    plain = Settings()
    reference = fingerprint(digests, plain, "w")
    assert reference == fingerprint(dict(reversed(digests.items())), plain, "w")
    assert reference == fingerprint(digests, Settings(frame_every=3, checkpoint_s=9.0, memory_limit=2.0), "w")
    others = [
        fingerprint({**digests, "input/style.jpg": "t"}, plain, "w"),
        fingerprint(digests, Settings(seed=1), "w"),
        fingerprint(digests, Settings(style_layers={"block1_conv1": 1.0}), "w"),
        fingerprint(digests, plain, "x"),
    ]
    assert len({reference, *others}) == 5


def test_a_setting_that_came_later_counts_where_it_is_not_at_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint({}, Settings(), "w")
    monkeypatch.setattr(checkpoint, "_LATER", frozenset({"seed"}))
    assert len({before, fingerprint({}, Settings(), "w"), fingerprint({}, Settings(seed=1), "w")}) == 3


def test_each_setting_is_one_of_the_first_version_or_a_later_one() -> None:
    with zipfile.ZipFile(Path(__file__).parents[1] / "data" / "root-0.1.0.zip") as archive:
        [name, *_] = [name for name in archive.namelist() if name.endswith("/job.json")]
        first = msgspec.json.decode(archive.read(name))["settings"]
    assert set(Settings.__struct_fields__) - set(first) == checkpoint._LATER


@pytest.mark.parametrize("odd", ["pipe", "folder", "packed", "long"])
def test_what_is_no_slot_is_damaged_and_neither_blocks_nor_fills_the_memory(job: JobFolder, odd: str) -> None:
    save(job, 1)
    save(job, 2)
    newest = job.checkpoint / "b.npz"
    newest.unlink()
    match odd:
        case "pipe":
            os.mkfifo(newest)
        case "folder":
            newest.mkdir()
        case "packed":
            with zipfile.ZipFile(newest, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("meta.json", b" " * 10_000_000)
        case _:
            with zipfile.ZipFile(newest, "w") as archive:
                archive.writestr("meta.json", b" " * 10_000_000)
    found = load_checkpoint(job)
    assert found is not None
    assert found.meta["step"] == 1
    assert "b.npz is damaged" in found.note
