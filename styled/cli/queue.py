"""The commands that change the queue: add, pause, resume, cancel, retry, again, edit, priority, remove; and stop, reload."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from styled.cli.init import require_root
from styled.cli.options import job_ids, root_option
from styled.cli.settings_options import own_settings, settings_options
from styled.config import load_config
from styled.daemon.control.protocol import Client
from styled.daemon.process.lock import holder_of
from styled.errors import DaemonNotRunning
from styled.files.printable import escaped
from styled.root import Root


@click.command()
@root_option
@click.argument("images", metavar="CONTENT STYLE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--style",
    "of_all",
    metavar="STYLE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A painting; then every other image is a photo, and each a job in this style. Several blend.",
)
@click.option(
    "--mask", type=click.Path(path_type=Path), help="An image with a colour for each style: where each is painted."
)
@click.option("--name", default="", help="The job's name; the content file's by default.")
@settings_options
@click.option("--priority", type=int, default=0, help="Higher runs first.")
def add(
    root_path: str | None,
    images: tuple[Path, ...],
    *,
    of_all: tuple[Path, ...],
    mask: Path | None,
    name: str,
    priority: int,
    **options: Any,
) -> None:
    """Put a pair into the inbox: copies of CONTENT and STYLE…, which appear there whole or not at all.

    With --style every image is a CONTENT, and each becomes a job: styled add --style painting.jpg photos/*.jpg

    Needs no daemon: the pair waits for one.
    """
    from styled.inbox.add import add_pair
    from styled.inbox.limits import priority_within

    contents, styles = (images, of_all) if of_all else (images[:1], images[1:])
    if not styles:
        raise click.UsageError("Missing argument 'STYLE…'.")
    if len(contents) > 1 and (mask or name):
        raise click.UsageError(f"{'--mask' if mask else '--name'} is of one photo; give one.")
    root = Root.at(root_path)
    require_root(root)
    config = load_config(root.config)
    settings = own_settings(options)
    for content in contents:
        dropped = add_pair(
            root, content, styles, mask=mask, name=name, settings=settings, priority=priority, config=config
        )
        click.echo(f"{dropped} is in the inbox")
    _, bound = priority_within(config.inbox, priority)
    if bound:
        click.echo(f"{bound}. To change it: styled priority", err=True)
    if len(styles) > 1:
        click.echo(_blended(contents, styles))
    try:
        Client(root).request("ping")
    except DaemonNotRunning:
        click.echo("No daemon runs here; the pair is taken when one is started with: styled daemon", err=True)


def _blended(contents: tuple[Path, ...], styles: tuple[Path, ...]) -> str:
    """Say what was understood of several styles: photos/*.jpg before a painting gives them too."""
    names = ", ".join(escaped(style.name) for style in styles)
    jobs = f"one job: {escaped(contents[0].name)}" if len(contents) == 1 else f"{len(contents)} jobs, each"
    return (
        f"It is {jobs} in the blended style of {len(styles)} images ({names})."
        " For a job for each photo: styled add --style STYLE PHOTO…"
    )


@click.command()
@root_option
@click.argument("jobs", metavar="[JOB…]", nargs=-1, shell_complete=job_ids)
def pause(root_path: str | None, jobs: tuple[str, ...]) -> None:
    """Pause each JOB; a running one writes a checkpoint and its memory is freed.

    Without JOB the whole queue is paused: nothing starts, running jobs go back to waiting.
    """
    _ask_each(root_path, "pause", jobs, whole="The queue is paused; it goes on with: styled resume")


@click.command()
@root_option
@click.argument("jobs", metavar="[JOB…]", nargs=-1, shell_complete=job_ids)
def resume(root_path: str | None, jobs: tuple[str, ...]) -> None:
    """Put each paused JOB back into the queue; without JOB, let the whole queue go on."""
    _ask_each(root_path, "resume", jobs, whole="The queue goes on")


@click.command()
@root_option
@click.argument("jobs", metavar="JOB…", nargs=-1, required=True, shell_complete=job_ids)
def cancel(root_path: str | None, jobs: tuple[str, ...]) -> None:
    """Cancel each JOB; its files stay."""
    _ask_each(root_path, "cancel", jobs)


@click.command()
@root_option
@click.option(
    "--from-start", is_flag=True, help="Drop the checkpoint and the frames and start again; also of a job that is done."
)
@click.argument("jobs", metavar="JOB…", nargs=-1, required=True, shell_complete=job_ids)
def retry(root_path: str | None, from_start: bool, jobs: tuple[str, ...]) -> None:
    """Queue each JOB again that failed or was cancelled: from its checkpoint if it has one."""
    _ask_each(root_path, "retry", jobs, from_start=from_start)


@click.command()
@root_option
@click.argument("job", shell_complete=job_ids)
@settings_options
def again(root_path: str | None, job: str, **options: Any) -> None:
    """Paint JOB's images again, as a new job, with the settings that are given changed; the first one stays as it is."""
    _ask_each(root_path, "again", (job,), settings=own_settings(options))


@click.command()
@root_option
@click.argument("job", shell_complete=job_ids)
@settings_options
def edit(root_path: str | None, job: str, **options: Any) -> None:
    """Change settings of JOB, which waits or is paused and of which nothing is painted yet."""
    settings = own_settings(options)
    if not settings:
        raise click.UsageError("Give a setting to change, such as --size 1024.")
    _ask_each(
        root_path,
        "edit",
        (job,),
        settings=settings,
        word=", ".join(f"{key} = {value}" for key, value in settings.items()),
    )


@click.command(context_settings={"ignore_unknown_options": True})
@root_option
@click.argument("job", shell_complete=job_ids)
@click.argument("priority", type=int)
def priority(root_path: str | None, job: str, priority: int) -> None:
    """Set JOB's priority; higher runs first, 0 is normal, negative numbers run last."""
    _ask_each(root_path, "priority", (job,), priority=priority)


@click.command()
@root_option
@click.confirmation_option("--yes", prompt="Delete the folders of these jobs, with the images in them?")
@click.argument("jobs", metavar="JOB…", nargs=-1, required=True, shell_complete=job_ids)
def remove(root_path: str | None, jobs: tuple[str, ...]) -> None:
    """Delete each ended JOB: its folder, its result and the images it was made from."""
    _ask_each(root_path, "remove", jobs, word="removed")


@click.command()
@root_option
@click.option("--drain", is_flag=True, help="Let the running jobs end first.")
@click.option("--jobs", is_flag=True, help="Stop the jobs on a cluster too: without this they are painted on.")
def stop(root_path: str | None, drain: bool, jobs: bool) -> None:
    """Stop the daemon; the running job writes a checkpoint and goes on when the daemon is started again.

    Jobs on a cluster are painted on, and taken over when the daemon is started again.
    """
    if drain and jobs:
        raise click.UsageError("--drain waits for the jobs that --jobs stops: give one of them")
    root = Root.at(root_path)
    pid = Client(root).request("stop", drain=drain, jobs=jobs)["pid"]
    while (holder := holder_of(root)) is not None and holder.pid == pid:
        time.sleep(0.05)
    click.echo("The daemon has stopped")


@click.command()
@root_option
def reload(root_path: str | None) -> None:
    """Make the daemon read its configuration again; if that is wrong, the old one stays."""
    Client(Root.at(root_path)).request("reload")
    click.echo("The configuration was read again")


def _ask_each(
    root_path: str | None, op: str, jobs: tuple[str, ...], *, whole: str = "", word: str = "", **args: Any
) -> None:
    """Ask the daemon for ``op`` on each job, or on the whole queue where that means something.

    Jobs after one that is refused are not touched.
    """
    client = Client(Root.at(root_path))
    if not jobs:
        client.request(op, **args)
        click.echo(whole)
    for ref in jobs:
        job = client.request(op, job=ref, **args)["job"]
        click.echo(f"{job['number']:04d} {job['name']}: {word or _outcome(op, job)}")


def _outcome(op: str, job: dict[str, Any]) -> str:
    if op == "priority":
        return f"priority {job['priority']}"
    return f"{job['state']}; its worker is writing a checkpoint" if job["handle"] else str(job["state"])
