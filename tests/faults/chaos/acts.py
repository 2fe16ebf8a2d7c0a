"""All acts of a run of chaos, and how often each comes."""

from __future__ import annotations

from tests.faults.chaos.machines import (
    crowd,
    damage_files,
    fill_disk,
    hang_up,
    hostile_lines,
    jump,
    kill_children,
    kill_daemon,
    kill_worker,
    lose_database,
    lose_inbox,
    order,
    order_queue,
    restart_daemon,
    stop_time,
)
from tests.faults.chaos.people import (
    bring_back,
    change_mode,
    drop,
    drop_files,
    drop_folders,
    drop_real,
    drop_slowly,
    edit_config,
    fix_in_place,
    odd_entry,
    remove_done,
    rename,
    rubbish,
    slip,
    touch,
    withdraw,
)
from tests.faults.chaos.world import Act

ACTS = {
    act.do.__name__: act
    for act in (
        Act(drop, 24), Act(drop_real, 1), Act(drop_files, 6), Act(drop_folders, 4), Act(drop_slowly, 4), Act(slip, 4),
        Act(rename, 4), Act(withdraw, 3), Act(bring_back, 4), Act(rubbish, 4), Act(odd_entry, 8), Act(touch, 2),
        Act(edit_config, 5), Act(change_mode, 4), Act(fix_in_place, 3), Act(remove_done, 2), Act(order, 10), Act(order_queue, 4),
        Act(hostile_lines, 8), Act(crowd, 2), Act(kill_worker, 8), Act(kill_children, 2), Act(kill_daemon, 3), Act(restart_daemon, 2),
        Act(stop_time, 2), Act(hang_up, 2), Act(fill_disk, 5, needs_disk=True), Act(jump, 3, needs_clock=True), Act(lose_inbox, 3),
        Act(damage_files, 4), Act(lose_database, 1),
    )
}  # fmt: skip
"""By name."""
