//! What keepalived 2.2.7 and FRR 8.4.4 really sent: three adverts and a
//! resignation each, taken in network namespaces.

use crate::kernel::{Entry, Kernel};
use pcap_file::pcap::PcapReader;
use std::{fs::File, path::Path};
use vrrp_common::{
    counter::Cause,
    event::{KIND_ADVERT, NEWS_PEER, NEWS_PRIORITY, NEWS_RESIGN},
    maps::{CAST_MULTICAST, CAST_UNICAST, FAMILY_V4, FAMILY_V6, VirtualRouter, VrKey},
    wire::{AUTH_SIMPLE, GROUP_V4, GROUP_V6},
};
use vrrp_ebpf::testing::{
    cases::{IFINDEX, Scene, Verdict, address_sum},
    ip, octets,
};

/// One file and how we are configured beside that peer.
struct Capture {
    file: &'static str,
    /// Family, version, cast, VRID.
    router: (u8, u8, u8, u8),
    own: &'static str,
    interval_cs: u32,
    addresses: &'static [&'static str],
    password: Option<[u8; 8]>,
    priority: u8,
    /// Counted with each advert beside `AdvertAccepted`.
    also: Option<Cause>,
}

const CAPTURES: [Capture; 7] = [
    Capture {
        file: "keepalived-v2-password",
        router: (FAMILY_V4, 2, CAST_MULTICAST, 51),
        own: "10.9.0.1",
        interval_cs: 100,
        addresses: &["10.9.0.51"],
        password: Some(*b"s3cret\0\0"),
        priority: 100,
        also: None,
    },
    Capture {
        file: "keepalived-v3",
        router: (FAMILY_V4, 3, CAST_MULTICAST, 52),
        own: "10.9.0.1",
        interval_cs: 10,
        // Not in the order of the file: the order does not matter.
        addresses: &["10.9.0.152", "10.9.0.52"],
        password: None,
        priority: 100,
        also: Some(Cause::AdvertChecksumPseudo),
    },
    Capture {
        file: "keepalived-v2-unicast",
        router: (FAMILY_V4, 2, CAST_UNICAST, 54),
        own: "10.9.0.1",
        interval_cs: 100,
        addresses: &["10.9.0.54"],
        password: None,
        priority: 100,
        also: None,
    },
    Capture {
        file: "keepalived-ipv6",
        router: (FAMILY_V6, 3, CAST_MULTICAST, 55),
        own: "fe80::1",
        interval_cs: 100,
        addresses: &["fe80::55", "2001:db8:9::55"],
        password: None,
        priority: 100,
        also: None,
    },
    Capture {
        file: "frr-v2",
        router: (FAMILY_V4, 2, CAST_MULTICAST, 7),
        own: "10.9.0.1",
        interval_cs: 100,
        addresses: &["10.9.0.207"],
        password: None,
        priority: 150,
        also: None,
    },
    Capture {
        file: "frr-v3",
        router: (FAMILY_V4, 3, CAST_MULTICAST, 5),
        own: "10.9.0.1",
        interval_cs: 100,
        addresses: &["10.9.0.200"],
        password: None,
        priority: 200,
        also: Some(Cause::AdvertChecksumPseudo),
    },
    Capture {
        file: "frr-ipv6",
        router: (FAMILY_V6, 3, CAST_MULTICAST, 5),
        own: "fe80::1",
        interval_cs: 100,
        addresses: &["2001:db8:9::200"],
        password: None,
        priority: 200,
        also: Some(Cause::AdvertFirstAddressGlobal),
    },
];

impl Capture {
    fn frames(&self) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("xdp/captures");
        let file = folder.join(self.file).with_extension("pcap");
        let file = File::open(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let mut reader = PcapReader::new(file).expect("a capture");
        let mut frames = Vec::new();
        while let Some(packet) = reader.next_packet() {
            frames.push(packet.expect("a whole packet").data.into_owned());
        }
        assert_eq!(frames.len(), 4, "{}", self.file);
        frames
    }

    fn scene(&self) -> Scene {
        let (family, version, cast, vrid) = self.router;
        let key = VrKey {
            ifindex: IFINDEX,
            vlan: 0,
            vrid,
            family,
            cast,
            pad: [0; 3],
        };
        let router = VirtualRouter {
            own_address: octets(ip(self.own)),
            group: octets(if family == FAMILY_V4 {
                GROUP_V4.into()
            } else {
                GROUP_V6.into()
            }),
            interval_cs: self.interval_cs,
            address_sum: address_sum(self.addresses),
            address_count: u8::try_from(self.addresses.len()).expect("few"),
            priority: 50,
            version,
            auth_type: if self.password.is_some() {
                AUTH_SIMPLE
            } else {
                0
            },
            auth_data: self.password.unwrap_or_default(),
            min_ttl: 255,
            max_ttl: 255,
            ..VirtualRouter::default()
        };
        Scene {
            routers: vec![(key, router)],
            ..Scene::default()
        }
    }
}

#[test]
fn real_adverts_are_accepted_and_only_news_is_told() {
    let mut kernel = Kernel::load();
    for capture in &CAPTURES {
        let name = capture.file;
        kernel.enter(&capture.scene());
        for frame in capture.frames() {
            assert_eq!(
                kernel.run(Entry::Ingress, &frame).verdict,
                Verdict::Pass,
                "{name}"
            );
        }
        let mut expected = vec![(Cause::AdvertAccepted, 4)];
        expected.extend(capture.also.map(|cause| (cause, 4)));
        assert_eq!(kernel.take_counts(), expected, "{name}");

        let events = kernel.take_events();
        let told: Vec<_> = events
            .iter()
            .map(|event| (event.kind, event.news, event.priority))
            .collect();
        let resigned = NEWS_RESIGN | NEWS_PRIORITY;
        let want = [
            (KIND_ADVERT, NEWS_PEER, capture.priority),
            (KIND_ADVERT, resigned, 0),
        ];
        assert_eq!(told, want, "{name}");

        let heard = kernel.heard();
        let [(_, peer)] = heard.as_slice() else {
            panic!("{name}: one peer: {heard:?}")
        };
        assert_eq!(
            (peer.adverts, peer.interval_cs),
            (4, capture.interval_cs),
            "{name}"
        );
    }
}

/// One wrong bit anywhere the packet is protected, and it is no advert.
#[test]
fn mangled_adverts_are_not_accepted() {
    let mut kernel = Kernel::load();
    for capture in &CAPTURES {
        kernel.enter(&capture.scene());
        let frame = &capture.frames()[0];
        // IPv6 headers have no checksum; their addresses are in the message's.
        let first = if capture.router.0 == FAMILY_V6 {
            14 + 8
        } else {
            14
        };
        for bit in first * 8..frame.len() * 8 {
            let mut frame = frame.clone();
            frame[bit / 8] ^= 1 << (bit % 8);
            kernel.run(Entry::Ingress, &frame);
        }
        let counts = kernel.take_counts();
        let accepted = counts
            .iter()
            .find(|(cause, _)| *cause == Cause::AdvertAccepted);
        assert_eq!(accepted, None, "{}", capture.file);
        assert!(
            counts.len() > 5,
            "{}: many reasons: {counts:?}",
            capture.file
        );
        assert_eq!(kernel.heard(), []);
    }
}

/// Shorter by any number of octets, and it is no advert either.
#[test]
fn truncated_adverts_are_not_accepted() {
    let mut kernel = Kernel::load();
    for capture in &CAPTURES {
        kernel.enter(&capture.scene());
        let frame = &capture.frames()[0];
        for len in 14..frame.len() {
            kernel.run(Entry::Ingress, &frame[..len]);
        }
        let counts = kernel.take_counts();
        let [(Cause::DropTruncated, _)] = counts.as_slice() else {
            panic!("{}: {counts:?}", capture.file)
        };
    }
}
