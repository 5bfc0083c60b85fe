//! Groups, acceptance, pacing, real time, namespaces.

use super::{Evidence, config, engine, netns, of};

const TOP: &str = "the top level";
const GLOBAL: &str = "`global_defs`";
const INSTANCE: &str = "`vrrp_instance`";

pub(super) const WORDS: &[Evidence] = &[
    of(
        TOP,
        &["net_namespace"],
        &[
            config!("process", "a_namespace_and_a_delay_after_boot"),
            netns!("isolation", "started_into_a_namespace_by_its_configuration"),
        ],
    ),
    of(
        TOP,
        &["garp_group"],
        &[config!(
            "network",
            "interfaces_of_a_garp_group_share_its_distance"
        )],
    ),
    of(
        "`garp_group`",
        &["garp_interval", "gna_interval", "interface", "interfaces"],
        &[
            config!("network", "interfaces_of_a_garp_group_share_its_distance"),
            engine!(
                "announcements",
                "one_distance_for_an_interface_or_a_garp_group"
            ),
        ],
    ),
    of(
        GLOBAL,
        &["vrrp_mcast_group4", "vrrp_mcast_group6"],
        &[
            config!("network", "the_group_is_the_instances_or_its_familys"),
            netns!("groups", "in_different_groups"),
        ],
    ),
    of(
        INSTANCE,
        &["mcast_dst_ip"],
        &[
            config!("network", "the_group_is_the_instances_or_its_familys"),
            netns!("groups", "in_different_groups"),
        ],
    ),
    of(
        GLOBAL,
        &["vrrp_delay_after_boot"],
        &[
            config!("process", "a_namespace_and_a_delay_after_boot"),
            engine!(
                "start",
                "nothing_starts_before_the_host_has_run_long_enough"
            ),
        ],
    ),
    of(
        GLOBAL,
        &["vrrp_min_garp"],
        &[config!(
            "network",
            "the_least_announcements_give_way_to_what_is_written"
        )],
    ),
    of(
        GLOBAL,
        &["vrrp_garp_extra_if"],
        &[
            config!("network", "extra_interfaces_may_be_announced_on"),
            engine!("announcements", "extra_interfaces"),
        ],
    ),
    of(
        INSTANCE,
        &["garp_extra_if"],
        &[
            config!("network", "extra_interfaces_may_be_announced_on"),
            engine!("announcements", "extra_interfaces"),
        ],
    ),
    of(
        GLOBAL,
        &["vrrp_owner_ignore_adverts"],
        &[config!(
            "network",
            "an_address_owner_accepts_and_may_ignore_adverts"
        )],
    ),
    of(
        INSTANCE,
        &["owner_ignore_adverts"],
        &[config!(
            "network",
            "an_address_owner_accepts_and_may_ignore_adverts"
        )],
    ),
    of(
        GLOBAL,
        &[
            "vrrp_rt_priority",
            "vrrp_cpu_affinity",
            "vrrp_rlimit_rttime",
        ],
        &[
            config!(
                "process",
                "the_transmit_thread_runs_as_keepaliveds_vrrp_process_was_told_to"
            ),
            "vrrp-user/src/shell/transmit/realtime.rs::a_thread_runs_where_and_as_long_as_it_is_told",
        ],
    ),
    of(
        INSTANCE,
        &["unicast_ttl"],
        &[config!("by_name", "where_adverts_come_from")],
    ),
    of(
        INSTANCE,
        &["unicast_fault_no_peer"],
        &[
            config!("network", "unicast_without_peers_may_be_a_fault"),
            engine!("start", "unicast_without_peers_stays_in_fault"),
        ],
    ),
    of(
        INSTANCE,
        &["old_unicast_checksum"],
        &[
            config!("network", "old_unicast_checksum"),
            "vrrp-user/src/shell/transmit/frames/tests.rs::in_unicast_an_old_checksum_names_the_group",
        ],
    ),
    of(
        INSTANCE,
        &["no_accept"],
        &[netns!("no_accept", "ipv4"), netns!("no_accept", "ipv6")],
    ),
    of(
        INSTANCE,
        &["track_src_ip"],
        &[
            config!("network", "the_source_is_tracked_where_it_is_written"),
            engine!("faults", "a_tracked_source_address"),
        ],
    ),
];
