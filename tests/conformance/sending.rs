//! Rules 17 and 18: what an advert that we send looks like.

use crate::{
    frames::{of_57, ours, ours6, priority},
    trial::{Rule, Trial},
};
use vrrp_common::counter::Cause::EgressAdvert;
use vrrp_ebpf::testing::{
    cases::{GATE_V3, GATE_V6, GATE_VMAC},
    frames::{VIRTUAL_MAC, from_mac},
};

pub(crate) fn rules() -> Vec<Rule> {
    vec![headers(), priorities()]
}

fn headers() -> Rule {
    Rule {
        number: 17,
        section: "RFC 9568 §5.1.1.1, §5.1.1.3, §5.1.2.1, §5.1.2.3, §7.2, §7.3",
        says: "TTL 255, from the primary address and, where one is used, the virtual \
               MAC: it leaves as it was made",
        trials: vec![
            Trial::leaves("IPv4", ours().build())
                .in_scene(|scene| scene.open(GATE_V3))
                .counts(&[EgressAdvert]),
            Trial::leaves("IPv6", ours6().build())
                .in_scene(|scene| scene.open(GATE_V6))
                .counts(&[EgressAdvert]),
            Trial::leaves(
                "from the virtual MAC",
                from_mac(of_57("10.9.0.1", 100).build(), VIRTUAL_MAC),
            )
            .in_scene(|scene| scene.open(GATE_VMAC))
            .counts(&[EgressAdvert]),
            Trial::heard("a peer's from the virtual MAC", &of_57("10.9.0.2", 90))
                .framed(|frame| from_mac(frame, VIRTUAL_MAC))
                .recorded(|peer| peer.mac = VIRTUAL_MAC),
        ],
        elsewhere: &[
            "vrrp-user/src/shell/transmit/frames/tests.rs::frames_are_those_keepalived_sends",
            "tests/wire/packets.rs::a_bystander_reads_what_was_meant",
            "tests/wire/packets.rs::tshark_finds_every_checksum_good",
            "tests/netns/virtual_mac.rs::before_keepalived",
        ],
    }
}

fn priorities() -> Rule {
    Rule {
        number: 18,
        section: "RFC 9568 §5.2.4",
        says: "the owner of the addresses sends 255, anybody else 1 to 254",
        trials: vec![
            Trial::heard("the least", &priority(1)).recorded(|peer| peer.priority = 1),
            Trial::heard("the most of a backup", &priority(254))
                .recorded(|peer| peer.priority = 254),
            Trial::heard("the owner's", &priority(255)).recorded(|peer| peer.priority = 255),
        ],
        elsewhere: &[
            "vrrp-user/src/config/tests/lowering.rs::priority_and_state_settle_each_other",
            "vrrp-user/src/tracking/effective.rs::the_sum_is_clamped_not_its_parts",
        ],
    }
}
