//! What is answered instead of forwarded.

use super::{
    Case, End,
    connections::had,
    frames::{self, Segment},
};
use crate::{
    balance::tcp::{ACK, FIN, RST, SYN},
    testing::{
        balance::scene::{Scene, WEB, WEB6},
        frames::with_ipv4_header,
    },
};
use vrrp_common::balance::{Cause, RULES_RESET_GONE, SERVICE_EMPTY, state};

fn empty(service: u32) -> impl FnOnce(&mut Scene) {
    move |scene| scene.service(service).flags |= SERVICE_EMPTY
}

/// Server 2 is gone, and connections are to be reset.
fn gone(scene: &mut Scene) {
    scene.server(2).flags = 0;
    scene.rules.flags = RULES_RESET_GONE;
}

pub(super) fn cases() -> Vec<Case> {
    let syn = Segment::tcp(SYN);
    let syn6 = Segment::tcp6(SYN);
    let long = Segment {
        payload: vec![5; 301],
        ..Segment::tcp(ACK)
    };
    let long6 = Segment {
        payload: vec![5; 301],
        ..Segment::tcp6(ACK)
    };
    let odd = Segment {
        payload: vec![5; 3],
        ..syn.clone()
    };
    let in_vlan = Segment {
        tags: vec![(0x8100, 7)],
        ..syn.clone()
    };
    let data = Segment {
        payload: vec![5; 9],
        ..Segment::tcp(FIN)
    };
    let whole = |segment: &Segment| with_ipv4_header(segment.frame(), |header| header[6] |= 0x40);
    let last = |segment: &Segment| Segment {
        ttl: 1,
        ..segment.clone()
    };
    vec![
        Case::new("no server").scene(empty(WEB)).step(
            syn.frame(),
            End::Send,
            Some(frames::icmp(&syn, &syn.frame(), (3, 3), 0, 40)),
            &[Cause::NoServerAnswered],
        ),
        Case::new("no server, over IPv6").scene(empty(WEB6)).step(
            syn6.frame(),
            End::Send,
            Some(frames::icmp(&syn6, &syn6.frame(), (1, 4), 0, 60)),
            &[Cause::NoServerAnswered],
        ),
        Case::new("no server, an odd packet")
            .scene(empty(WEB))
            .step(
                odd.frame(),
                End::Send,
                Some(frames::icmp(&odd, &odd.frame(), (3, 3), 0, 40)),
                &[Cause::NoServerAnswered],
            ),
        Case::new("no server, in a VLAN").scene(empty(WEB)).step(
            in_vlan.frame(),
            End::Send,
            Some(frames::tagged(
                frames::icmp(&syn, &syn.frame(), (3, 3), 0, 40),
                7,
            )),
            &[Cause::NoServerAnswered],
        ),
        Case::new("no server that takes connections")
            .scene(|scene| {
                for server in 1..=3 {
                    scene.server(server).weight = 0;
                }
            })
            .step(
                syn.frame(),
                End::Send,
                Some(frames::icmp(&syn, &syn.frame(), (3, 3), 0, 40)),
                &[Cause::NoServerAnswered],
            ),
        Case::new("no server, nobody to answer")
            .scene(empty(WEB))
            .drops(
                Segment {
                    from: "127.0.0.1",
                    ..syn.clone()
                }
                .frame(),
                Cause::DropNoServer,
            ),
        Case::new("its time to live ends").step(
            last(&syn).frame(),
            End::Send,
            Some(frames::icmp(&syn, &last(&syn).frame(), (11, 0), 0, 40)),
            &[Cause::TtlAnswered],
        ),
        Case::new("its hop limit ends").step(
            last(&syn6).frame(),
            End::Send,
            Some(frames::icmp(&syn6, &last(&syn6).frame(), (3, 0), 0, 60)),
            &[Cause::TtlAnswered],
        ),
        Case::new("longer than the way, and whole")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .scene(|scene| scene.hop(2).mtu = 300)
            .step(
                whole(&long),
                End::Send,
                Some(frames::icmp(&long, &whole(&long), (3, 4), 300, 128)),
                &[Cause::TooBigAnswered],
            ),
        Case::new("longer than the way, and not whole")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .scene(|scene| scene.hop(2).mtu = 300)
            .drops(long.frame(), Cause::DropTooBig),
        Case::new("as long as the way")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .scene(|scene| scene.hop(2).mtu = 341)
            .forwards(&long, 2, Cause::Forwarded),
        Case::new("longer than the way, over IPv6")
            .scene(had(&syn6, state::ESTABLISHED, 1))
            .scene(|scene| scene.hop(2).mtu = 1280 - 1000)
            .step(
                long6.frame(),
                End::Send,
                Some(frames::icmp(&long6, &long6.frame(), (2, 0), 280, 128)),
                &[Cause::TooBigAnswered],
            ),
        Case::new("a reset of what acknowledges nothing")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .scene(gone)
            .step(
                data.frame(),
                End::Send,
                Some(frames::reset(&data, 0, 0x4d2 + 10, RST | ACK)),
                &[Cause::ResetGone],
            ),
        Case::new("a reset over IPv6")
            .scene(had(&syn6, state::ESTABLISHED, 1))
            .scene(gone)
            .step(
                long6.frame(),
                End::Send,
                Some(frames::reset(&long6, 0x929, 0, RST)),
                &[Cause::ResetGone],
            ),
    ]
}
