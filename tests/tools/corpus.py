"""Runs the decoder, and a painting of 64 px and two steps, over a folder of any images, and compares with libvips.

    .venv/bin/python -m tests.tools.corpus FOLDER [--paint N] [--only PART-OF-NAME] > report.txt

Each file is checked in the checking child as the daemon does, decoded in a process of its own kind, and shrunk to 256 px; N
files, evenly chosen among those that were read, are painted (-1: all), some hundred in one process with one network. A line
for each file on standard output, then the tables: what crashed, what was refused and why, what took long or much memory,
what printed something, and what libvips shows otherwise. Needs the extra "dev" (pyvips). Not part of the suite: what a corpus
holds is not ours.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

SIDE_PX = 256
DISAGREE_LEVELS = 8.0
"""Mean difference to libvips from which a file is listed."""
SLOW_S = 5.0
LARGE_MB = 400.0
_FILE_SECONDS = 300.0
"""Of waiting for a file: the machine may be at work."""
_FILES_PER_PROCESS = 300
"""After so many a process is replaced: what TensorFlow has compiled for each shape stays in it."""
_VIPS_PIXELS = 60_000_000
"""libvips has no limit, and takes minutes for a small file that promises a large picture."""


class Seen(NamedTuple):
    """What happened to one file."""

    path: str
    format: str
    outcome: str
    """``read``, ``refused``, ``crashed`` or ``error``: an exception that is not of the tree; of a painting ``painted``, or
    ``odd``: of another size, or of one colour that the file does not have."""
    words: str
    """Of a refusal or an error; else the remarks."""
    seconds: float
    megabytes: float
    """Peak resident memory above what the process had."""
    printed: str
    vips: str
    """``-``: libvips does not read it; ``shape``: it has another one; else the mean difference in levels."""


def main() -> None:
    """Run over a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--paint", type=int, default=0, metavar="N")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    paths = sorted(str(path) for path in options.folder.rglob("*") if path.is_file() and options.only in str(path))
    seen = []
    for each in _looked_at(paths, _look):
        seen.append(each)
        _line(
            f"{each.outcome:8} {each.format:9} {each.seconds:6.2f} s {each.megabytes:6.0f} MB  vips {each.vips:>6}  "
            f"{each.path}  {each.words}"
        )
    _report(seen)
    paintings = []
    for each in _looked_at(_evenly([each.path for each in seen if each.outcome == "read"], options.paint), _painted):
        paintings.append(each)
        _line(f"{each.outcome:8} {each.seconds:6.2f} s {each.megabytes:6.0f} MB  {each.path}  {each.words}")
    _report_paintings(paintings)


def _looked_at(paths: list[str], look: Callable[[Path, Any], Seen]) -> Iterator[Seen]:
    """Yield what happened to each file; a process that dies costs its file and is replaced."""
    context = multiprocessing.get_context("spawn")
    process = connection = None
    for number, path in enumerate(paths):
        if process is not None and number % _FILES_PER_PROCESS == 0:
            process.kill()
            process.join()
            process = None
        if process is None:
            connection, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, look), daemon=True)
            process.start()
            theirs.close()
        assert connection is not None
        connection.send(path)
        try:
            if not connection.poll(_FILE_SECONDS):
                process.kill()
                raise EOFError
            yield connection.recv()
        except EOFError:
            process.join()
            yield Seen(path, "?", "crashed", f"exit code {process.exitcode}", 0.0, 0.0, "", "-")
            process = None
    if process is not None:
        process.kill()
        process.join()


def _serve(connection: Connection, look: Callable[[Path, Any], Seen]) -> None:
    from styled.images import Checker

    with tempfile.TemporaryFile() as printed, Checker() as checker:
        os.dup2(printed.fileno(), 2)
        while True:
            path = Path(connection.recv())
            printed.seek(0)
            printed.truncate()
            Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
            began, before = time.process_time(), _status("VmRSS")
            seen = look(path, checker)
            if not seen.seconds:  # a look that goes on to compare has taken them itself
                seen = seen._replace(seconds=time.process_time() - began, megabytes=(_status("VmHWM") - before) / 1024)
            printed.seek(0)
            text = printed.read().decode(errors="replace").strip()
            connection.send(seen._replace(printed=text.replace("\n", " | ")[:300]))


def _look(path: Path, checker: Any) -> Seen:
    from styled import images
    from styled.errors import ImageError

    began, before, pixels, alpha = time.process_time(), _status("VmRSS"), None, None
    kind = ""
    try:
        kind = checker.check(path).format
        loaded = images.load(path, long_side=SIDE_PX)
        outcome, words, pixels, alpha = "read", "; ".join(loaded.remarks), loaded.pixels, loaded.alpha
    except ImageError as error:
        outcome, words = ("crashed" if "crashed" in error.message else "refused"), str(error)
    except Exception as error:  # noqa: BLE001  # that is what this looks for
        outcome, words = "error", f"{type(error).__name__}: {error}"
    seconds, peak = time.process_time() - began, _status("VmHWM") - before
    if path.name not in words and outcome == "refused":
        words += "  [does not name the file]"
    return Seen(str(path), kind, outcome, words, seconds, peak / 1024, "", _compared(path, pixels, alpha))


def _status(key: str) -> float:
    found = re.search(rf"{key}:\s+(\d+)", Path("/proc/self/status").read_text())
    return float(found[1]) if found else 0.0


def _compared(path: Path, pixels: Any, alpha: Any) -> str:
    """Return how far libvips' picture is from ours, both laid on grey."""
    import numpy as np
    import pyvips

    try:
        theirs = pyvips.Image.new_from_file(str(path), fail_on="error")
        if theirs.width * theirs.height > _VIPS_PIXELS:
            return "-"
        theirs = theirs.autorot()
        shown = theirs.thumbnail_image(SIDE_PX, height=SIDE_PX, size="down", output_profile="srgb")
        shown = shown.colourspace("srgb").cast("uchar")
        array = shown.numpy()
    except (pyvips.Error, ValueError):
        return "-"
    if pixels is None:
        return "reads"
    array = array[..., None] if array.ndim == 2 else array
    if max(abs(a - b) for a, b in zip(array.shape[:2], pixels.shape[:2], strict=True)) > 1:
        return "shape"
    height, width = (min(a, b) for a, b in zip(array.shape[:2], pixels.shape[:2], strict=True))
    array, pixels = array[:height, :width], pixels[:height, :width]
    ours = _on_grey(pixels, None if alpha is None else alpha[:height, :width])
    colours = array[..., :3] if array.shape[2] >= 3 else np.repeat(array[..., :1], 3, axis=2)
    other = _on_grey(colours, array[..., -1] if array.shape[2] in {2, 4} else None)
    return f"{np.abs(ours - other).mean():.1f}"


def _on_grey(pixels: Any, alpha: Any) -> Any:
    import numpy as np

    share = 1.0 if alpha is None else alpha[..., None].astype(np.float64) / 255
    return pixels.astype(np.float64) * share + 128.0 * (1 - share)


def _report(seen: list[Seen]) -> None:
    _line(f"\n{len(seen)} files: " + ", ".join(f"{n} {what}" for what, n in Counter(s.outcome for s in seen).items()))
    _line(
        "by format: " + ", ".join(f"{n} {kind or 'none'}" for kind, n in Counter(s.format for s in seen).most_common())
    )
    why = Counter(
        re.sub(r"^\S.*? (?=is |has |cannot|could|holds|needs)", "", s.words)[:90]
        for s in seen
        if s.outcome == "refused"
    )
    _table("refused because it", [f"{n:5}  {words}" for words, n in why.most_common()])
    _table(
        "crashed, or an error that is not of the tree",
        [f"{s.path}: {s.words}" for s in seen if s.outcome in {"crashed", "error"}],
    )
    _table(
        "refused, and libvips reads it",
        [f"{s.path}: {s.words}" for s in seen if s.outcome == "refused" and s.vips == "reads"],
    )
    _table("a shape that libvips does not have", [f"{s.path} {s.format} {s.words}" for s in seen if s.vips == "shape"])
    far = [s for s in seen if re.fullmatch(r"[\d.]+", s.vips) and float(s.vips) > DISAGREE_LEVELS]
    _table(
        f"more than {DISAGREE_LEVELS} levels from libvips",
        [f"{s.vips:>6} {s.path} {s.format} {s.words}" for s in sorted(far, key=lambda s: -float(s.vips))],
    )
    _table("printed something", [f"{s.path}: {s.printed}" for s in seen if s.printed])
    _table(
        f"took more than {SLOW_S} s of processor", [f"{s.seconds:.1f} s {s.path}" for s in seen if s.seconds > SLOW_S]
    )
    _table(f"took more than {LARGE_MB} MB", [f"{s.megabytes:.0f} MB {s.path}" for s in seen if s.megabytes > LARGE_MB])


def _painted(path: Path, _checker: Any) -> Seen:
    """Paint a file in the style of itself."""
    import numpy as np

    import styled
    from styled.errors import StyledError

    one_layer: dict[str, Any] = {"style_layers": {"block1_conv1": 1.0}, "content_layers": {"block2_conv1": 1.0}}
    outcome, words = "painted", ""
    warnings.simplefilter("ignore", styled.RemarkWarning)
    try:
        picture = styled.stylize(path, path, size=64, steps=2, **one_layer)
        levels = np.asarray(picture.convert("RGB"))
        if max(picture.size) > 64 or (np.ptp(levels) == 0 and "one colour" not in " ".join(picture.info["remarks"])):
            outcome, words = "odd", f"{picture.size}, levels {levels.min()} to {levels.max()}"
    except StyledError as error:
        outcome, words = "refused", f"{type(error).__name__}: {error}"
    except Exception as error:  # noqa: BLE001  # that is what this looks for
        outcome, words = "error", f"{type(error).__name__}: {error}"
    return Seen(str(path), "", outcome, words, 0.0, 0.0, "", "-")


def _evenly(paths: list[str], count: int) -> list[str]:
    """Return ``count`` of the paths, from all parts of the list; all where it is negative."""
    if count < 0 or count >= len(paths):
        return paths
    return [paths[index * len(paths) // count] for index in range(count)]


def _report_paintings(seen: list[Seen]) -> None:
    if not seen:
        return
    _line(f"\n{len(seen)} paintings: {dict(Counter(s.outcome for s in seen))}")
    seconds, megabytes = sorted(s.seconds for s in seen), sorted(s.megabytes for s in seen)
    middle = len(seen) // 2
    _line(
        f"a painting took {seconds[middle]:.1f} s of processor (median; {seconds[-1]:.1f} s at most), and "
        f"{megabytes[middle]:.0f} MB above what the process had (median; {megabytes[-1]:.0f} MB at most)"
    )
    _table("not painted", [f"{s.outcome} {s.path}: {s.words}" for s in seen if s.outcome != "painted"])
    _table(
        f"painting took more than {LARGE_MB} MB",
        [f"{s.megabytes:.0f} MB {s.path}" for s in seen if s.megabytes > LARGE_MB],
    )


def _table(title: str, lines: list[str]) -> None:
    _line(f"\n== {title}: {len(lines)}")
    for line in lines:
        _line(f"  {line}")


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
