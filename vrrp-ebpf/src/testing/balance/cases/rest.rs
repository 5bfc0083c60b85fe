//! ICMP, and what is none of the balancer's business.

use super::{
    Case, End, Step,
    connections::had,
    frames::{self, Segment},
};
use crate::{
    balance::tcp::{ACK, SYN},
    testing::{
        balance::scene::{VIP, VIP6, server_mac},
        frames::{Ip, with_ipv4_header},
        ip,
    },
};
use vrrp_common::{
    balance::{Cause, SERVICE_LIVE, Watched, state},
    maps::VIP_NO_ACCEPT,
    wire::{IPPROTO_ICMP, IPPROTO_ICMPV6},
};

/// A packet of the server's to the client, as an ICMP error has it.
fn sent(segment: &Segment) -> Vec<u8> {
    let back = Segment {
        from: segment.to,
        to: segment.from,
        from_port: segment.to_port,
        to_port: segment.from_port,
        ..segment.clone()
    };
    let upper = back.upper();
    Ip {
        from: ip(back.from),
        to: ip(back.to),
        ttl: 60,
        protocol: back.protocol(),
        options: &[],
        payload: &upper,
    }
    .build()
    .1
}

/// What a router on the way says of it.
fn error(segment: &Segment, kind: u8) -> Vec<u8> {
    let message = [vec![kind, 4, 0xbe, 0xef, 0, 0, 5, 0], sent(segment)].concat();
    let is_v4 = ip(segment.to).is_ipv4();
    Segment {
        from: if is_v4 {
            "198.51.100.1"
        } else {
            "2001:db8:77::1"
        },
        ..segment.clone()
    }
    .carrying(if is_v4 { IPPROTO_ICMP } else { IPPROTO_ICMPV6 }, &message)
}

fn refused(frame: Vec<u8>) -> Step {
    Step {
        frame,
        end: End::Drop,
        leaves: None,
        counts: Vec::new(),
        not_accepted: 1,
    }
}

pub(super) fn cases() -> Vec<Case> {
    let syn = Segment::tcp(SYN);
    let ack = Segment::tcp(ACK);
    let ack6 = Segment::tcp6(ACK);
    let elsewhere = Segment {
        to_port: 22,
        ..syn.clone()
    };
    let mut no_accept = Case::new("an address that accepts nothing, and has a service")
        .scene(|scene| {
            for (_, vip) in &mut scene.vips {
                vip.flags |= VIP_NO_ACCEPT;
            }
        })
        .forwards(&syn, 1, Cause::Scheduled)
        .forwards(&ack, 1, Cause::Forwarded);
    no_accept.steps.push(refused(elsewhere.frame()));
    no_accept.steps.push(refused(ack.port(50_000).frame()));
    no_accept.steps.push(refused(
        syn.carrying(IPPROTO_ICMP, &[8, 0, 0, 0, 0, 0, 0, 0]),
    ));
    vec![
        no_accept,
        Case::new("an error about a connection")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .step(
                error(&ack, 3),
                End::Send,
                Some(frames::forwarded(error(&ack, 3), server_mac(2))),
                &[Cause::IcmpForwarded],
            )
            .connection(&syn, Some((2, state::ESTABLISHED))),
        Case::new("an error about a connection, over IPv6")
            .scene(had(&ack6, state::ESTABLISHED, 1))
            .step(
                error(&ack6, 2),
                End::Send,
                Some(frames::forwarded(error(&ack6, 2), server_mac(2))),
                &[Cause::IcmpForwarded],
            ),
        Case::new("an error about nobody's connection")
            .passes(error(&ack, 3), &[Cause::UnknownConnection]),
        Case::new("an error about a connection, its time to live ends")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .drops(
                with_ipv4_header(error(&ack, 3), |header| header[8] = 1),
                Cause::DropTtl,
            ),
        Case::new("an error about something else's packet").passes(
            error(
                &Segment {
                    to: "10.9.0.81",
                    ..ack.clone()
                },
                3,
            ),
            &[],
        ),
        Case::new("echo requests")
            .passes(syn.carrying(IPPROTO_ICMP, &[8, 0, 0, 0, 0, 0, 0, 0]), &[])
            .passes(
                ack6.carrying(IPPROTO_ICMPV6, &[128, 0, 0, 0, 0, 0, 0, 0]),
                &[],
            ),
        Case::new("another port").passes(elsewhere.frame(), &[]),
        Case::new("another address").passes(
            Segment {
                to: "10.9.0.81",
                ..syn.clone()
            }
            .frame(),
            &[],
        ),
        Case::new("another protocol")
            .passes(syn.carrying(47, &[0; 20]), &[])
            .passes(ack6.carrying(47, &[0; 20]), &[]),
        Case::new("a service that is gone")
            .scene(|scene| scene.service(1).flags &= !SERVICE_LIVE)
            .passes(syn.frame(), &[]),
        Case::new("last octets that are not watched")
            .scene(|scene| scene.watched = Watched::default())
            .passes(syn.frame(), &[])
            .passes(Segment::tcp6(SYN).frame(), &[]),
        Case::new("only the last octets of the services watched")
            .scene(|scene| {
                scene.watched = Watched::default();
                for address in [VIP, VIP6] {
                    let octet = *crate::testing::octets(ip(address))
                        [..if address == VIP { 4 } else { 16 }]
                        .last()
                        .expect("some");
                    scene.watched.destinations[usize::from(octet / 64)] |= 1 << (octet % 64);
                }
            })
            .forwards(&syn, 1, Cause::Scheduled)
            .forwards(&Segment::tcp6(SYN), 4, Cause::Scheduled),
        Case::new("to a virtual address, gate shut")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .scene(crate::testing::balance::scene::Scene::shut)
            .step(ack.frame(), End::Drop, None, &[]),
    ]
}
