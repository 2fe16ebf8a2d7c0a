"""Writes frames while painting goes on."""

from __future__ import annotations

from pathlib import Path

from styled.evolution.background import Background
from styled.evolution.frames import at_most, write_frame
from styled.images import AnyPicture
from styled.job_folder import JobFolder


class FrameWriter(Background[tuple[int, Path]]):
    """Encodes and syncs one frame at a time. Gives step and path of each.

    Args:
        folder: the job's folder.
        frame_size: a frame's long side at most, px.
    """

    def __init__(self, folder: JobFolder, frame_size: int) -> None:
        super().__init__("frame")
        self._folder, self._frame_size = folder, frame_size

    def begin(self, step: int, picture: AnyPicture) -> int:
        """Begin to write what :func:`~styled.evolution.write_frame` takes; the picture must not change any more.

        It is made as small as the frame before this returns, so that no more is held.

        Returns:
            bytes that are held until the frame has been written.

        Raises:
            RuntimeError: one is under way.
        """
        frame = at_most(picture, self._frame_size)
        self._begin(lambda: (step, write_frame(self._folder, step, frame, self._frame_size)))
        return frame.nbytes
