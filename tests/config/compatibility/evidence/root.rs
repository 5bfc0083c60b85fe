//! What stands outside all blocks.

use super::{Evidence, config, netns, of};

const TOP: &str = "the top level";
const ROUTING: &str = "vrrp-user/src/config/lower/routing/tests.rs::static_blocks_and_track_groups";

pub(super) const ROOT: &[Evidence] = &[
    of(
        TOP,
        &["global_defs", "instance"],
        &[config!("lowering", "the_global_block")],
    ),
    of(
        TOP,
        &["vrrp_instance"],
        &[config!("by_name", "what_every_instance_says")],
    ),
    of(
        TOP,
        &["vrrp_script"],
        &[config!("lowering", "scripts_have_keepaliveds_defaults")],
    ),
    of(
        TOP,
        &["vrrp_sync_group"],
        &[config!("by_name", "members_of_a_group")],
    ),
    of(
        TOP,
        &["interface_up_down_delays"],
        &[
            config!("lowering", "delays_of_links_are_cut_to_what_a_peer_waits"),
            netns!("interface", "a_bouncing_link_is_no_fault"),
        ],
    ),
    of(
        TOP,
        &["static_ipaddress", "static_routes", "static_rules"],
        &[ROUTING, netns!("installed", "static_ones_are_keepaliveds")],
    ),
    of(TOP, &["track_group"], &[ROUTING]),
    of(
        TOP,
        &["track_file"],
        &[
            config!("tracking", "a_track_file"),
            netns!("tracking", "file_moves_the_owner"),
        ],
    ),
    of(
        TOP,
        &["vrrp_track_process"],
        &[
            config!("tracking", "a_track_process"),
            netns!("tracking", "process_dies_and_comes_back"),
        ],
    ),
    of(
        TOP,
        &["vrrp_track_tcp"],
        &[netns!("tracking", "tcp_service_stops")],
    ),
    of(
        TOP,
        &["vrrp_track_http"],
        &[netns!("tracking", "http_service_is_unwell")],
    ),
];
