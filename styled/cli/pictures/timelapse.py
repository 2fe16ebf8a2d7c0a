"""``styled timelapse``: the frames of a job as a film."""

from __future__ import annotations

import os

import click

from styled.cli.folder_of import folder_of
from styled.cli.options import job_ids, root_option
from styled.root import Root


@click.command()
@root_option
@click.option(
    "--format", "form", type=click.Choice(["webp", "mp4"]), default="webp", show_default=True, help="The film's format."
)
@click.argument("job", shell_complete=job_ids)
def timelapse(root_path: str | None, form: str, job: str) -> None:
    """Make a film of the frames of JOB: evolution.webp or evolution.mp4 in the job's folder.

    Every job gets its evolution.webp when it is done; this makes it for one that is still painted, or again. MP4 needs
    the extra: pip install 'styled[video]'.
    """
    from styled.errors import StyledError
    from styled.evolution import write_timelapse
    from styled.evolution.video import write_video

    folder = folder_of(Root.at(root_path), job)
    written = write_timelapse(folder) if form == "webp" else write_video(folder)
    if written is None:
        raise StyledError(
            f"{folder.id} has no frames", "They are kept with frame_every above 0; retention may have removed them."
        )
    click.echo(os.fsencode(written))  # a name is bytes, whatever the character set
