"""``styled run``: paint pictures now, without a queue."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from styled import evolution, figures, planning
from styled.cli.pictures.attended_run import Painter
from styled.cli.progress import Display, JsonLines, TextLines
from styled.cli.settings_options import SHORTCUTS, settings_options, settings_values
from styled.errors import OutputUnusable, StyledError
from styled.files.printable import escaped
from styled.job import JobState
from styled.painting import one_picture
from styled.painting.one_picture import OneShot

_WORTH_A_PROBE_PX = 2000
"""Long side of a result from which ten seconds do not matter."""


@click.command()
@click.argument("images", metavar="CONTENT STYLE...", type=click.Path(path_type=Path), nargs=-1)
@click.option(
    "--style",
    "styles",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A style image; may be repeated. All other images are then contents, each painted in these styles.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The result: png, jpg, tif or webp. Of several contents a folder. [default: CONTENT-STYLE.png here]",
)
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    help="An image with a colour for each style, dark to bright: where each is painted.",
)
@settings_options
@click.option(
    "--evolution",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep frames, losses and settings in a folder in DIR.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Go on with a run that was stopped; needs no images.",
)
@click.option("--overwrite", is_flag=True, help="Replace the result if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print every message as a JSON line.")
def run(images: tuple[Path, ...], styles: tuple[Path, ...], resume: Path | None, as_json: bool, **options: Any) -> None:
    """Paint a content image in the style of others, now; or several: styled run *.jpg --style painting.jpg -o folder.

    Ctrl-C saves a checkpoint and prints how to go on. Settings that are not given come from styled.toml of the
    current root, if there is one. Of several contents those whose result exists are passed over, so that the same
    command goes on with the others; what cannot be painted, or was stopped and waits for its own command, is listed at
    the end.
    """
    contents, styles = (images, styles) if styles else (images[:1], images[1:])
    if resume is not None:
        given = (options[name] not in (None, ()) for name in ("assignments", "evolution", "mask", *SHORTCUTS))
        if images or styles or any(given):
            raise click.UsageError("--resume goes on with the images and settings of the stopped run; give none.")
    elif not contents or not styles:
        raise click.UsageError("Give a content image and at least one style image.")
    display: Display = JsonLines() if as_json else TextLines(sys.stderr)
    if len(contents) > 1:
        _run_all(contents, styles, options, display, as_json=as_json)
        return
    if resume is not None:
        job = one_picture.reopen(resume, output=options["output"], overwrite=options["overwrite"])
    else:
        output = options["output"] or Path()
        job = _prepared(contents[0], styles, options, output=_result_in(output, contents[0], styles))
    one_picture.record_state(job, JobState.RUNNING)
    if not as_json:
        if resume is None:
            display.note(_forecast(job))
        display.note("starting")  # TensorFlow takes some seconds to load
    with Painter(display) as painter:
        painter.paint(job)
    if not as_json:
        click.echo(os.fsencode(job.output))  # a name is bytes, whatever the terminal's character set


def _result_in(output: Path, content: Path, styles: Sequence[Path]) -> Path:
    """Return where a result goes: ``output``, or if that is a folder a file in it."""
    return output / f"{content.stem}-{styles[0].stem}.png" if output.is_dir() else output


def _outputs(contents: Sequence[Path], styles: Sequence[Path], options: dict[str, Any]) -> list[Path]:
    """Return where the results of several contents go.

    Raises:
        OutputUnusable: there is no such folder, or two would have one name.
    """
    if options["mask"]:
        raise click.UsageError("A mask belongs to one content image.")
    folder = options["output"] or Path()
    if not folder.is_dir():
        raise OutputUnusable(f"{folder} is no folder", "Several contents have their results in one: create it.")
    outputs = [_result_in(folder, content, styles) for content in contents]
    for output, count in Counter(outputs).items():
        if count > 1:
            same = ", ".join(str(content) for content, each in zip(contents, outputs, strict=True) if each == output)
            raise OutputUnusable(f"{count} results would be {output}: of {escaped(same)}", "Paint them one by one.")
    return outputs


def _run_all(
    contents: Sequence[Path], styles: Sequence[Path], options: dict[str, Any], display: Display, *, as_json: bool
) -> None:
    """Paint several contents, each in the same styles; leave with 1 if one could not be."""
    outputs = _outputs(contents, styles, options)
    failed: list[tuple[Path, StyledError]] = []
    with Painter(display) as painter:
        for number, (content, output) in enumerate(zip(contents, outputs, strict=True), start=1):
            turn = f"{number}/{len(contents)} {escaped(content.name)}"
            if output.exists() and not options["overwrite"]:
                display.note(f"{turn}: {escaped(str(output))} exists; passed over (--overwrite paints it again)")
                continue
            display.note(f"{turn}: starting")
            if as_json:  # the messages that follow are of this one
                place = {"event": "image", "content": escaped(str(content)), "output": escaped(str(output))}
                click.echo(msgspec.json.encode(place | {"number": number, "of": len(contents)}))
            try:
                job = _prepared(content, styles, options, output=output)
                one_picture.record_state(job, JobState.RUNNING)
                painter.paint(job)
            except StyledError as error:
                failed.append((content, error))
                display.note(f"{turn}: failed: {error}")
            else:
                if not as_json:
                    click.echo(os.fsencode(output))
    if failed:
        display.note(f"{len(failed)} of {len(contents)} failed:")
        for content, failure in failed:
            display.note(f"  {escaped(str(content))}: {failure.message}")
        sys.exit(1)


def _prepared(content: Path, styles: Sequence[Path], options: dict[str, Any], *, output: Path) -> OneShot:
    return one_picture.prepare(
        content,
        styles,
        settings_values(options),
        output=output,
        mask=options["mask"],
        evolution_folder=options["evolution"],
        overwrite=options["overwrite"],
    )


def _forecast(job: OneShot) -> str:
    """Return what the run will take: large ones are worth a probe of a machine that was never measured."""
    recorded = evolution.read_job_file(job.folder)
    settings = recorded.settings
    content, *styles = (job.folder.path / name for name in (recorded.content, *recorded.styles))
    try:
        estimated = planning.plan(
            content,
            styles,
            settings,
            has_mask=recorded.mask is not None,
            may_probe=settings.size >= _WORTH_A_PROBE_PX,
        )
    except StyledError as error:
        return f"no forecast: {error.message}"
    time = f", about {figures.duration(estimated.seconds)}" if estimated.seconds is not None else ""
    return f"{estimated.width}x{estimated.height} px in {estimated.steps} steps{time}, memory {figures.size_of(estimated.peak_bytes)}"
