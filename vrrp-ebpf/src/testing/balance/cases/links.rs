//! Frames: VLAN tags in and out, interfaces, fragments, headers of other lengths.

use super::{
    Case, End,
    connections::had,
    frames::{self, Segment},
};
use crate::{
    balance::tcp::{ACK, SYN},
    testing::{
        balance::scene::{OTHER_HOP, VLAN_HOP, server_mac},
        frames::{BROADCAST, L3, with_ipv4_header},
    },
};
use vrrp_common::{
    balance::{Cause, state},
    wire::{IPPROTO_TCP, IPPROTO_UDP},
};

/// IPv4 fragment: what its header says of it.
fn fragment(frame: Vec<u8>, field: u16) -> Vec<u8> {
    with_ipv4_header(frame, |header| {
        header[6..8].copy_from_slice(&field.to_be_bytes());
    })
}

/// IPv6 fragment header.
fn fragment6(next: u8, field: u16) -> Vec<u8> {
    let [high, low] = field.to_be_bytes();
    vec![next, 0, high, low, 0, 1, 2, 3]
}

pub(super) fn cases() -> Vec<Case> {
    let syn = Segment::tcp(SYN);
    let ack = Segment::tcp(ACK);
    let syn6 = Segment::tcp6(SYN);
    let in_vlan = Segment {
        tags: vec![(0x8100, 0x6007)],
        ..syn.clone()
    };
    let forwarded = |segment: &Segment, to| frames::forwarded(segment.frame(), server_mac(to));
    let udp = Segment {
        payload: vec![7; 32],
        ..Segment::udp()
    };
    let first = fragment(udp.frame(), 0x2000);
    let later = fragment(udp.carrying(IPPROTO_UDP, &[8; 24]), 5);
    let upper6 = Segment::udp6().upper();
    let first6 = Segment::udp6().carrying(44, &[fragment6(IPPROTO_UDP, 1), upper6].concat());
    let later6 =
        Segment::udp6().carrying(44, &[fragment6(IPPROTO_UDP, 0x19), vec![9; 16]].concat());
    let options = vec![0, 0, 0, 0, 0, 0, 0, 0];
    let extensions = [
        vec![60, 0, 1, 4, 0, 0, 0, 0],
        vec![IPPROTO_TCP, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        syn6.upper(),
    ]
    .concat();
    let extended = syn6.carrying(0, &extensions);
    let mut padded = syn.frame();
    padded.extend([0; 6]);
    vec![
        Case::new("out of another interface")
            .scene(|scene| scene.server(1).hop = OTHER_HOP)
            .step(
                syn.frame(),
                End::Redirect,
                Some(forwarded(&syn, OTHER_HOP)),
                &[Cause::Scheduled],
            ),
        Case::new("into a VLAN")
            .scene(|scene| scene.server(1).hop = VLAN_HOP)
            .step(
                syn.frame(),
                End::Send,
                Some(frames::tagged(forwarded(&syn, VLAN_HOP), 5)),
                &[Cause::Scheduled],
            ),
        Case::new("IPv6 into a VLAN")
            .scene(|scene| scene.server(4).hop = VLAN_HOP)
            .step(
                syn6.frame(),
                End::Send,
                Some(frames::tagged(forwarded(&syn6, VLAN_HOP), 5)),
                &[Cause::Scheduled],
            ),
        Case::new("from one VLAN to another")
            .scene(|scene| scene.server(1).hop = VLAN_HOP)
            .step(
                in_vlan.frame(),
                End::Send,
                Some(frames::tagged(forwarded(&syn, VLAN_HOP), 0x6005)),
                &[Cause::Scheduled],
            ),
        Case::new("out of a VLAN").step(
            in_vlan.frame(),
            End::Send,
            Some(forwarded(&syn, 1)),
            &[Cause::Scheduled],
        ),
        Case::new("out of a VLAN, over IPv6").step(
            frames::tagged(syn6.frame(), 9),
            End::Send,
            Some(forwarded(&syn6, 4)),
            &[Cause::Scheduled],
        ),
        Case::new("IPv4 options").forwards(
            &Segment {
                options,
                ..syn.clone()
            },
            1,
            Cause::Scheduled,
        ),
        Case::new("IPv6 extension headers").step(
            extended.clone(),
            End::Send,
            Some(frames::forwarded(extended, server_mac(4))),
            &[Cause::Scheduled],
        ),
        Case::new("padding stays").step(
            padded.clone(),
            End::Send,
            Some(frames::forwarded(padded, server_mac(1))),
            &[Cause::Scheduled],
        ),
        Case::new("fragments follow their first")
            .step(
                first.clone(),
                End::Send,
                Some(frames::forwarded(first.clone(), server_mac(6))),
                &[Cause::Scheduled],
            )
            .step(
                later.clone(),
                End::Send,
                Some(frames::forwarded(later.clone(), server_mac(6))),
                &[Cause::FragmentForwarded],
            )
            .load(6, 0, 1),
        Case::new("fragments follow their first, over IPv6")
            .step(
                first6.clone(),
                End::Send,
                Some(frames::forwarded(first6, server_mac(8))),
                &[Cause::Scheduled],
            )
            .step(
                later6.clone(),
                End::Send,
                Some(frames::forwarded(later6.clone(), server_mac(8))),
                &[Cause::FragmentForwarded],
            ),
        Case::new("a fragment whose first was not seen")
            .passes(later, &[Cause::UnknownFragment])
            .passes(later6, &[Cause::UnknownFragment]),
        Case::new("fragments of a known connection")
            .forwards(&udp, 6, Cause::Scheduled)
            .step(
                first.clone(),
                End::Send,
                Some(frames::forwarded(first, server_mac(6))),
                &[Cause::Forwarded],
            ),
        Case::new("a header that is not all there")
            .drops(
                syn.carrying(IPPROTO_TCP, &syn.upper()[..19]),
                Cause::DropMalformed,
            )
            .drops(
                Segment::udp().carrying(IPPROTO_UDP, &[0; 7]),
                Cause::DropMalformed,
            )
            .drops(syn6.frame()[..L3 + 50].to_vec(), Cause::DropMalformed),
        Case::new("an IPv4 header shorter than itself").drops(
            with_ipv4_header(syn.frame(), |header| header[0] = 0x45)
                .iter()
                .enumerate()
                .map(|(at, octet)| if at == L3 { 0x44 } else { *octet })
                .collect(),
            Cause::DropMalformed,
        ),
        Case::new("to a group of stations").passes(
            {
                let mut frame = syn.frame();
                frame[..6].copy_from_slice(&BROADCAST);
                frame
            },
            &[],
        ),
        Case::new("of a connection, to a VLAN since")
            .scene(had(&syn, state::ESTABLISHED, 1))
            .scene(|scene| scene.server(2).hop = VLAN_HOP)
            .step(
                ack.frame(),
                End::Send,
                Some(frames::tagged(forwarded(&ack, VLAN_HOP), 5)),
                &[Cause::Forwarded],
            ),
    ]
}
