"""The ``styled`` command: a table of commands, each imported only when it is run.

``styled --help`` must answer at once, so nothing heavy (and no command's module) is imported here;
the table repeats each command's one-line help for that reason, and a test holds the two together.
"""

from __future__ import annotations

import errno
import gc
import importlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from styled.cli.character_set import use_utf8
from styled.errors import DiskFull, StyledError
from styled.files.printable import one_line
from styled.version import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_MOST_OF_A_PATH = 100
"""Characters of one that cannot be used which are shown."""
_NO_INPUT = 66  # EX_NOINPUT

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, one-line help)
    "init": ("styled.cli.init:init", "Make a folder a root, with its inbox/ and evolution/."),
    "run": ("styled.cli.pictures.run:run", "Paint images in the style of others, now."),
    "plan": ("styled.cli.machine.plan:plan", "Estimate how long a job will take, and how much memory."),
    "score": ("styled.cli.pictures.score:score", "Measure a result against its photo and its paintings."),
    "bench": ("styled.cli.machine.bench:command", "Measure how fast this machine paints."),
    "demo": ("styled.cli.demo:demo", "Drop a packaged pair into a fresh root and show the result."),
    "daemon": ("styled.cli.daemon:daemon", "Watch the inbox and paint what is dropped there."),
    "tui": ("styled.cli.tui:tui", "Open the terminal UI (the default without a command)."),
    "add": ("styled.cli.queue:add", "Put a pair into the inbox."),
    "status": ("styled.cli.status:status", "Show the daemon and the queue."),
    "follow": ("styled.cli.follow:follow", "Follow a job until it has ended."),
    "wait": ("styled.cli.wait:wait", "Wait until a job, or the whole queue, has ended."),
    "pause": ("styled.cli.queue:pause", "Pause a job, or the queue; its memory is freed."),
    "resume": ("styled.cli.queue:resume", "Put a paused job back, or let the queue go on."),
    "cancel": ("styled.cli.queue:cancel", "Cancel a job; its files stay."),
    "retry": ("styled.cli.queue:retry", "Queue a failed or cancelled job again."),
    "again": ("styled.cli.queue:again", "Paint a job's images again, as a new job."),
    "edit": ("styled.cli.queue:edit", "Change settings of a job that has not begun."),
    "priority": ("styled.cli.queue:priority", "Set a job's priority; higher runs first."),
    "remove": ("styled.cli.queue:remove", "Delete an ended job with its files."),
    "recheck": ("styled.cli.leftovers:recheck", "Look again at a rejected or incomplete pair."),
    "dismiss": ("styled.cli.leftovers:dismiss", "Move a pair that is no job out of sight."),
    "log": ("styled.cli.logs.log:log", "Print a job's log, or the daemon's."),
    "stop": ("styled.cli.queue:stop", "Stop the daemon; the running job resumes later."),
    "reload": ("styled.cli.queue:reload", "Make the daemon read its configuration again."),
    "clean": ("styled.cli.clean:clean", "Thin and remove ended jobs."),
    "service": ("styled.cli.machine.service:service", "Run the daemon under systemd: show or install its unit."),
    "doctor": ("styled.cli.machine.doctor:doctor", "Check the root and this machine."),
    "gallery": ("styled.cli.pictures.gallery:gallery", "Write a page with all results: evolution/index.html."),
    "web": ("styled.cli.pictures.web:web", "Show in a browser what is being painted, as it changes."),
    "sheet": ("styled.cli.pictures.sheet:sheet", "Draw a contact sheet of jobs, as one PNG."),
    "timelapse": ("styled.cli.pictures.timelapse:timelapse", "Make a film of a job's frames, WebP or MP4."),
    "completion": ("styled.cli.machine.completion:completion", "Print the completion script of bash, zsh or fish."),
    "weights": ("styled.cli.machine.weights:weights", "Show which VGG19 weights are in use."),
}


class _LazyGroup(click.Group):
    """A click group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; Ctrl-C and a reader that has gone end it as its shell expects, and not as a job that failed does."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise click.exceptions.Exit(128 + signal.SIGPIPE) from None
        except KeyboardInterrupt:
            raise click.exceptions.Exit(128 + signal.SIGINT) from None
        except click.Abort as abort:
            if isinstance(abort.__context__, KeyboardInterrupt):  # at a question
                raise click.exceptions.Exit(128 + signal.SIGINT) from None
            raise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first of ``args`` names; one that there is not is answered with the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if not near:
                raise
            ctx.fail(f"{error.message} Did you mean {near[0]!r}?")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete from the table: click's own way imports every command, and a shell waits for it at each Tab."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="styled")
@click.pass_context
def styled(ctx: click.Context) -> None:
    """Neural style transfer that runs itself.

    Without a command: start the daemon if none runs here, and open the terminal UI.
    """
    if ctx.invoked_subcommand is None:
        command = styled.get_command(ctx, "tui")
        assert command is not None  # noqa: S101  # it is in the table above
        ctx.invoke(command)


def _have_streams() -> None:
    """Open what the caller has closed of input, output and errors: the next file would take its place, and be written to."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest free number: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  # for the whole process


def main() -> None:
    """Run the command line; errors of the tree become one line on stderr and their exit code."""
    _have_streams()
    # The caller may ignore it, as ``trap '' CHLD`` does: every exit code of a child would be read as 0.
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    use_utf8()
    if os.environ.get("_STYLED_COMPLETE"):
        from styled.cli.machine.completing import use_own_shells

        use_own_shells()
    try:
        styled(prog_name="styled")
    except StyledError as error:
        click.echo(f"styled: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP) and error.filename is not None:
            # Only a path that was typed can be so, in any argument of any command.
            path = one_line(os.fsdecode(error.filename), _MOST_OF_A_PATH)
            click.echo(f"styled: {path}... cannot be used: {os.strerror(error.errno)}. Check the path.", err=True)
            sys.exit(_NO_INPUT)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        # What could not be written would be tried again at the end of the process, with a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        click.echo(f"styled: the output cannot be written: {os.strerror(error.errno)}", err=True)
        sys.exit(DiskFull.exit_code)
    finally:
        gc.freeze()  # the process ends: Python would look at all objects once more, a fifth of a short command's time
