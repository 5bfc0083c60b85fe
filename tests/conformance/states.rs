//! Rules 19 to 31: what each state does, and what brings the next.
//!
//! The kernel has no states. It has a gate for each group, open for an Active alone,
//! and its part of these rules is what a gate lets through and what shuts it.

use crate::{
    frames::{
        CLIENT6, VIP, VIP6, VMAC_VIP, VMAC_VIP_IN_STACK, VMAC_VIP6, advertises, advertises_to_all,
        announces, asks, interval, ours, ours6, priority, replies, request, response, routed,
        router_advertisement, solicits, to_mac,
    },
    trial::{Rule, Trial},
};
use vrrp_common::{
    counter::Cause::{
        ArpAnswered, ArpLeftToStack, DropArpGateShut, DropEgressAdvert, DropEgressAnnouncement,
        DropEgressVip, DropMacGateShut, DropNdGateShut, DropVipGateShut, EgressAdvert, NdAnswered,
        NdLeftToStack,
    },
    event::{NEWS_RESIGN, NEWS_REVOKED, NEWS_WHILE_CLAIMED},
};
use vrrp_ebpf::testing::{
    cases::{GATE_V2, GATE_V3, GATE_V6, GATE_VMAC, GATE_VMAC6, v2, v3, v6},
    frames::{
        Advert, BROADCAST, CLIENT_MAC, Discovery, OUR_MAC, PEER_MAC, VIRTUAL_MAC, VIRTUAL_MAC6,
        mac_option,
    },
    ip, octets,
};

pub(crate) fn rules() -> Vec<Rule> {
    vec![
        initialize(),
        backup(),
        becomes_active(),
        resignation_in_backup(),
        follows(),
        preempts(),
        active(),
        accepts(),
        shuts_down(),
        resignation_in_active(),
        is_beaten(),
        beats(),
        timers(),
    ]
}

fn initialize() -> Rule {
    Rule {
        number: 19,
        section: "RFC 9568 §6.4.1",
        says: "at the start only an address owner advertises; anybody else waits as a \
               Backup, and nothing of its leaves",
        trials: vec![
            Trial::leaves("no claim", ours().build()).drops(DropEgressAdvert),
            Trial::leaves("no claim, IPv6", ours6().build()).drops(DropEgressAdvert),
            Trial::leaves(
                "the owner claims, from the address itself",
                Advert {
                    from: ip("10.9.0.52"),
                    priority: 255,
                    ..ours()
                }
                .build(),
            )
            .in_scene(|scene| {
                scene.claim(GATE_V3);
                scene.router(GATE_V3).own_address = octets(ip("10.9.0.52"));
            })
            .counts(&[EgressAdvert]),
        ],
        elsewhere: &[
            "vrrp-user/src/engine/tests/start.rs::an_owner_claims_at_once_and_opens_after_the_hold",
            "vrrp-user/src/engine/tests/start.rs::state_master_waits_like_everybody",
        ],
    }
}

fn backup() -> Rule {
    Rule {
        number: 20,
        section: "RFC 9568 §6.4.2",
        says: "a Backup neither answers ARP and ND for the addresses nor takes packets to \
               them or frames to the virtual MAC, and sends nothing in their name",
        trials: vec![
            Trial::arrives("ARP", asks(VIP).build(BROADCAST, &[])).drops(DropArpGateShut),
            Trial::arrives("ARP by unicast", asks(VIP).build(OUR_MAC, &[])).drops(DropArpGateShut),
            Trial::arrives("ND", solicits(VIP6).build()).drops(DropNdGateShut),
            Trial::arrives("a packet", request("10.9.0.9", "10.9.0.52")).drops(DropVipGateShut),
            Trial::arrives("a packet, IPv6", request(CLIENT6, VIP6)).drops(DropVipGateShut),
            Trial::arrives("a frame to the virtual MAC", routed()).drops(DropMacGateShut),
            Trial::leaves(
                "an announcement",
                announces(OUR_MAC, VIP).build(BROADCAST, &[]),
            )
            .drops(DropEgressAnnouncement),
            Trial::leaves("a reply", replies(OUR_MAC, VIP).build(CLIENT_MAC, &[]))
                .drops(DropEgressAnnouncement),
            Trial::leaves(
                "a neighbour advertisement",
                advertises(OUR_MAC, VIP6).build(),
            )
            .drops(DropEgressAnnouncement),
            Trial::leaves(
                "a router advertisement from the address",
                router_advertisement(VIP6, OUR_MAC).build(),
            )
            .drops(DropEgressVip),
            Trial::leaves(
                "a packet from the address",
                response("10.9.0.51", "10.9.0.9"),
            )
            .drops(DropEgressVip),
            Trial::arrives(
                "what the Active announces is for the stack",
                announces(PEER_MAC, VIP).build(BROADCAST, &[]),
            ),
        ],
        elsewhere: &["vrrp-user/src/engine/tests/backup.rs::a_backup_wants_no_address"],
    }
}

fn becomes_active() -> Rule {
    let announcement = || announces(OUR_MAC, VIP).build(BROADCAST, &[]);
    let untold = || advertises_to_all(OUR_MAC, VIP6).build();
    Rule {
        number: 21,
        section: "RFC 9568 §6.4.2",
        says: "when the Active_Down_Timer fires: advertise, then announce every address \
               (IPv6: router, override, not solicited)",
        trials: vec![
            Trial::leaves("the advert, before the gate opens", ours().build())
                .in_scene(|scene| scene.claim(GATE_V3))
                .counts(&[EgressAdvert]),
            Trial::leaves("no announcement yet", announcement())
                .in_scene(|scene| scene.claim(GATE_V3))
                .drops(DropEgressAnnouncement),
            Trial::leaves("then the announcement", announcement())
                .in_scene(|scene| scene.open(GATE_V3)),
            Trial::leaves("then the announcement, IPv6", untold())
                .in_scene(|scene| scene.open(GATE_V6)),
        ],
        elsewhere: &[
            "vrrp-user/src/engine/tests/claim.rs::burst_confirmation_opening",
            "vrrp-user/src/engine/tests/announcements.rs::every_address_in_rounds",
            "vrrp-user/src/packet/ndisc.rs::announces_a_router_as_frr_does",
            "tests/wire/packets.rs::announcements_reach_everybody",
        ],
    }
}

fn resignation_in_backup() -> Rule {
    let resigned = |what, advert| {
        Trial::heard(what, &advert)
            .news(NEWS_RESIGN)
            .recorded(|peer| peer.priority = 0)
    };
    Rule {
        number: 22,
        section: "RFC 9568 §6.4.2",
        says: "a Backup that hears priority 0 waits for the Skew_Time alone: it is told \
               of every one, at once",
        trials: vec![
            resigned("version 3", priority(0)),
            resigned(
                "version 2",
                Advert {
                    priority: 0,
                    ..v2()
                },
            ),
            resigned(
                "IPv6",
                Advert {
                    priority: 0,
                    ..v6()
                },
            ),
        ],
        elsewhere: &[
            "vrrp-user/src/engine/tests/backup.rs::the_skew_after_a_resignation",
            "vrrp-user/src/engine/tests/backup.rs::priority_0_counts_from_the_active_only",
        ],
    }
}

fn follows() -> Rule {
    let said = |priority, centiseconds| Advert {
        priority,
        ..interval([0, centiseconds])
    };
    Rule {
        number: 23,
        section: "RFC 9568 §6.4.2",
        says: "a Backup that does not preempt, or hears no less than its own priority, \
               takes the interval over and waits anew",
        trials: vec![
            Trial::heard("a higher priority", &said(101, 20)).recorded(|peer| {
                peer.priority = 101;
                peer.interval_cs = 20;
            }),
            Trial::heard("the same priority", &said(100, 20)).recorded(|peer| {
                peer.priority = 100;
                peer.interval_cs = 20;
            }),
        ],
        elsewhere: &[
            "vrrp-user/src/engine/tests/backup.rs::whose_adverts_restart_the_timer",
            "vrrp-user/src/engine/tests/backup.rs::the_active_changes_its_interval",
            "vrrp-user/src/engine/tests/preemption.rs::nopreempt_follows_whoever_is_there",
        ],
    }
}

fn preempts() -> Rule {
    Rule {
        number: 24,
        section: "RFC 9568 §6.4.2",
        says: "a Backup that preempts is not held up by a lower priority; that it was \
               heard is on record all the same",
        trials: vec![
            Trial::heard("a lower priority", &priority(99)).recorded(|peer| peer.priority = 99),
        ],
        elsewhere: &[
            "vrrp-user/src/engine/tests/preemption.rs::a_lower_priority_is_preempted",
            "vrrp-user/src/engine/tests/backup.rs::whose_adverts_restart_the_timer",
        ],
    }
}

fn active() -> Rule {
    let answered = |what, gate, mac, vip| {
        Trial::arrives(what, asks(vip).build(BROADCAST, &[]))
            .in_scene(|scene| scene.open(gate))
            .counts(&[ArpAnswered])
            .answers(replies(mac, vip).build(CLIENT_MAC, &[]))
    };
    let answered6 = |what, gate, mac, vip| {
        Trial::arrives(what, solicits(vip).build())
            .in_scene(|scene| scene.open(gate))
            .counts(&[NdAnswered])
            .answers(advertises(mac, vip).build())
    };
    Rule {
        number: 25,
        section: "RFC 9568 §6.4.3, §8.1.2, §8.2.2",
        says: "an Active answers ARP and ND for the addresses, with the virtual MAC where \
               one is used, and forwards what is sent to that",
        trials: vec![
            answered("ARP", GATE_V3, OUR_MAC, VIP),
            answered("ARP, virtual MAC", GATE_VMAC, VIRTUAL_MAC, VMAC_VIP),
            Trial::arrives(
                "ARP for what the stack has: it answers",
                asks(VMAC_VIP_IN_STACK).build(BROADCAST, &[]),
            )
            .in_scene(|scene| scene.open(GATE_VMAC))
            .counts(&[ArpLeftToStack]),
            answered6("ND", GATE_V6, OUR_MAC, VIP6),
            answered6("ND, virtual MAC", GATE_VMAC6, VIRTUAL_MAC6, VMAC_VIP6),
            Trial::arrives("a frame to the virtual MAC", routed())
                .in_scene(|scene| scene.open(GATE_VMAC))
                .becomes(to_mac(routed(), OUR_MAC)),
        ],
        elsewhere: &["tests/netns/virtual_mac.rs::routes_what_comes_to_the_virtual_mac"],
    }
}

fn accepts() -> Rule {
    let advertised = Discovery {
        kind: 136,
        stations: (CLIENT_MAC, OUR_MAC),
        ips: (ip(CLIENT6), ip("fe80::55")),
        hop_limit: 255,
        flags: 0x60,
        target: ip(CLIENT6),
        options: mac_option(2, CLIENT_MAC),
    };
    Rule {
        number: 26,
        section: "RFC 9568 §6.1, §6.4.3",
        says: "an Active takes what is sent to the addresses, and ND whatever else it does",
        trials: vec![
            Trial::arrives("a packet", request("10.9.0.9", "10.9.0.51"))
                .in_scene(|scene| scene.open(GATE_V2)),
            Trial::arrives("a packet, IPv6", request(CLIENT6, "fe80::55"))
                .in_scene(|scene| scene.open(GATE_V6)),
            Trial::arrives("a solicitation", solicits("fe80::55").build())
                .in_scene(|scene| scene.open(GATE_V6))
                .counts(&[NdLeftToStack]),
            Trial::arrives("an advertisement", advertised.build())
                .in_scene(|scene| scene.open(GATE_V6)),
        ],
        elsewhere: &[],
    }
}

fn shuts_down() -> Rule {
    let resigns = |advert: Advert| Advert {
        priority: 0,
        ..advert
    };
    Rule {
        number: 27,
        section: "RFC 9568 §6.4.3",
        says: "an Active that stops sends priority 0; it always may, also when its gate is \
               shut, and nothing else of its may then",
        trials: vec![
            Trial::leaves("while it owns", resigns(ours()).build())
                .in_scene(|scene| scene.open(GATE_V3))
                .counts(&[EgressAdvert]),
            Trial::leaves("given up", resigns(ours()).build())
                .in_scene(|scene| {
                    scene.open(GATE_V3);
                    scene.gate(GATE_V3).closed_epoch = 7;
                })
                .counts(&[EgressAdvert]),
            Trial::leaves("given up, IPv6", resigns(ours6()).build()).counts(&[EgressAdvert]),
            Trial::leaves("given up, and another advert", ours().build())
                .in_scene(|scene| {
                    scene.open(GATE_V3);
                    scene.gate(GATE_V3).closed_epoch = 7;
                })
                .drops(DropEgressAdvert),
        ],
        elsewhere: &["vrrp-user/src/engine/tests/resign.rs::an_active_that_stops"],
    }
}

fn resignation_in_active() -> Rule {
    Rule {
        number: 28,
        section: "RFC 9568 §6.4.3",
        says: "an Active that hears priority 0 advertises at once, and stays Active",
        trials: vec![
            Trial::heard("0 while we own", &priority(0))
                .in_scene(|scene| scene.open(GATE_V3))
                .news(NEWS_RESIGN | NEWS_WHILE_CLAIMED)
                .in_our_epoch(),
            Trial::heard("0 while we claim", &priority(0))
                .in_scene(|scene| scene.claim(GATE_V3))
                .news(NEWS_RESIGN | NEWS_WHILE_CLAIMED)
                .in_our_epoch(),
        ],
        elsewhere: &["vrrp-user/src/engine/tests/active.rs::priority_0_is_answered_at_once"],
    }
}

fn is_beaten() -> Rule {
    let beaten = |what, advert: Advert, gate| {
        Trial::heard(what, &advert)
            .in_scene(|scene| scene.open(gate))
            .revokes(gate, advert.priority)
            .news(NEWS_WHILE_CLAIMED | NEWS_REVOKED)
            .in_our_epoch()
    };
    Rule {
        number: 29,
        section: "RFC 9568 §6.4.3",
        says: "a higher priority, or the same from a greater address, makes an Active a \
               Backup: its gate is shut before anybody is told",
        trials: vec![
            beaten("a higher priority", priority(101), GATE_V3),
            beaten("the same from a greater address", priority(100), GATE_V3),
            beaten(
                "the same from a greater address, IPv6",
                Advert {
                    priority: 100,
                    ..v6()
                },
                GATE_V6,
            ),
            beaten(
                "a higher priority, version 2",
                Advert {
                    priority: 101,
                    ..v2()
                },
                GATE_V2,
            ),
            Trial::arrives("ARP after that", asks(VIP).build(BROADCAST, &[]))
                .in_scene(|scene| {
                    scene.open(GATE_V3);
                    scene.gate(GATE_V3).revoked_epoch = 7;
                })
                .drops(DropArpGateShut),
            Trial::leaves("an advert after that", ours().build())
                .in_scene(|scene| {
                    scene.open(GATE_V3);
                    scene.gate(GATE_V3).revoked_epoch = 7;
                })
                .drops(DropEgressAdvert),
        ],
        elsewhere: &[
            "vrrp-user/src/engine/tests/active.rs::who_wins_against_an_active",
            "vrrp-user/src/engine/tests/active.rs::a_tie_is_decided_by_the_whole_address",
        ],
    }
}

fn beats() -> Rule {
    let loses = |what, advert: Advert| {
        Trial::heard(what, &advert)
            .in_scene(|scene| scene.open(GATE_V3))
            .news(NEWS_WHILE_CLAIMED)
            .in_our_epoch()
    };
    Rule {
        number: 30,
        section: "RFC 9568 §6.4.3",
        says: "a losing advert changes nothing, and is answered at once",
        trials: vec![
            loses("a lower priority", priority(99)),
            loses(
                "the same from a smaller address",
                Advert {
                    from: ip("10.9.0.0"),
                    ..priority(100)
                },
            ),
        ],
        elsewhere: &[
            "vrrp-user/src/engine/tests/active.rs::a_losing_advert_is_answered_with_announcements",
        ],
    }
}

fn timers() -> Rule {
    Rule {
        number: 31,
        section: "RFC 9568 §6.1, RFC 3768 §6.1",
        says: "the Skew_Time and the Active_Down_Interval are counted from the Active's \
               interval, not ours: what it said last is on record",
        trials: vec![
            Trial::heard("a tenth of a second", &v3()).recorded(|peer| peer.interval_cs = 10),
            Trial::heard("40.95 seconds", &interval([0x0f, 0xff]))
                .recorded(|peer| peer.interval_cs = 4095),
            Trial::heard("one second, version 2", &v2()).recorded(|peer| peer.interval_cs = 100),
        ],
        elsewhere: &[
            "vrrp-user/src/election/timers.rs::skew_follows_the_version",
            "vrrp-user/src/election/timers.rs::active_down_is_n_intervals_and_the_skew",
            "vrrp-user/src/engine/tests/backup.rs::active_down_interval",
        ],
    }
}
