"""What a dropped pair may ask for, and that whoever asked for more is told."""

from __future__ import annotations

import pytest

from styled.config import InboxConfig, load_config
from styled.errors import SettingsError
from styled.evolution import JobFolder, read_job_file
from styled.inbox.limits import check_limits, memory_within, priority_within
from styled.settings import Settings, settings_from
from tests.inbox.driver import CONFIG, Driver
from tests.store.conftest import png

LIMITS = InboxConfig(max_size=800, max_steps=500, max_styles=2, priorities=(-5, 10))


@pytest.mark.parametrize(
    ("asked", "styles", "binds"),
    [
        ({"size": 801}, 1, "size = 801 .*inbox.max_size = 800"),
        ({"size": 700, "scales": [400, 900]}, 1, "size = 900 .*inbox.max_size = 800"),
        ({"preset": "print"}, 1, "size = 4096 .*inbox.max_size"),
        ({"size": 400, "steps": 501}, 1, "steps = 501 .*inbox.max_steps = 500"),
        ({"size": 400}, 3, "3 styles .*inbox.max_styles = 2"),
    ],
)
def test_more_than_a_limit_is_refused_by_its_name(asked: dict[str, object], styles: int, binds: str) -> None:
    with pytest.raises(SettingsError, match=binds) as refused:
        check_limits(LIMITS, settings_from(asked), settings_from({"size": 400}), styles=styles, weights_are_here=True)
    assert "styled.toml" in refused.value.advice


def test_what_the_root_itself_is_set_to_is_never_too_much() -> None:
    own = settings_from({"size": 3000, "steps": 900})
    check_limits(LIMITS, own, own, styles=2, weights_are_here=True)
    check_limits(LIMITS, settings_from({"size": 800, "steps": 500}), Settings(), styles=1, weights_are_here=True)
    with pytest.raises(SettingsError, match="3001"):
        check_limits(LIMITS, settings_from({"size": 3001}), own, styles=1, weights_are_here=True)


def test_weights_are_downloaded_for_a_dropped_pair_only_where_the_owner_allows_it() -> None:
    asked, own = settings_from({"weights": "imagenet", "size": 400}), settings_from({"size": 400})
    with pytest.raises(SettingsError, match=r"inbox\.allow_download = false") as refused:
        check_limits(LIMITS, asked, own, styles=1, weights_are_here=False)
    assert "styled.toml" in refused.value.advice
    check_limits(LIMITS, asked, own, styles=1, weights_are_here=True)
    check_limits(LIMITS, asked, asked, styles=1, weights_are_here=False)
    check_limits(InboxConfig(max_size=800, allow_download=True), asked, own, styles=1, weights_are_here=False)


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (10, 10), (-5, -5), (11, 10), (1000, 10), (-6, -5)])
def test_a_priority_is_brought_into_range_and_that_is_said(asked: int, given: int) -> None:
    priority, note = priority_within(LIMITS, asked)
    assert priority == given
    assert (f"asked for priority {asked} and has {given}" in note) == (asked != given)


def test_a_pair_that_asks_for_nothing_has_no_priority_outside_the_range_forced_on_it() -> None:
    assert priority_within(InboxConfig(priorities=(5, 10)), 0) == (0, "")


def test_a_range_of_priorities_that_is_upside_down_is_refused(tmp_path) -> None:
    (tmp_path / "styled.toml").write_text("[inbox]\npriorities = [10, -10]\n")
    with pytest.raises(SettingsError, match=r"inbox\.priorities"):
        load_config(tmp_path / "styled.toml", environment={})


@pytest.mark.parametrize(
    ("asked", "own", "given"),
    [
        (65536.0, "4GiB", 4.0),
        ("auto", 4.0, 4.0),
        (0.0, 4.0, 4.0),
        ("512MiB", 4.0, 0.5),
        (4.0, 4.0, 4.0),
        (8.0, "auto", 8.0),
        (8.0, 0.0, 8.0),
        ("auto", "auto", "auto"),
    ],
)
def test_a_pair_has_no_more_memory_than_the_root_and_that_is_said(
    asked: float | str, own: float | str, given: float | str
) -> None:
    wanted = settings_from({"memory_limit": asked, "seed": 3})
    settings, note = memory_within(wanted, settings_from({"memory_limit": own}))
    assert (settings.memory_limit, settings.seed) == (given, 3)
    assert bool(note) == (settings != wanted)


@pytest.mark.processes
def test_a_dropped_pair_does_not_lift_the_root_s_limit_on_memory(drive: Driver) -> None:
    drive.use(defaults={"memory_limit": "4GiB"})
    drive.drop(a__content=png(1), a__style=png(2), b__content=png(3), b__style=png(4))
    (drive.root.inbox / "a.toml").write_text("memory_limit = 65536\n")
    jobs = {job.name: job for job in drive.run(11)}
    assert [job.settings for job in jobs.values()] == [{"memory_limit": 4.0}] * 2
    assert read_job_file(JobFolder(drive.root.evolution / jobs["a"].id)).settings.memory_limit == 4.0
    assert jobs["a"].remarks == (
        "it asked for memory_limit = 65536GiB and has 4GiB: dropped pairs may have no more than [job] of the daemon's styled.toml says",
    )
    assert jobs["b"].remarks == ()


@pytest.mark.processes
def test_the_sender_is_told_in_the_reason_file_and_in_the_job(drive: Driver) -> None:
    drive.drop(big__content=png(1), big__style=png(2), keen__content=png(3), keen__style=png(4))
    (drive.root.inbox / "big.toml").write_text("size = 20000\n")
    (drive.root.inbox / "keen.toml").write_text("priority = 900\n")
    (job,) = drive.run(11)
    assert (job.name, job.priority) == ("keen", CONFIG.priorities[1])
    remarks = read_job_file(JobFolder(drive.root.evolution / job.id)).remarks
    assert any("asked for priority 900 and has 100" in remark for remark in remarks)
    reason = (drive.root.rejected / "big" / "REASON.txt").read_text()
    assert reason.startswith("size = 20000 is more than a dropped pair may ask for (inbox.max_size = 16384).")
    assert drive.rejections()["big"].startswith("size = 20000 is more")
