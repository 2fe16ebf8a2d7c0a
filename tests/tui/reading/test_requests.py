"""What the terminal UI asks the daemon for is about the job that was chosen, whatever its folder is called."""

from __future__ import annotations

from typing import Any

from styled.root import Root
from styled.store.store import Store
from styled.tui.reading.requests import Request, Requests, Toggle
from tests.daemon.workshop import add_job


class Client:
    """Keeps what it is asked."""

    def __init__(self) -> None:
        self.jobs: list[object] = []

    def request(self, _op: str, **args: Any) -> dict[str, Any]:
        self.jobs.append(args["job"])
        return {}


def test_a_job_whose_id_looks_like_another_s_number_is_named_by_its_own(root: Root) -> None:
    client = Client()
    with Store.open(root) as store:
        first = add_job(root, store, "harbour")
        store.add(id="1", name="harbour", content=first.content, styles=first.styles)
        requests = Requests(root, lambda _: None)
        requests._client = client  # type: ignore[assignment]
        requests._send([Request("remove", {"job": "1"}, "removed"), Toggle("1", "0002")], "removed")
        requests._send([Request("remove", {"job": first.id}, "removed")], "")
    assert client.jobs == [2, 2, first.id]
