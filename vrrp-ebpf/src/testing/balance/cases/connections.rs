//! Connections: who gets them, how they live and end.

use super::{
    Case,
    frames::{self, Segment, flow},
};
use crate::{
    balance::tcp::{ACK, FIN, RST, SYN},
    testing::balance::scene::{GATE, NAMES, Scene, WEB, WEB6, key},
};
use vrrp_common::{
    balance::{
        CONNECTION_ACTIVE, Cause, Connection, RULES_RESET_GONE, SERVER_LOCAL, SERVICE_ONE_PACKET,
        SERVICE_SLOPPY, SERVICE_STICKY, scheduler, state,
    },
    wire::IPPROTO_TCP,
};

/// Server 2 has had the connection for some time.
pub(super) fn had(segment: &Segment, state: u8, age_s: u64) -> impl FnOnce(&mut Scene) {
    let key = flow(segment);
    move |scene| {
        let active = crate::balance::tcp::is_active(state);
        let connection = Connection {
            server: 2,
            service: 1,
            generation: 1,
            state,
            flags: if active { CONNECTION_ACTIVE } else { 0 },
            ..Connection::default()
        };
        scene.connections.push((key, connection, age_s));
        let load = scene.load(2);
        (load.active, load.inactive) = (active.into(), (!active).into());
    }
}

pub(super) fn cases() -> Vec<Case> {
    let syn = Segment::tcp(SYN);
    let ack = Segment::tcp(ACK);
    let fin = Segment::tcp(FIN | ACK);
    let rst = Segment::tcp(RST);
    let syn6 = Segment::tcp6(SYN);
    let ack6 = Segment::tcp6(ACK);
    vec![
        Case::new("a connection over IPv4, to its end")
            .forwards(&syn, 1, Cause::Scheduled)
            .forwards(&ack, 1, Cause::Forwarded)
            .forwards(&fin, 1, Cause::Forwarded)
            .load(1, 0, 1)
            .connection(&syn, Some((1, state::FIN_WAIT))),
        Case::new("a connection over IPv6")
            .forwards(&syn6, 4, Cause::Scheduled)
            .forwards(&ack6, 4, Cause::Forwarded)
            .load(4, 1, 0)
            .connection(&syn6, Some((4, state::ESTABLISHED))),
        Case::new("connections take turns")
            .forwards(&syn, 1, Cause::Scheduled)
            .forwards(&syn.port(40_001), 2, Cause::Scheduled)
            .forwards(&syn.port(40_002), 3, Cause::Scheduled)
            .forwards(&syn.port(40_003), 1, Cause::Scheduled)
            .forwards(&syn, 1, Cause::Forwarded)
            .load(1, 2, 0)
            .load(2, 1, 0),
        Case::new("UDP counts as inactive")
            .forwards(&Segment::udp(), 6, Cause::Scheduled)
            .forwards(&Segment::udp(), 6, Cause::Forwarded)
            .load(6, 0, 1)
            .connection(&Segment::udp(), Some((6, state::UDP))),
        Case::new("UDP over IPv6, to a service of every port")
            .forwards(&Segment::udp6(), 8, Cause::Scheduled)
            .forwards(&Segment::udp6(), 8, Cause::Forwarded)
            .load(8, 0, 1),
        Case::new("each packet by itself")
            .scene(|scene| scene.service(NAMES).flags |= SERVICE_ONE_PACKET)
            .forwards(&Segment::udp(), 6, Cause::Scheduled)
            .forwards(&Segment::udp(), 7, Cause::Scheduled)
            .load(6, 0, 0)
            .connection(&Segment::udp(), None),
        Case::new("reset by the client")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .forwards(&rst, 2, Cause::Forwarded)
            .load(2, 0, 1)
            .connection(&syn, Some((2, state::CLOSE))),
        Case::new("in the middle of nobody's connection")
            .passes(ack.frame(), &[Cause::UnknownConnection])
            .connection(&ack, None),
        Case::new("in the middle of nobody's connection, sloppy")
            .scene(|scene| scene.service(WEB).flags |= SERVICE_SLOPPY)
            .forwards(&ack, 1, Cause::Scheduled)
            .load(1, 1, 0)
            .connection(&ack, Some((1, state::ESTABLISHED))),
        Case::new("silent for as long as its state lives")
            .scene(had(&syn, state::ESTABLISHED, 901))
            .passes(ack.frame(), &[Cause::UnknownConnection]),
        Case::new("silent for almost as long as its state lives")
            .scene(had(&syn, state::ESTABLISHED, 890))
            .forwards(&ack, 2, Cause::Forwarded),
        Case::new("a new connection after one that was silent for too long")
            .scene(had(&syn, state::ESTABLISHED, 901))
            .forwards(&syn, 1, Cause::Scheduled)
            .load(2, 0, 0)
            .load(1, 1, 0)
            .connection(&syn, Some((1, state::SYN_RECV))),
        Case::new("the port used again in TIME_WAIT")
            .scene(had(&syn, state::TIME_WAIT, 1))
            .forwards(&syn, 1, Cause::Scheduled)
            .load(2, 0, 0)
            .load(1, 1, 0),
        Case::new("the port used again in FIN_WAIT")
            .scene(had(&syn, state::FIN_WAIT, 1))
            .forwards(&syn, 2, Cause::Forwarded)
            .load(2, 1, 0),
        Case::new("the port used again in TIME_WAIT, with persistence")
            .scene(had(&syn, state::TIME_WAIT, 1))
            .scene(|scene| scene.service(WEB).flags |= SERVICE_STICKY)
            .forwards(&syn, 2, Cause::Forwarded)
            .load(2, 1, 0),
        Case::new("a server that takes nobody new keeps its connections")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .scene(|scene| scene.server(2).weight = 0)
            .forwards(&ack, 2, Cause::Forwarded)
            .forwards(&syn.port(40_001), 1, Cause::Scheduled)
            .forwards(&syn.port(40_002), 3, Cause::Scheduled)
            .forwards(&syn.port(40_003), 1, Cause::Scheduled),
        Case::new("its server is gone")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .scene(|scene| scene.server(2).flags = 0)
            .drops(ack.frame(), Cause::DropServerGone),
        Case::new("its server is another by now")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .scene(|scene| scene.server(2).generation = 2)
            .drops(ack.frame(), Cause::DropServerGone),
        Case::new("its server is gone, and it begins anew")
            .scene(had(&syn, state::SYN_RECV, 1))
            .scene(|scene| {
                scene.server(2).flags = 0;
                scene.rules.flags = RULES_RESET_GONE;
            })
            .forwards(&syn, 1, Cause::Rescheduled)
            .forwards(&ack, 1, Cause::Forwarded)
            .load(1, 1, 0)
            .connection(&syn, Some((1, state::ESTABLISHED))),
        Case::new("its server is gone, reset")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .scene(|scene| {
                scene.server(2).flags = 0;
                scene.rules.flags = RULES_RESET_GONE;
            })
            .step(
                ack.frame(),
                super::End::Send,
                Some(frames::reset(&ack, 0x929, 0, RST)),
                &[Cause::ResetGone],
            ),
        Case::new("its server is gone, a reset is not answered")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .scene(|scene| {
                scene.server(2).flags = 0;
                scene.rules.flags = RULES_RESET_GONE;
            })
            .drops(rst.frame(), Cause::DropServerGone),
        Case::new("clients stay")
            .scene(|scene| {
                let web = scene.service(WEB);
                web.flags |= SERVICE_STICKY;
                (web.sticky_s, web.sticky_bits) = (360, 24);
            })
            .forwards(&syn, 1, Cause::Scheduled)
            .forwards(&syn.port(40_001), 1, Cause::Scheduled)
            .forwards(
                &Segment {
                    from: "192.0.2.77",
                    ..syn.clone()
                },
                1,
                Cause::Scheduled,
            )
            .forwards(
                &Segment {
                    from: "192.0.3.77",
                    ..syn.clone()
                },
                2,
                Cause::Scheduled,
            )
            .load(1, 3, 0),
        Case::new("clients stay, over IPv6")
            .scene(|scene| {
                let web = scene.service(WEB6);
                web.flags |= SERVICE_STICKY;
                (web.sticky_s, web.sticky_bits) = (360, 64);
            })
            .forwards(&syn6, 4, Cause::Scheduled)
            .forwards(
                &Segment {
                    from: "2001:db8:9::77",
                    ..syn6.clone()
                },
                4,
                Cause::Scheduled,
            )
            .forwards(
                &Segment {
                    from: "2001:db8:9:1::77",
                    ..syn6.clone()
                },
                5,
                Cause::Scheduled,
            ),
        Case::new("as many connections as a server takes")
            .scene(|scene| scene.server(1).upper = 1)
            .forwards(&syn, 1, Cause::Scheduled)
            .forwards(&syn.port(40_001), 2, Cause::Scheduled)
            .forwards(&syn.port(40_002), 3, Cause::Scheduled)
            .forwards(&syn.port(40_003), 2, Cause::Scheduled)
            .forwards(&ack, 1, Cause::Forwarded)
            .load(1, 1, 0)
            .load(2, 2, 0),
        Case::new("the least busy of all")
            .scene(|scene| {
                scene.serve(WEB, scheduler::WLC, vec![(1, 1), (2, 2), (3, 1)]);
                scene.load(1).active = 2;
                scene.load(2).active = 3;
                scene.load(3).inactive = 400;
            })
            .forwards(&syn, 2, Cause::Scheduled)
            .forwards(&syn.port(40_001), 3, Cause::Scheduled),
        Case::new("this host itself")
            .scene(|scene| {
                scene.server(1).flags |= SERVER_LOCAL;
                scene.server(1).hop = 0;
            })
            .passes(syn.frame(), &[Cause::LeftToStack])
            .passes(ack.frame(), &[Cause::LeftToStack])
            .load(1, 1, 0),
        Case::new("the way to its server is not known yet")
            .scene(|scene| scene.server(1).hop = 0)
            .drops(syn.frame(), Cause::DropUnresolved)
            .forwards(&syn, 2, Cause::Scheduled),
        Case::new("the way to its server is not known any more")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .scene(|scene| scene.server(2).hop = 0)
            .drops(ack.frame(), Cause::DropUnresolved),
        Case::new("its own port before every port")
            .scene(|scene| {
                scene.keys.push((key("10.9.0.80", IPPROTO_TCP, 0), NAMES));
            })
            .forwards(&syn, 1, Cause::Scheduled)
            .forwards(
                &Segment {
                    to_port: 81,
                    ..syn.clone()
                },
                6,
                Cause::Scheduled,
            ),
        Case::new("no virtual address, no gate")
            .scene(Scene::ungated)
            .forwards(&syn, 1, Cause::Scheduled)
            .forwards(&ack, 1, Cause::Forwarded),
        Case::new("routed through, gate shut")
            .scene(|scene| {
                scene.vips.clear();
                scene.shut();
            })
            .drops(syn.frame(), Cause::DropGateShut),
        Case::new("routed through, gate shut since")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .scene(|scene| {
                scene.vips.clear();
                scene.shut();
            })
            .drops(ack.frame(), Cause::DropGateShut),
        Case::new("routed through, lease over")
            .scene(|scene| {
                scene.vips.clear();
                scene.gates[0].1.lease_end_ns = 1;
                assert_eq!(scene.gates[0].0, GATE);
            })
            .drops(syn.frame(), Cause::DropGateShut),
    ]
}
