"""One job in full: before and after, the frames, the losses, the settings. Pure."""

from __future__ import annotations

import json
from typing import Any

from styled import figures
from styled.gallery.exhibit import Exhibit
from styled.gallery.loss_plot import legend, loss_plot
from styled.gallery.markup import Markup, join, relative_url, tag
from styled.gallery.showing import Showing, View, day

FRAMES_MAX = 200
"""Frames that the player has, evenly chosen: at ten a second as long as anybody looks."""


def detail(showing: Showing) -> Markup:
    """Return what the dialog shows of one job."""
    exhibit = showing.exhibit
    return join(
        tag(
            "div",
            tag("h2", exhibit.title, id="title"),
            tag("p", _line(exhibit), class_="facts"),
            tag(
                "div",
                _button("previous", "‹", "Previous job (←)"),
                _button("next", "›", "Next job (→)"),
                _button("close", "×", "Close (Esc)"),
                class_="moves",
            ),
            class_="top",
        ),
        tag(
            "div",
            _stage(showing),
            tag("div", _made_from(showing), _losses(exhibit), _facts(showing), class_="side"),
            class_="columns",
        ),
    )


def _stage(showing: Showing) -> Markup:
    content = next((view for title, view in showing.inputs if title == "content"), None)
    frames = _chosen_frames(showing.exhibit)
    switch = tag(
        "div",
        tag(
            "button",
            "Before and after" if content else "Result",
            type="button",
            data_show="compare",
            aria_pressed="true",
        ),
        tag("button", "Evolution", type="button", data_show="player", aria_pressed="false"),
        class_="switch",
        role="group",
        aria_label="What is shown",
    )
    return tag(
        "div",
        switch if len(frames) > 1 else None,
        _compare(showing, content),
        _player(showing, frames) if len(frames) > 1 else None,
        class_="stage",
        data_width=showing.result.width,
        data_height=showing.result.height,
    )


def _compare(showing: Showing, content: View | None) -> Markup:
    job = showing.exhibit.folder.id
    after = _picture(job, showing.result, f"The result of {showing.exhibit.title}", class_="after")
    if content is None:
        return tag("figure", tag("div", after, class_="pictures"), data_part="compare")
    return tag(
        "figure",
        tag(
            "div",
            after,
            _picture(job, content, f"The content of {showing.exhibit.title}", class_="before"),
            tag("span", "content", class_="corner left", aria_hidden="true"),
            tag("span", "result", class_="corner right", aria_hidden="true"),
            tag("span", class_="divider", aria_hidden="true"),
            tag(
                "input",
                type="range",
                min=0,
                max=100,
                step="any",
                value=50,
                aria_label="How much of the content covers the result, percent",
            ),
            class_="pictures",
        ),
        data_part="compare",
    )


def _player(showing: Showing, frames: list[tuple[int, str]]) -> Markup:
    # The template's frames are data: the script fetches them when the player is opened, not before.
    return tag(
        "figure",
        tag(
            "div",
            tag("img", class_="after", alt="", width=showing.result.width, height=showing.result.height),
            class_="pictures",
        ),
        tag(
            "figcaption",
            tag("button", "Play", type="button", data_act="play", title="Space"),
            tag("input", type="range", min=0, max=len(frames) - 1, value=len(frames) - 1, aria_label="Frame"),
            tag("output", f"step {frames[-1][0]}"),
        ),
        data_part="player",
        data_frames=json.dumps(frames, ensure_ascii=False, separators=(",", ":")),
        hidden=True,
    )


def _made_from(showing: Showing) -> Markup | None:
    job = showing.exhibit.folder.id
    figures_ = [tag("figure", _picture(job, view, title), tag("figcaption", title)) for title, view in showing.inputs]
    return tag("div", *figures_, class_="inputs") if figures_ else None


def _losses(exhibit: Exhibit) -> Markup | None:
    plot = loss_plot(exhibit.losses)
    return tag("section", tag("h3", "Losses"), plot, legend(exhibit.losses)) if plot else None


def _facts(showing: Showing) -> Markup:
    exhibit, job = showing.exhibit, showing.exhibit.job
    last = exhibit.last
    rows: list[tuple[str, str]] = [("size", f"{showing.result.width} × {showing.result.height} px")]
    if last:
        rows += [
            ("steps", str(last.step)),
            ("loss", figures.loss(last.loss)),
            ("painted in", figures.duration(last.seconds)),
            ("peak memory", figures.size_of(last.memory_bytes)),
        ]
    if job and job.reason:
        rows.append(("note", job.reason))
    rows += [("note", remark) for remark in job.remarks] if job else []
    return join(
        tag("section", tag("h3", "Picture"), _table(rows), _links(exhibit)),
        _settings(exhibit),
    )


def _settings(exhibit: Exhibit) -> Markup | None:
    settings = exhibit.settings()
    if not settings:
        return None
    changed = [(name, _value(value)) for name, value, differs in settings if differs]
    rest = [(name, _value(value)) for name, value, differs in settings if not differs]
    return tag(
        "section",
        tag("h3", "Settings"),
        _table(changed) if changed else None,
        tag("details", tag("summary", f"{len(rest)} at their default"), _table(rest)) if rest else None,
    )


def _links(exhibit: Exhibit) -> Markup:
    folder = exhibit.folder
    there = [path for path in (folder.result, folder.timelapse, folder.job_json, folder.log) if path.is_file()]
    links = [tag("a", path.name, href=relative_url(folder.id, path.name)) for path in there]
    return tag("p", *[join(link, " ") for link in links], class_="links")


def _line(exhibit: Exhibit) -> str:
    number = f"job {exhibit.job.number:04d} · " if exhibit.job and exhibit.job.number else ""
    return f"{number}{day(exhibit.finished_at)} · {exhibit.folder.id}"


def _table(rows: list[tuple[str, str]]) -> Markup:
    return tag("table", *[tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in rows])


def _value(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{key} = {_value(each)}" for key, each in value.items())
        case list() | tuple():
            return ", ".join(_value(each) for each in value) or "none"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _picture(job: str, view: View, alt: str, **attributes: str) -> Markup:
    return tag(
        "img",
        src=relative_url(job, view.path),
        width=view.width,
        height=view.height,
        alt=alt,
        decoding="async",
        **attributes,
    )


def _button(act: str, text: str, title: str) -> Markup:
    return tag("button", text, type="button", data_act=act, title=title, aria_label=title)


def _chosen_frames(exhibit: Exhibit) -> list[tuple[int, str]]:
    """Return step and URL of the frames for the player."""
    found = [(step, relative_url(exhibit.folder.id, "frames", path.name)) for step, path in exhibit.frames]
    if len(found) <= FRAMES_MAX:
        return found
    last = len(found) - 1
    return [found[round(index * last / (FRAMES_MAX - 1))] for index in range(FRAMES_MAX)]
