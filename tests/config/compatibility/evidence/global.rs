//! `global_defs`.

use super::{Evidence, config, engine, netns, of};

const BLOCK: &str = "`global_defs`";

pub(super) const GLOBAL: &[Evidence] = &[
    of(
        BLOCK,
        &["vrrp_version"],
        &[config!("lowering", "globals_flow_into_instances")],
    ),
    of(
        BLOCK,
        &["vrrp_strict"],
        &[config!(
            "lowering",
            "strict_mode_takes_back_what_it_has_not"
        )],
    ),
    of(
        BLOCK,
        &["vrrp_skip_check_adv_addr"],
        &[
            config!("by_name", "switches_of_all_instances_and_of_one"),
            "tests/conformance/main.rs::every_rule_holds_in_the_kernel",
        ],
    ),
    of(
        BLOCK,
        &["vrrp_lower_prio_no_advert"],
        &[
            config!("by_name", "switches_of_all_instances_and_of_one"),
            engine!("active", "what_answers_a_losing_advert_can_be_turned_off"),
        ],
    ),
    of(
        BLOCK,
        &["vrrp_down_timer_adverts"],
        &[
            config!("by_name", "switches_of_all_instances_and_of_one"),
            engine!("backup", "active_down_interval"),
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
        &["vrrp_check_unicast_src"],
        &[config!("by_name", "where_adverts_come_from")],
    ),
    of(
        BLOCK,
        &[
            "vrrp_garp_master_delay",
            "vrrp_garp_master_repeat",
            "vrrp_garp_master_refresh",
            "vrrp_garp_master_refresh_repeat",
        ],
        &[
            config!("by_name", "announcements_of_all_instances"),
            engine!("announcements", "the_garp_settings"),
        ],
    ),
    of(
        BLOCK,
        &["vrrp_garp_lower_prio_delay", "vrrp_garp_lower_prio_repeat"],
        &[
            config!("by_name", "announcements_of_all_instances"),
            engine!("active", "a_losing_advert_is_answered_with_announcements"),
        ],
    ),
    of(
        BLOCK,
        &["vrrp_garp_interval", "vrrp_gna_interval"],
        &[
            config!("by_name", "announcements_of_all_instances"),
            engine!("announcements", "the_pace"),
        ],
    ),
    of(
        BLOCK,
        &["vrrp_startup_delay"],
        &[
            config!("lowering", "the_global_block"),
            engine!("start", "the_startup_delay_comes_before_everything"),
        ],
    ),
    of(
        BLOCK,
        &["lease"],
        &[
            config!("lowering", "what_a_shut_gate_does"),
            netns!("lease_mode", "enforcing_a_dead_owner_is_silent"),
            netns!("lease_mode", "observing_it_answers_and_is_counted"),
            netns!("lease_mode", "switched_off_it_answers_like_any_other"),
        ],
    ),
    of(
        BLOCK,
        &["lease_loss_tolerance", "lease_adverts", "claim_hold"],
        &[
            config!("lowering", "what_a_lease_is_made_of"),
            engine!("claim", "a_claim_is_made_of_what_the_configuration_says"),
        ],
    ),
    of(
        BLOCK,
        &["router_id"],
        &[config!("lowering", "the_global_block")],
    ),
    of(
        BLOCK,
        &["script_user"],
        &[
            config!("lowering", "the_global_block"),
            engine!("notify", "as_whom_it_runs"),
        ],
    ),
    of(
        BLOCK,
        &["enable_script_security"],
        &[
            config!("lowering", "the_global_block"),
            "vrrp-user/src/shell/process/group_test.rs::script_security_names_the_component",
        ],
    ),
    of(
        BLOCK,
        &[
            "notification_email",
            "notification_email_from",
            "smtp_server",
            "smtp_helo_name",
            "smtp_connect_timeout",
        ],
        &[
            config!("telling", "mail_settings"),
            netns!("alerts", "xvrrpd_writes_what_keepalived_writes"),
        ],
    ),
    of(
        BLOCK,
        &["enable_dbus", "dbus_service_name"],
        &[
            config!("telling", "dbus_is_off_unless_it_is_enabled"),
            netns!("dbus", "it_is_keepaliveds"),
            netns!("dbus", "a_bad_reload_is_refused"),
        ],
    ),
    of(
        BLOCK,
        &["smtp_tls", "smtp_tls_ca", "smtp_login"],
        &[
            config!("telling", "mail_settings"),
            netns!("alerts", "mail_by_tls_with_a_login"),
        ],
    ),
    of(
        BLOCK,
        &["smtp_alert"],
        &[
            config!("telling", "who_says_what_is_told"),
            netns!("alerts", "xvrrpd_writes_what_keepalived_writes"),
        ],
    ),
    of(
        BLOCK,
        &["smtp_alert_vrrp"],
        &[config!("telling", "who_says_what_is_told")],
    ),
    of(
        BLOCK,
        &["no_email_faults"],
        &[
            config!("telling", "mail_settings"),
            engine!("telling", "mails_without_faults"),
        ],
    ),
    of(
        BLOCK,
        &["startup_script", "shutdown_script"],
        &[
            config!("telling", "startup_and_shutdown_scripts"),
            netns!("hooks", "xvrrpd_runs_them_before_and_after_everything"),
        ],
    ),
    of(
        BLOCK,
        &["startup_script_timeout", "shutdown_script_timeout"],
        &[
            config!("by_name", "how_long_a_startup_script_may_take"),
            netns!("hooks", "a_startup_script_that_hangs_or_fails_is_outlived"),
        ],
    ),
    of(
        BLOCK,
        &["notify_fifo", "vrrp_notify_fifo"],
        &[
            config!("telling", "notify_fifos_with_their_scripts"),
            netns!("fifo", "xvrrpd_writes_the_lines_that_keepalived_writes"),
        ],
    ),
    of(
        BLOCK,
        &["notify_fifo_script", "vrrp_notify_fifo_script"],
        &[
            config!("telling", "notify_fifos_with_their_scripts"),
            netns!(
                "fifo",
                "a_script_reads_to_the_end_and_an_absent_reader_delays_nothing"
            ),
        ],
    ),
    of(
        BLOCK,
        &["vrrp_notify_priority_changes"],
        &[
            config!("telling", "who_says_what_is_told"),
            netns!("fifo", "xvrrpd_writes_the_lines_that_keepalived_writes"),
        ],
    ),
    of(
        BLOCK,
        &["fifo_write_vrrp_states_on_reload"],
        &[
            config!("telling", "notify_fifos_with_their_scripts"),
            engine!("telling", "states_are_repeated_at_a_reload_if_asked_for"),
        ],
    ),
    of(
        BLOCK,
        &["default_interface"],
        &["vrrp-user/src/config/lower/routing/tests.rs::static_blocks_and_track_groups"],
    ),
    of(
        BLOCK,
        &["dump_directory"],
        &[
            config!("telling", "dump_files"),
            netns!("dumps", "dump_directory_names_another_place"),
        ],
    ),
    of(
        BLOCK,
        &["state_dump_file", "stats_dump_file", "json_dump_file"],
        &[
            config!("telling", "dump_files"),
            netns!("dumps", "the_files_are_those_of_keepalived"),
        ],
    ),
];
