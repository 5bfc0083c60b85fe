//! Every kind of frame really leaves, and strangers read it as it was meant.

use std::{collections::BTreeMap, fs::File, net::IpAddr, process::Command, time::Duration};

use pcap_file::pcap::{PcapPacket, PcapWriter};
use vrrp_user::{
    config::model::ChecksumPolicy,
    engine::action::Advert,
    ownership::command::{Command as Order, GateId, Report, VrId},
    shell::transmit::frames,
};
use xvrrp_tests::{
    capture::{Stamp, Tap, Way},
    frame::{Checksum, Packet},
    net::{INTERFACE, Lab},
    place,
    trial::{HIGH, Profile},
};

use crate::{
    owner::{Owner, PATIENCE, advert, announcements},
    turn,
};

/// The four kinds of multicast advert, by virtual router ID.
fn kinds(lab: &Lab) -> Vec<Advert> {
    let of = |vrid: u8, profile: Profile, checksum| {
        let advert = advert(lab.router(0), &profile.conf(HIGH));
        Advert {
            vrid,
            checksum,
            interval: Duration::from_secs(1),
            ..advert
        }
    };
    vec![
        of(2, Profile::V2Pass1s, ChecksumPolicy::Pseudo),
        of(3, Profile::V3At1s, ChecksumPolicy::Pseudo),
        of(4, Profile::V3At1s, ChecksumPolicy::Plain),
        of(6, Profile::V6At100ms, ChecksumPolicy::Pseudo),
    ]
}

#[test]
fn a_bystander_reads_what_was_meant() {
    let _turn = turn::shared();
    let lab = Lab::new(2);
    let tap = Tap::new(&lab);
    let mut owner = Owner::on(lab.router(0));
    let since = Stamp::now();
    for (gate, advert) in (0..).zip(kinds(&lab)) {
        owner.own(gate, std::slice::from_ref(&advert), &announcements(&advert));
        let seen = tap.wait(PATIENCE, "its advert", since, |seen| {
            seen.advert_sent()
                .filter(|found| found.vrid == advert.vrid)
                .cloned()
        });
        let (group, checksum) = match advert.vrid {
            2 | 4 => ("224.0.0.18", Checksum::Plain),
            3 => ("224.0.0.18", Checksum::Pseudo),
            _ => ("ff02::12", Checksum::Pseudo),
        };
        let password = (advert.vrid == 2).then_some(*b"1111\0\0\0\0");
        assert_eq!(
            (seen.source, seen.destination.to_string().as_str()),
            (advert.source, group)
        );
        assert_eq!(
            (seen.ttl, seen.priority, seen.interval),
            (255, HIGH, Duration::from_secs(1))
        );
        assert_eq!((seen.checksum, seen.password), (checksum, password));
        assert_eq!(seen.addresses, advert.addresses);

        // Leaving: priority 0, then silence.
        owner.handle.send(Order::Cease {
            gate: GateId(gate),
            resign: true,
        });
        owner.wait(
            "ceased",
            |report| matches!(report, Report::Ceased { gate: of } if of.0 == gate),
        );
        let sent: Vec<u8> = tap
            .adverts(since)
            .into_iter()
            .filter(|(_, node, found)| (*node, found.vrid) == (0, advert.vrid))
            .map(|(_, _, found)| found.priority)
            .collect();
        // Two claim; nothing was due yet, so the next one resigns.
        assert_eq!(sent, [HIGH, HIGH, 0], "VRID {}", advert.vrid);
    }
}

#[test]
fn announcements_reach_everybody() {
    let _turn = turn::shared();
    let lab = Lab::new(1);
    let tap = Tap::new(&lab);
    let mut owner = Owner::on(lab.router(0));
    let (node, since) = (lab.router(0), Stamp::now());
    let ipv4 = advert(node, &Profile::V3At1s.conf(HIGH));
    let ipv6 = Advert {
        vr: VrId(6),
        ..advert(node, &Profile::V6At100ms.conf(HIGH))
    };
    let group = [ipv4, ipv6];
    owner.own(
        0,
        &group,
        &group.iter().flat_map(announcements).collect::<Vec<_>>(),
    );
    for address in group.iter().flat_map(|advert| &advert.addresses) {
        // At the client's port: the bridge let it through.
        let frame = tap.wait(PATIENCE, "an announcement", since, |seen| {
            let names = match (&seen.frame.packet, address) {
                (Packet::Arp(arp), IpAddr::V4(vip)) => arp.sender == *vip && arp.target == *vip,
                (Packet::Neighbor { target, .. }, IpAddr::V6(vip)) => target == vip,
                _ => false,
            };
            (names && seen.way == Way::To && seen.node == 1).then(|| seen.frame.clone())
        });
        assert_eq!(frame.from, node.mac);
        match frame.packet {
            Packet::Arp(arp) => {
                assert_eq!(
                    (arp.reply, arp.sender_mac, frame.to),
                    (false, node.mac, [0xff; 6])
                );
            }
            Packet::Neighbor {
                destination, flags, ..
            } => {
                assert_eq!(destination.to_string(), "ff02::1");
                // Override; the lab's routers do not forward.
                assert_eq!((flags, frame.to), (0b001, [0x33, 0x33, 0, 0, 0, 1]));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The router flag follows the interface's forwarding.
#[test]
fn only_a_router_says_it_is_one() {
    let _turn = turn::shared();
    let lab = Lab::new(1);
    let node = lab.router(0);
    let is_router = || {
        node.ns
            .run(|| frames::is_ipv6_router(INTERFACE))
            .expect("procfs")
    };
    assert!(!is_router());
    node.ns
        .sysctl(&[(format!("ipv6/conf/{INTERFACE}/forwarding"), "1")]);
    assert!(is_router());
    assert!(node.ns.run(|| frames::is_ipv6_router("absent0")).is_err());
}

/// tshark, which knows only the pseudo-header for version 3 over IPv4, and so also
/// shows that the plain form is another one.
#[test]
fn tshark_finds_every_checksum_good() {
    let _turn = turn::shared();
    let lab = Lab::new(1);
    let tap = Tap::new(&lab);
    let mut owner = Owner::on(lab.router(0));
    for (gate, advert) in (0..).zip(kinds(&lab)) {
        owner.own(gate, std::slice::from_ref(&advert), &announcements(&advert));
    }
    let path = place::scratch("pcap").join("wire-tshark.pcap");
    let mut file = PcapWriter::new(File::create(&path).expect("a file")).expect("a header");
    tap.with(|seen| {
        for seen in seen
            .iter()
            .filter(|seen| seen.way == Way::From && seen.node == 0)
        {
            let length = u32::try_from(seen.bytes.len()).expect("a frame's length");
            let packet = PcapPacket::new(Duration::from_nanos(seen.at.0), length, &seen.bytes);
            file.write_packet(&packet).expect("a packet");
        }
    });
    drop(file);

    let fields = [
        "vrrp.virt_rtr_id",
        "vrrp.checksum.status",
        "ip.checksum.status",
    ];
    let mut found: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for line in tshark(&path, "vrrp", &fields) {
        *found.entry(line).or_default() += 1;
    }
    let want = [
        ["2", "1", "1"],
        ["3", "1", "1"],
        ["4", "0", "1"],
        ["6", "1", ""],
    ];
    let want = want.map(|line| line.map(str::to_owned).to_vec());
    assert_eq!(
        found.keys().cloned().collect::<Vec<_>>(),
        want,
        "bad or missing: {found:?}"
    );

    let neighbours = tshark(&path, "icmpv6.type == 136", &["icmpv6.checksum.status"]);
    assert!(
        !neighbours.is_empty() && neighbours.iter().all(|line| line == &["1"]),
        "{neighbours:?}"
    );
    assert_eq!(
        tshark(&path, "arp.isgratuitous == 1", &["arp.opcode"]).len(),
        3
    );
    let malformed = tshark(&path, "_ws.malformed", &["frame.number"]);
    assert!(malformed.is_empty(), "{malformed:?}");
}

/// These fields of each frame that passes the filter.
fn tshark(path: &std::path::Path, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let tshark = place::installed("/usr/bin/tshark", "tshark");
    let output = Command::new(tshark)
        .args([
            "-o",
            "ip.check_checksum:TRUE",
            "-Y",
            filter,
            "-T",
            "fields",
            "-r",
        ])
        .arg(path)
        .args(fields.iter().flat_map(|field| ["-e", field]))
        .output()
        .expect("tshark");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("fields are text");
    text.lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}
