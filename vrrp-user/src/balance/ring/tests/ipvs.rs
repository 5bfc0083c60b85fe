//! What a real IPVS did: Debian's kernel 6.1, `ipvsadm` adding servers 10.9.0.1, 10.9.0.2,
//! ... with these weights to an UDP service on port 80, and datagrams from clients
//! 172.16.0.1, 172.16.0.8, 172.16.0.15, ... in that order. A digit is the last octet of the
//! server that a client was sent to; `-`: nobody. Clients sent from ports 1000, 1001, ... For
//! dh there were so many services instead: on 10.0.1.3, 10.0.1.6, 10.0.1.9, ...

use super::*;
use crate::balance::ring::{mh, siphash::hsiphash_u32};

struct Seen {
    kind: SchedulerKind,
    weights: &'static [u32],
    /// Whose weight was set to 0 afterwards.
    drained: Option<usize>,
    /// `sh-port`, `mh-port`.
    port: bool,
    servers: &'static str,
}

#[rustfmt::skip]
const SEEN: &[Seen] = &[
    Seen { kind: SchedulerKind::Wrr, weights: &[4, 3, 2], drained: None, port: false, servers: "\
        3211213213211213213211213213211213213211" },
    Seen { kind: SchedulerKind::Wrr, weights: &[200, 100, 50], drained: None, port: false, servers: "\
        3211121321112132111213211121321112132111" },
    Seen { kind: SchedulerKind::Wrr, weights: &[5, 5, 1], drained: None, port: false, servers: "\
        3212121212132121212121321212121213212121" },
    Seen { kind: SchedulerKind::Wrr, weights: &[0, 6, 4, 10], drained: None, port: false, servers: "\
        4324442432432444243243244424324324442432" },
    Seen { kind: SchedulerKind::Rr, weights: &[3, 0, 1], drained: None, port: false, servers: "\
        313131313131" },
    Seen { kind: SchedulerKind::Mh, weights: &[1, 1, 1], drained: None, port: false, servers: "\
        1313112331111323131231323211112312313332113322133321322323223232\
        3311311333132231322232322221112213322222311113123113333113122313\
        2121112311111313233112223322312112322121213223332122111312221223\
        3113132321133121331321113312333122322231222223323231133333223232" },
    Seen { kind: SchedulerKind::Mh, weights: &[3, 2, 1], drained: None, port: false, servers: "\
        1313112331111121131131123211112312111132113222133321122121221212\
        3111211333112211322112322221112212122221111112122113311113122313\
        2121112311111313212111223322112112321121213221121121111312221221\
        3112131221113121311321113112323111121211222213323211133113223232" },
    Seen { kind: SchedulerKind::Mh, weights: &[100, 50, 0, 7], drained: None, port: false, servers: "\
        1111112111111121121111121211114212111112111422121221122121211212\
        1111211412412211122112122221112212124221111111121111211112112111\
        2121112141111111212111224221112112121141211221121121111414121221\
        2114121121111111211124111142111111121241222241122211111141211212" },
    Seen { kind: SchedulerKind::Mh, weights: &[65535, 1000, 7], drained: None, port: false, servers: "\
        1111111111111111111111111111111312111111111111111311111111111111\
        1111111111111111321111111111111111111111111111121111111111111111\
        1111111111111111111111111111112111111111111111111111111111111111\
        1111111111111111111111111111113111111111111111111111111111111131" },
    Seen { kind: SchedulerKind::Mh, weights: &[3, 2, 1], drained: Some(1), port: false, servers: "\
        131311-3311111-11311311-3-1111-31-11113-113---1333-11--1-1--1-1-\
        3111-1133311--113--11-3----111--1-1----111111-1--1133111131--313\
        -1-111-311111313-1-111--33--11-11-3-11-1-13--11-11-111131---1--1\
        311-131--11131-13113-111311-3-31111-1-11----133-3-11133113--3-3-" },
    Seen { kind: SchedulerKind::Sh, weights: &[1, 1, 1], drained: None, port: false, servers: "\
        1122132233213321122132233213321331132112213321331132112213223321\
        3311321122213223321331132112213223321332112213223321331133113211\
        2213321331132112213223321331132113223321332133113211221322332133\
        2112213223321331132112211221332133113211221322332133113211322332" },
    Seen { kind: SchedulerKind::Sh, weights: &[2, 0, 1], drained: None, port: false, servers: "\
        111133--1111333--111133--111133--111133--1111133--111133--111133\
        --111133---111133--111133--111133--1111133--111133--111133--1111\
        33---111133--111133--111133--1111133--111133--111133--111133--11\
        11133--111133--111133--1111333--111133--111133--111133--1111133-" },
    Seen { kind: SchedulerKind::Sh, weights: &[100, 200, 3], drained: None, port: false, servers: "\
        2212212212212212212212212212222222222222222221221221221221221221\
        2212212212232222222222222222221221221221221221221221221223222222\
        2222222222221221221221221221221221221221222222222222222222122122\
        1221221221221221221221223222222222222222222122122122122122122122" },
    Seen { kind: SchedulerKind::Sh, weights: &[2, 3, 1], drained: None, port: true, servers: "\
        121321221232132121321221213232121321221213212221321221213212212121221213212212132121213212212132" },
    Seen { kind: SchedulerKind::Mh, weights: &[3, 2, 1], drained: None, port: true, servers: "\
        122213323113123112111222311121133132111121133331132111323331121233311311322231221112131113221223" },
    Seen { kind: SchedulerKind::Dh, weights: &[1, 5, 2], drained: None, port: false, servers: "\
        1211213132131323323212112131311313232232121321313133132322321213" },
];

/// The slot that a client's packet looks at.
fn slot(seen: &Seen, number: u32, slots: usize) -> usize {
    let port = if seen.port { 1000 + number } else { 0 };
    let client = 0xac10_0001 + number * 7 + port;
    let bucket = |address: u32| address.wrapping_mul(0x61c8_8647) >> 24;
    let slot = match seen.kind {
        SchedulerKind::Mh => hsiphash_u32(client, mh::OFFSET_KEY) % 4093,
        SchedulerKind::Sh => bucket(client),
        SchedulerKind::Dh => bucket(0x0a00_0100 + (number + 1) * 3),
        _ => number,
    };
    slot as usize % slots
}

#[test]
fn clients_come_to_whom_ipvs_sends_them() {
    for seen in SEEN {
        let mut places: Vec<Place> = seen
            .weights
            .iter()
            .zip(1u8..)
            .map(|(&weight, id)| Place {
                id: id.into(),
                weight,
                last_weight: weight,
                address: IpAddr::from([10, 9, 0, id]),
                port: 80,
            })
            .collect();
        if let Some(at) = seen.drained {
            places[at].weight = 0;
        }
        let weights: Vec<u32> = places.iter().map(|place| place.weight).collect();
        places.reverse();
        let ring = build(seen.kind, &places);
        let ours: String = (0..u32::try_from(seen.servers.len()).unwrap())
            .map(|number| {
                let id = ring[slot(seen, number, ring.len())];
                if weights[usize::from(id) - 1] == 0 {
                    '-'
                } else {
                    char::from_digit(id.into(), 10).unwrap()
                }
            })
            .collect();
        assert_eq!(ours, seen.servers, "{:?} {:?}", seen.kind, seen.weights);
    }
}
