"""``styled daemon``."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from styled.cli.init import require_root
from styled.cli.machine import completing
from styled.cli.options import root_option
from styled.errors import SettingsError
from styled.root import Root
from styled.settings import parse_assignment


@click.command()
@root_option
@click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="STYLED_CONFIG",
    metavar="FILE",
    help="Read this file instead of styled.toml in the root.",
)
@click.option(
    "--parallel",
    metavar="N|auto",
    shell_complete=completing.auto,
    help="Jobs painted at once; auto: one on each GPU, one without GPUs.",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    shell_complete=completing.configuration,
    help="Set one key; wins over file and environment.",
)
@click.option("--quiet", is_flag=True, help="Write the log to .styled/daemon.log only.")
def daemon(
    root_path: str | None, config_path: Path | None, parallel: str | None, assignments: tuple[str, ...], quiet: bool
) -> None:
    """Watch the inbox and paint what is dropped there.

    The folder must be a root: styled init makes one.

    Runs in the foreground until it gets SIGTERM or SIGINT (Ctrl-C); the running job then writes a checkpoint
    and goes on from it when the daemon is started again. SIGHUP reads the configuration again.
    """
    # From here on a reload waits until the daemon can do it; unasked, the signal would end this process.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    from styled.config import Config, load_config
    from styled.daemon.daemon import Daemon
    from styled.daemon.process.init import go_on_below_init

    root = Root.at(root_path)
    require_root(root)
    if config_path is not None and not config_path.is_file():
        raise SettingsError(f"{config_path} is not there", "Check the path given to --config or in $STYLED_CONFIG.")
    at_once = int(parallel) if parallel and parallel.isdecimal() else parallel
    flags = {"queue.parallel": at_once, **dict(parse_assignment(text) for text in assignments)}

    def load() -> Config:
        return load_config(config_path or root.config, flags=flags)

    go_on_below_init()
    Daemon(root, load, terminal=not quiet).run()
