"""``styled tui``, and ``styled`` alone: the terminal UI, or the status as text where there is no terminal."""

from __future__ import annotations

import os
import signal
import sys

import click

from styled.cli.character_set import has_plain_font, speaks_utf8
from styled.cli.init import require_root
from styled.cli.options import FiniteRange, root_option
from styled.config import THEMES, load_config
from styled.root import Root
from styled.tui.options import Options


@click.command()
@root_option
@click.option("--readonly", is_flag=True, help="Look, but change nothing; starts no daemon.")
@click.option(
    "--ascii/--unicode",
    "ascii_only",
    default=None,
    help="Draw with ASCII only, or not  [default: as the locale (LC_ALL, LC_CTYPE, LANG) is UTF-8 or not]",
)
@click.option(
    "--theme",
    type=click.Choice(THEMES),
    help="Colours for a dark or a light terminal; auto goes by COLORFGBG  [default: [tui] theme, else auto]",
)
@click.option("--slow", is_flag=True, help="For a slow link: fewer and smaller updates.")
@click.option("--mouse", is_flag=True, help="Take the mouse (the terminal's own selection then needs shift).")
@click.option(
    "--refresh",
    type=FiniteRange(0.25, 60.0),
    default=0.5,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option(
    "--pictures",
    type=click.Choice(["characters", "kitty"]),
    help="Real pictures, in kitty or Ghostty; 60 to 500 kB a frame  [default: [tui] pictures, else characters]",
)
@click.pass_context
def tui(
    ctx: click.Context,
    root_path: str | None = None,
    *,
    readonly: bool = False,
    ascii_only: bool | None = None,
    theme: str | None = None,
    slow: bool = False,
    mouse: bool = False,
    refresh: float = 0.5,
    pictures: str | None = None,
) -> None:
    """Open the terminal UI (the default without a command).

    Starts the daemon if none runs. Leaving it changes nothing: the daemon and its jobs run on.
    """
    root = Root.at(root_path)
    why_not = no_terminal()
    if why_not:
        click.echo(f"styled: {why_not}, so here is the status as text. (styled --help lists all commands.)", err=True)
        _print_status(ctx, root_path)
        return
    require_root(root)
    config = load_config(root.config, flags={"tui.pictures": pictures, "tui.theme": theme})
    options = Options(
        readonly=readonly,
        ascii=not speaks_utf8() if ascii_only is None else ascii_only,
        plain_font=has_plain_font() and ascii_only is None,
        light=is_light(config.tui.theme),
        no_colour=bool(os.environ.get("NO_COLOR")),
        slow=slow,
        mouse=mouse,
        refresh_s=refresh,
        kitty=config.tui.pictures == "kitty",
        keys=config.tui.keys,
    )
    _open(root, options)


def no_terminal() -> str:
    """Return why the terminal UI cannot be drawn here; empty if it can."""
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        return "input or output is not a terminal"
    if os.environ.get("TERM", "") in {"", "dumb", "unknown"}:
        return f"TERM={os.environ.get('TERM', '')!r} names no terminal that can be drawn on"
    return ""


def is_light(theme: str) -> bool:
    """Return whether colours for a light terminal are wanted: ``auto`` goes by what the terminal left in COLORFGBG.

    It is not asked: over a slow link its answer could come when it is read as keys.
    """
    # "15;0" or "0;default;15": the last is the background's number; 7 and those above 8 are light (as in vim and mutt).
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return theme == "light" or (theme == "auto" and (background == "7" or background in map(str, range(9, 16))))


def _open(root: Root, options: Options) -> None:
    # The toolkit reads these when it is imported.
    os.environ.setdefault("TEXTUAL_FPS", "15" if options.slow else "30")
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    if not options.no_colour:
        os.environ.pop(
            "NO_COLOR", None
        )  # set but empty means colours (no-color.org); the toolkit only looks whether it is set
    from styled.tui.app import StyledApp

    app = StyledApp(root, options, start_daemon=not options.readonly)
    app.run(mouse=options.mouse)
    if app.lost_terminal:
        # As a shell reports death by SIGHUP. Not sys.exit: that would flush to the dead terminal, fail and return 120.
        os._exit(128 + signal.SIGHUP)
    if app.return_code:
        sys.exit(app.return_code)
    click.echo(app.farewell())


def _print_status(ctx: click.Context, root_path: str | None) -> None:
    from styled.cli.status import status

    ctx.invoke(status, root_path=root_path)
