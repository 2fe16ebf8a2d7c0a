"""``styled clean``: thin and remove ended jobs, or only print what would be done."""

from __future__ import annotations

import time
from typing import Literal

import click
import msgspec

from styled.cli.options import FiniteRange, root_option
from styled.config import MOST_DAYS, MOST_GB, RetentionConfig, load_config
from styled.daemon.control.protocol import Client
from styled.root import Root


@click.command()
@root_option
@click.option("--days", type=FiniteRange(0, MOST_DAYS), help="Remove jobs that ended more than this many days ago.")
@click.option("--max-gb", type=FiniteRange(0, MOST_GB), help="Remove the oldest ended jobs beyond this many GB.")
@click.option("--frames", type=click.Choice(["all", "thin", "none"]), help="Frames kept; thin keeps thirty.")
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
def clean(
    root_path: str | None,
    *,
    days: float | None,
    max_gb: float | None,
    frames: Literal["all", "thin", "none"] | None,
    dry_run: bool,
) -> None:
    """Thin and remove the folders of ended jobs, now.

    Without options the [retention] settings of styled.toml count, by which the daemon does the same every hour.
    Jobs that ended within the last hour are left alone, and so is all that has not ended.
    """
    from styled.daemon.upkeep.retention import plan
    from styled.job import ENDED
    from styled.store.reader import StoreReader

    root = Root.at(root_path)
    if 0 in (days, max_gb):
        # In the settings 0 is no limit, and here it would be the strictest: what is removed is gone.
        raise click.UsageError(
            "0 may mean all or no limit: give --days 0.01 to remove all that has ended, or leave it out."
        )
    given = {"days": days, "max_gb": max_gb, "frames": frames}
    chosen = {key: value for key, value in given.items() if value is not None}
    retention = msgspec.convert(chosen, RetentionConfig) if chosen else load_config(root.config).retention
    with StoreReader.open(root) as reader:
        steps = plan(root, reader.jobs(ENDED), retention, time.time(), needed=reader.started_from())
    for step in steps:
        click.echo(f"{step.action} {step.job.number:04d} {step.job.name}: {step.why}, {step.bytes / 1e6:.1f} MB")
    total = sum(step.bytes for step in steps)
    if not steps:
        click.echo("nothing to clean")
        return
    if dry_run:
        click.echo(f"{total / 1e6:.1f} MB would be freed; nothing was changed")
        return
    Client(root).request("clean", retention=msgspec.to_builtins(retention))
    click.echo(f"The daemon frees {total / 1e6:.1f} MB")
