from __future__ import annotations

from styled.backend.heard import Heard
from styled.messages import Checkpointed, Failure, Frame, Progress, Result, Started


def progress(step: int, step_seconds: float) -> Progress:
    return Progress(
        scale=1, scales=1, width=9, height=9, step=step, steps=9, loss=1.0, content_loss=0.5, style_loss=0.5,
        tv_loss=0.0, seconds=1.0, step_seconds=step_seconds, left_seconds=None, memory_bytes=1,
    )  # fmt: skip


def test_all_but_progress_is_reported_and_a_checkpoint_counts_beyond_the_first_step() -> None:
    heard = Heard()
    assert heard.take(Started(step=5, steps=9, width=9, height=9, device="cpu"))
    assert heard.take(Checkpointed(step=5))
    assert (heard.began, heard.progressed) == (True, False)
    assert heard.take(Checkpointed(step=6))
    assert heard.take(Checkpointed(step=5))
    assert heard.progressed
    assert not heard.take(progress(7, 0.5))
    assert heard.take(Frame(step=7, path="frames/000007.jpg"))
    assert heard.take(Result(path="result.png", step=9, loss=1.0, seconds=1.0))
    assert heard.take(Failure(kind="image", message="no picture"))
    assert heard.result is not None
    assert heard.failure is not None


def test_a_worker_of_long_steps_may_be_silent_for_longer() -> None:
    heard = Heard()
    assert heard.silence_s(900.0) == 900.0
    heard.take(progress(1, 60.0))
    assert heard.silence_s(900.0) == 1200.0
