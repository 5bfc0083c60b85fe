//! `auth_hmac`.

use super::{Evidence, config, netns, of};

const VECTORS: &str =
    "vrrp-user/src/proof/tests.rs::the_draft_s_vectors_are_genuine_and_nothing_else_is";

pub(super) const HASH: &[Evidence] = &[
    of(
        "`vrrp_instance`",
        &["auth_hmac"],
        &[
            config!(
                "authentication",
                "auth_hmac_is_for_every_version_and_family"
            ),
            VECTORS,
            netns!("hashed", "auth_hmac_version_3"),
        ],
    ),
    of(
        "`auth_hmac`",
        &["key", "active_key", "time_window", "anti_replay", "mode"],
        &[
            config!("authentication", "every_keyword_of_auth_hmac_counts"),
            netns!(
                "hashed",
                "auth_hmac_and_another_key_are_rolled_out_without_a_gap"
            ),
            netns!("hashed", "forgers_and_repeaters_change_nothing"),
        ],
    ),
];
