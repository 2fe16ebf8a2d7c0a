from __future__ import annotations

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styled import messages
from styled.errors import DiskFull
from styled.evolution import JobFolder, LossLog, all_losses, losses, read_losses


def progress(step: int) -> messages.Progress:
    return messages.Progress(
        scale=1,
        scales=1,
        width=64,
        height=48,
        step=step,
        steps=300,
        loss=1000.0 / step,
        content_loss=1.0,
        style_loss=2.0,
        tv_loss=0.0,
        seconds=step * 0.5,
        step_seconds=0.5,
        left_seconds=None,
        memory_bytes=1,
    )


def write(job: JobFolder, first: int, last: int, *, after: int | None = None) -> None:
    with LossLog(job, step=first - 1 if after is None else after) as log:
        for step in range(first, last + 1):
            log.append(progress(step))


def steps(job: JobFolder) -> list[int]:
    return [line.step for line in read_losses(job).losses]


def test_what_is_appended_is_read(job: JobFolder) -> None:
    write(job, 1, 3)
    assert read_losses(job).losses == [progress(1), progress(2), progress(3)]


def test_before_the_first_step_there_is_nothing(job: JobFolder) -> None:
    assert read_losses(job) == ([], 0, False)


def test_a_reader_goes_on_where_it_was(job: JobFolder) -> None:
    with LossLog(job) as log:
        log.append(progress(1))
        first = read_losses(job)
        log.append(progress(2))
        second = read_losses(job, first.offset)
    assert [line.step for line in second.losses] == [2]
    assert read_losses(job, second.offset) == ([], second.offset, False)


@given(cut=st.integers(1, 400))
def test_a_torn_last_line_waits_for_its_end(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    job = JobFolder(tmp_path_factory.mktemp("job"))
    write(job, 1, 2)
    whole = job.losses.read_bytes()
    cut = min(cut, len(whole))
    job.losses.write_bytes(whole[:-cut])
    part = read_losses(job)
    assert part.losses == [progress(step) for step in (1, 2)][: len(part.losses)]
    with job.losses.open("ab") as file:
        file.write(whole[-cut:])
    rest = read_losses(job, part.offset)
    assert part.losses + rest.losses == [progress(1), progress(2)]


def test_a_resumed_job_drops_the_steps_after_its_checkpoint(job: JobFolder) -> None:
    write(job, 1, 5)
    write(job, 4, 4, after=3)
    assert steps(job) == [1, 2, 3, 4]


def test_a_resumed_job_drops_a_torn_last_line(job: JobFolder) -> None:
    write(job, 1, 2)
    with job.losses.open("ab") as file:
        file.write(b'{"event":"progress","step":3')
    write(job, 3, 3)
    assert steps(job) == [1, 2, 3]


def test_a_retried_job_starts_from_an_empty_file(job: JobFolder) -> None:
    write(job, 1, 5)
    write(job, 1, 1)
    assert steps(job) == [1]


def test_a_reader_is_told_when_the_file_was_cut_below_it(job: JobFolder) -> None:
    write(job, 1, 5)
    offset = read_losses(job).offset
    write(job, 3, 3)
    part = read_losses(job, offset)
    assert part.restarted
    assert [line.step for line in part.losses] == [1, 2, 3]


def test_a_reader_is_told_when_the_file_went_away(job: JobFolder) -> None:
    write(job, 1, 1)
    offset = read_losses(job).offset
    job.losses.unlink()
    assert read_losses(job, offset) == ([], 0, True)


def test_a_line_that_is_no_step_is_skipped(job: JobFolder) -> None:
    write(job, 1, 1)
    with job.losses.open("ab") as file:
        file.write(b"noise \xff\n")
    with job.losses.open("ab") as file:
        file.write(messages.encode(progress(2)))
    assert steps(job) == [1, 2]


def test_a_long_file_is_read_in_parts(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    write(job, 1, 20)
    monkeypatch.setattr(losses, "_READ_BYTES", 1000)
    found, offset = [], 0
    while (part := read_losses(job, offset)).losses:
        assert part.offset - offset <= 1000
        found += part.losses
        offset = part.offset
    assert [line.step for line in found] == list(range(1, 21))
    assert all_losses(job) == found


def test_a_full_disk_leaves_whole_lines_only(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = os.write
    with LossLog(job) as log:
        log.append(progress(1))
        room = [10]

        def nearly_full(descriptor: int, data: bytes) -> int:
            if not room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real_write(descriptor, data[: room.pop()])

        monkeypatch.setattr(os, "write", nearly_full)
        with pytest.raises(DiskFull):
            log.append(progress(2))
        monkeypatch.undo()
        log.append(progress(3))
    assert job.losses.read_bytes() == messages.encode(progress(1)) + messages.encode(progress(3))


def test_a_damaged_line_costs_itself_and_not_what_a_resumed_job_keeps(job: JobFolder) -> None:
    write(job, 1, 5)
    lines = job.losses.read_bytes().splitlines(keepends=True)
    job.losses.write_bytes(b"".join([lines[0], b"\xff" + lines[1][1:], b"x" * 50_000 + b"\n", *lines[2:]]))
    write(job, 5, 5)
    assert steps(job) == [1, 3, 4, 5]


def test_a_line_longer_than_what_is_read_at_once_is_passed_over(
    job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "_READ_BYTES", 1000)
    write(job, 1, 1)
    with job.losses.open("ab") as file:
        file.write(b"x" * 5000)
    first = read_losses(job)
    assert [line.step for line in first.losses] == [1]
    assert read_losses(job, first.offset) == ([], first.offset, False), "its end may still come"
    with job.losses.open("ab") as file:
        file.write(b"\n" + b"noise\n" * 500 + messages.encode(progress(2)))
    assert [line.step for line in read_losses(job, first.offset).losses] == [2]


def test_a_pipe_or_a_folder_in_its_place_blocks_nobody(job: JobFolder) -> None:
    os.mkfifo(job.losses)
    assert (read_losses(job), losses.last_loss(job)) == (([], 0, False), None)
    job.losses.unlink()
    job.losses.mkdir()
    assert read_losses(job, 5) == ([], 0, True)
    write(job, 1, 1)
    assert steps(job) == [1]
    assert job.losses.with_suffix(".damaged").is_dir()
