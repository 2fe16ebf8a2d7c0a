"""Which ended jobs would be removed together: read from the store beside the event loop, then asked about."""

from __future__ import annotations

from textual.message import Message

from styled.errors import StyledError
from styled.job import ENDED
from styled.root import Root
from styled.store.reader import StoreReader
from styled.tui.cells.lines import inert
from styled.tui.model.filter import parse_filter
from styled.tui.reading.requests import Request
from styled.tui.widgets.question import Question


class EndedFound(Message, bubble=False):
    """The ended jobs that match a filter, by id; or why they could not be read."""

    def __init__(self, ids: tuple[str, ...], text: str, trouble: str = "") -> None:
        super().__init__()
        self.ids, self.text, self.trouble = ids, text, trouble

    def question(self) -> Question:
        """Ask whether to remove them all."""
        jobs = "the one ended job" if len(self.ids) == 1 else f"all {len(self.ids)} ended jobs"
        matching = f" (filter: {inert(self.text)})" if self.text else ""
        return Question(
            f"Remove {jobs}{matching}?",
            "This deletes their folders in evolution/ with their images, frames and results. It cannot be undone.",
        )

    def requests(self) -> list[Request]:
        """Return one request for each."""
        return [Request("remove", {"job": job}, "1 of 1 removed", inert(job)) for job in self.ids]


def find_ended(root: Root, text: str) -> EndedFound:
    """Return the ended jobs that the filter ``text`` leaves, newest first; call it on a thread."""
    found_by = parse_filter(text)
    wanted = ENDED if found_by.states is None else ENDED.intersection(found_by.states)
    try:
        with StoreReader.open(root) as reader:
            found = reader.jobs(wanted, search=found_by.search, order="newest")
    except StyledError as error:
        return EndedFound((), text, str(error))
    return EndedFound(tuple(job.id for job in found), text)
