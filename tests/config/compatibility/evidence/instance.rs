//! `vrrp_instance` and `authentication`.

use super::{Evidence, config, engine, netns, of};

const BLOCK: &str = "`vrrp_instance`";
const AUTHENTICATION: &str = "`authentication`";
const CONFORMANCE: &str = "tests/conformance/main.rs::every_rule_holds_in_the_kernel";

pub(super) const INSTANCE: &[Evidence] = &[
    of(
        BLOCK,
        &["state", "priority"],
        &[
            config!("lowering", "priority_and_state_settle_each_other"),
            engine!("start", "state_master_waits_like_everybody"),
        ],
    ),
    of(
        BLOCK,
        &["interface", "virtual_router_id"],
        &[config!("by_name", "what_every_instance_says")],
    ),
    of(
        BLOCK,
        &["advert_int"],
        &[
            config!("lowering", "intervals_are_rounded_as_the_version_counts"),
            engine!("intervals", "one_centisecond"),
        ],
    ),
    of(
        BLOCK,
        &["version"],
        &[config!("by_name", "what_every_instance_says"), CONFORMANCE],
    ),
    of(
        BLOCK,
        &["native_ipv6"],
        &[config!("by_name", "an_instance_may_say_that_it_is_ipv6")],
    ),
    of(
        BLOCK,
        &["authentication"],
        &[
            config!("lowering", "authentication_is_version_2_only"),
            "tests/wire/accepted.rs::v2_with_a_password",
        ],
    ),
    of(
        AUTHENTICATION,
        &["auth_type", "auth_pass"],
        &[
            config!("lowering", "authentication_is_version_2_only"),
            "tests/wire/accepted.rs::another_password_is_not_accepted",
        ],
    ),
    of(
        BLOCK,
        &["virtual_ipaddress"],
        &[
            config!("lowering", "addresses_with_all_their_options"),
            netns!("installed", "addresses_with_their_options_are_keepaliveds"),
        ],
    ),
    of(
        BLOCK,
        &["virtual_ipaddress_excluded"],
        &[
            config!("lowering", "addresses_with_all_their_options"),
            netns!("interface", "excluded_addresses_are_fenced_and_move"),
        ],
    ),
    of(
        BLOCK,
        &["no_virtual_ipaddress"],
        &[
            config!("by_name", "an_instance_may_have_no_address"),
            "tests/interop/no_address.rs::version_2",
            "tests/interop/no_address.rs::in_version_3",
        ],
    ),
    of(
        BLOCK,
        &["virtual_routes"],
        &[
            "vrrp-user/src/config/lower/routing/tests.rs::routes_of_every_shape",
            netns!("installed", "routes_of_every_kind_are_keepaliveds"),
        ],
    ),
    of(
        BLOCK,
        &["virtual_rules"],
        &[
            "vrrp-user/src/config/lower/routing/tests.rs::rules_without_preference_count_down_by_family",
            netns!("installed", "rules_of_every_kind_are_keepaliveds"),
        ],
    ),
    of(
        BLOCK,
        &["promote_secondaries"],
        &[
            config!("lowering", "secondaries_are_promoted_where_it_is_asked_for"),
            netns!("interface", "secondaries_are_promoted_while_it_runs"),
        ],
    ),
    of(
        BLOCK,
        &["nopreempt"],
        &[
            config!("lowering", "master_clears_nopreempt_and_preempt_delay"),
            engine!("preemption", "nopreempt_follows_whoever_is_there"),
            netns!("failover", "nopreempt"),
        ],
    ),
    of(
        BLOCK,
        &["preempt"],
        &[
            config!("lowering", "master_clears_nopreempt_and_preempt_delay"),
            netns!("failover", "preempt"),
        ],
    ),
    of(
        BLOCK,
        &["preempt_delay"],
        &[
            config!("lowering", "master_clears_nopreempt_and_preempt_delay"),
            engine!(
                "preemption",
                "preempt_delay_starts_with_the_first_lower_advert"
            ),
        ],
    ),
    of(
        BLOCK,
        &[
            "garp_master_delay",
            "garp_master_repeat",
            "garp_master_refresh",
            "garp_master_refresh_repeat",
        ],
        &[
            config!("by_name", "announcements_of_an_instance"),
            engine!("announcements", "the_garp_settings"),
        ],
    ),
    of(
        BLOCK,
        &["garp_lower_prio_delay", "garp_lower_prio_repeat"],
        &[
            config!("by_name", "announcements_of_an_instance"),
            engine!("active", "a_losing_advert_is_answered_with_announcements"),
        ],
    ),
    of(
        BLOCK,
        &["mcast_src_ip"],
        &[config!("by_name", "where_adverts_come_from")],
    ),
    of(
        BLOCK,
        &["unicast_src_ip", "unicast_peer"],
        &[
            config!("by_name", "where_adverts_come_from"),
            "tests/interop/unicast.rs::version_3",
        ],
    ),
    of(
        BLOCK,
        &["check_unicast_src"],
        &[
            config!("by_name", "where_adverts_come_from"),
            "tests/xdp/table.rs::arriving",
        ],
    ),
    of(
        BLOCK,
        &["advert_sources"],
        &[
            config!("lowering", "sources_of_adverts"),
            netns!("refused", "only_listed_sources_are_heeded"),
        ],
    ),
    of(
        BLOCK,
        &["v3_checksum_as_v2"],
        &[
            config!("by_name", "switches_of_all_instances_and_of_one"),
            "tests/interop/checksum.rs::without_pseudo_header",
        ],
    ),
    of(
        BLOCK,
        &["accept", "strict_mode"],
        &[config!(
            "lowering",
            "strict_mode_takes_back_what_it_has_not"
        )],
    ),
    of(
        BLOCK,
        &["skip_check_adv_addr"],
        &[
            config!("by_name", "switches_of_all_instances_and_of_one"),
            CONFORMANCE,
        ],
    ),
    of(
        BLOCK,
        &["lower_prio_no_advert"],
        &[
            config!("by_name", "switches_of_all_instances_and_of_one"),
            engine!("active", "what_answers_a_losing_advert_can_be_turned_off"),
        ],
    ),
    of(
        BLOCK,
        &["down_timer_adverts"],
        &[
            config!("by_name", "switches_of_all_instances_and_of_one"),
            engine!("backup", "active_down_interval"),
        ],
    ),
    of(
        BLOCK,
        &["oneway_fault"],
        &[
            config!("lowering", "what_is_done_about_another_owner"),
            netns!("conflict", "a_deaf_owner_is_named_and_yielded_to"),
        ],
    ),
    of(
        BLOCK,
        &["use_vmac"],
        &[
            config!("by_name", "which_addresses_have_the_virtual_mac"),
            netns!("virtual_mac", "beside_xvrrpd"),
            netns!("virtual_mac", "before_keepalived"),
        ],
    ),
    of(
        BLOCK,
        &["use_vmac_addr"],
        &[
            config!("by_name", "which_addresses_have_the_virtual_mac"),
            netns!("virtual_mac", "of_other_addresses_alone"),
        ],
    ),
    of(
        BLOCK,
        &["vmac_xmit_base"],
        &[
            config!("by_name", "which_addresses_have_the_virtual_mac"),
            netns!("virtual_mac", "adverts_from_the_base"),
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
            netns!("notify", "xvrrpd_says_what_keepalived_says"),
        ],
    ),
    of(
        BLOCK,
        &["notify_master_rx_lower_pri"],
        &[
            config!("by_name", "each_script_of_an_instance_and_of_a_group"),
            engine!("active", "a_losing_advert_runs_its_script"),
        ],
    ),
    of(
        BLOCK,
        &["notify_conflict"],
        &[
            config!("lowering", "what_is_done_about_another_owner"),
            netns!("conflict", "a_backup_tells_of_two_owners"),
        ],
    ),
    of(
        BLOCK,
        &["notify_deleted"],
        &[
            config!("telling", "notify_deleted_with_and_without_a_command"),
            engine!("telling", "a_deleted_instance"),
        ],
    ),
    of(
        BLOCK,
        &["notify_priority_changes"],
        &[
            config!("telling", "who_says_what_is_told"),
            engine!("telling", "a_priority_that_changes_is_a_line"),
        ],
    ),
    of(
        BLOCK,
        &["smtp_alert"],
        &[
            config!("telling", "who_says_what_is_told"),
            engine!("telling", "scripts_then_lines_then_mail"),
        ],
    ),
    of(
        BLOCK,
        &["track_interface", "track_script"],
        &[
            config!("lowering", "tracking_takes_the_scripts_weight"),
            engine!("faults", "every_fault_and_its_recovery"),
        ],
    ),
    of(
        BLOCK,
        &["track_file"],
        &[
            config!("tracking", "a_track_file"),
            netns!("tracking", "file_moves_the_owner"),
        ],
    ),
    of(
        BLOCK,
        &["track_process"],
        &[
            config!("tracking", "a_track_process"),
            netns!("tracking", "process_dies_and_comes_back"),
        ],
    ),
    of(
        BLOCK,
        &["track_tcp"],
        &[
            config!("tracking", "what_a_group_tracks_all_members_track"),
            netns!("tracking", "tcp_service_stops"),
        ],
    ),
    of(
        BLOCK,
        &["track_http"],
        &[
            config!("tracking", "what_a_group_tracks_all_members_track"),
            netns!("tracking", "http_service_is_unwell"),
        ],
    ),
    of(
        BLOCK,
        &["dont_track_primary"],
        &[
            config!("by_name", "switches_of_all_instances_and_of_one"),
            engine!("faults", "its_own_interface_may_go_untracked"),
        ],
    ),
];
