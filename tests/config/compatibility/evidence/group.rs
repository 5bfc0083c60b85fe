//! `vrrp_sync_group` and `track_group`.

use super::{Evidence, config, engine, of};

const BLOCK: &str = "`vrrp_sync_group`";

pub(super) const SYNC_GROUP: &[Evidence] = &[
    of(
        BLOCK,
        &["group"],
        &[
            config!("by_name", "members_of_a_group"),
            engine!("groups", "a_group_claims_when_every_member_may"),
        ],
    ),
    of(
        BLOCK,
        &[
            "notify_master",
            "notify_backup",
            "notify_fault",
            "notify_stop",
            "notify",
        ],
        &[
            config!("by_name", "each_script_of_an_instance_and_of_a_group"),
            engine!("groups", "notify_order_in_a_group"),
        ],
    ),
    of(
        BLOCK,
        &["sync_group_tracking_weight"],
        &[config!("tracking", "weights_of_a_members_own_in_a_group")],
    ),
    of(
        BLOCK,
        &[
            "track_interface",
            "track_script",
            "track_file",
            "track_process",
            "track_tcp",
            "track_http",
        ],
        &[
            config!("tracking", "what_a_group_tracks_all_members_track"),
            engine!("trackers", "a_group_fails_as_a_whole"),
        ],
    ),
    of(
        BLOCK,
        &["notify_priority_changes"],
        &[config!("telling", "who_says_what_is_told")],
    ),
    of(
        BLOCK,
        &["smtp_alert"],
        &[
            config!("telling", "who_says_what_is_told"),
            engine!("telling", "mails_of_a_group"),
        ],
    ),
    of(
        "`track_group`",
        &["group"],
        &["vrrp-user/src/config/lower/routing/tests.rs::static_blocks_and_track_groups"],
    ),
];
