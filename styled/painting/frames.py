"""When a job's frames are written, and whether painting goes on meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from styled import images
from styled.engine.iterate import Iterate
from styled.evolution import FrameWriter, JobFolder
from styled.images.resizing import Picture, Pixels
from styled.messages import Frame
from styled.settings import Settings

MOST_HELD = 16 * 2**20
"""Bytes of a frame that may be held while painting goes on: more than those of the default ``frame_size``. No plan of a
job's memory counts them, so a larger frame is waited for."""


class Frames:
    """The frames of one worker's turn at a job: yields the messages to send.

    Args:
        writer: of the job's folder.
        folder: the job's.
        settings: ``frame_every`` is used.
        alpha: of the content, uint8, shape (H, W); None: it is opaque.
        is_lean: memory ran out before, so none is taken that is not needed: painting waits for every frame.
    """

    def __init__(
        self, writer: FrameWriter, folder: JobFolder, settings: Settings, *, alpha: Pixels | None, is_lean: bool
    ) -> None:
        self._writer, self._folder = writer, folder
        self._alpha = alpha
        self._every, self._is_lean = settings.frame_every, is_lean

    def ended(self, *, wait: bool = False) -> Iterator[Frame]:
        """Return a message for one that is whole.

        Args:
            wait: for one that is under way.

        Raises:
            StyledError: it could not be written, see :class:`~styled.evolution.FrameWriter`.
        """
        written = self._writer.ended(wait=wait)
        if written is not None:
            step, path = written
            yield Frame(step=step, path=str(path.relative_to(self._folder.path)))

    def when_due(self, iterate: Iterate) -> Iterator[Frame]:
        """Begin one if one is due after this step, when the one before it is whole."""
        if not self._every or not (iterate.step % self._every == 0 or iterate.last):
            return
        yield from self.ended(wait=True)
        picture = iterate.picture()
        if self._alpha is not None:
            _lay_on_white(picture, images.resize(self._alpha, picture.shape[1], picture.shape[0]))
        held = self._writer.begin(iterate.step, picture)
        yield from self.ended(wait=self._is_lean or held > MOST_HELD)


def _lay_on_white(picture: Picture, alpha: Pixels) -> None:
    """Lay a picture (H, W, 3) on white by its alpha (H, W), in place: the photo is filled where nobody sees it."""
    for index, cover in enumerate(alpha):
        picture[index] += (255.0 - picture[index]) * (1.0 - cover[:, None] / np.float32(255.0))
