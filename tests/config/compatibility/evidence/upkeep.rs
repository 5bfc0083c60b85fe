//! Dumps, reloads, copies of what was read, and adverts from an address of their own.

use super::{Evidence, config, netns, of};

const GLOBAL: &str = "`global_defs`";

pub(super) const UPKEEP: &[Evidence] = &[
    of(
        GLOBAL,
        &["json_version"],
        &[
            config!("upkeep", "how_dump_files_look"),
            "vrrp-user/src/shell/dump/tests.rs::json_version_2_is_what_newer_keepaliveds_write",
        ],
    ),
    of(
        GLOBAL,
        &["data_use_instance"],
        &[
            config!("upkeep", "how_dump_files_look"),
            netns!(
                "upkeep",
                "the_instance_is_in_the_dumps_name_as_in_keepaliveds"
            ),
        ],
    ),
    of(
        GLOBAL,
        &["reload_time_file", "reload_file", "config_save_dir"],
        &[
            config!("upkeep", "when_the_configuration_is_read_and_what_is_kept"),
            netns!(
                "upkeep",
                "reloads_are_scheduled_marked_and_kept_as_keepaliveds"
            ),
        ],
    ),
    of(
        GLOBAL,
        &["reload_repeat"],
        &[
            config!("upkeep", "when_the_configuration_is_read_and_what_is_kept"),
            "vrrp-user/src/shell/reload/schedule.rs::when_it_is_time_the_file_goes_unless_it_is_repeated",
        ],
    ),
    of(
        GLOBAL,
        &["include_check"],
        &["vrrp-user/src/config/read/tests.rs::what_is_checked_of_every_include"],
    ),
    of(
        GLOBAL,
        &["iproute_usr_dir", "iproute_etc_dir"],
        &[config!("upkeep", "where_iproute2_s_names_stand")],
    ),
    of(
        GLOBAL,
        &["set_supplementary_groups"],
        &[
            config!("upkeep", "groups_of_scripts"),
            "vrrp-user/src/shell/process/identity.rs::all_groups_of_a_user_if_they_are_asked_for",
        ],
    ),
    of(
        "`vrrp_instance`",
        &["use_ipvlan"],
        &[
            config!("upkeep", "adverts_from_an_address_of_their_own"),
            netns!("upkeep", "use_ipvlan_beside_keepalived"),
        ],
    ),
];
