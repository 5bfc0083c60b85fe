//! Who gets which connection, by scheduler and family.

use crate::stage::{SERVERS, Stage, VIP, VIP6, real_server, virtual_server};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::UdpSocket,
    time::Duration,
};

const WEIGHTS: [u32; SERVERS] = [3, 2, 1];

#[test]
fn wrr_spreads_as_the_weights_say_in_both_families() {
    let words = "lb_algo wrr\nlb_kind DR";
    let services = virtual_server(VIP, words, &WEIGHTS) + &virtual_server(VIP6, words, &WEIGHTS);
    let stage = Stage::with_one(&services);
    let want = BTreeMap::from([(0, 30), (1, 20), (2, 10)]);
    for vip in [VIP, VIP6] {
        assert_eq!(stage.spread(vip, 60), want, "{vip}");
    }
    let text = String::from_utf8(stage.lvs(0, &["--stats"]).stdout).expect("text");
    assert!(
        text.contains("TCP  10.77.0.200:80                     60 "),
        "{text}"
    );
    assert!(
        text.contains("  -> 10.77.0.3:80                       30 "),
        "{text}"
    );
}

/// Connections that are held: the next goes to whoever has the fewest for its weight.
#[test]
fn wlc_counts_the_connections_there_are() {
    let stage = Stage::with_one(&virtual_server(VIP, "lb_algo wlc\nlb_kind DR", &[2, 1, 1]));
    let mut held = Vec::new();
    let mut found = BTreeMap::new();
    for _ in 0..12 {
        let mut stream = stage.connect(VIP).expect("a connection");
        let (server, _) = stage.ask(&mut stream).expect("an answer");
        *found.entry(server).or_insert(0) += 1;
        held.push(stream);
    }
    assert_eq!(found, BTreeMap::from([(0, 6), (1, 3), (2, 3)]));
    let picture = stage.lvs_json(0).expect("a picture");
    let servers = picture["services"][0]["servers"].as_array().expect("some");
    let active: Vec<u64> = servers
        .iter()
        .filter_map(|it| it["active"].as_u64())
        .collect();
    assert_eq!(active, [6, 3, 3], "{picture}");
    let text = String::from_utf8(stage.lvs(0, &["-l", "-n", "-c"]).stdout).expect("text");
    let established = text
        .lines()
        .filter(|it| it.contains(" ESTABLISHED 10.77.0.100:"));
    assert_eq!(established.count(), 12, "{text}");
}

/// Datagrams of one client port are one connection, and answers go straight back.
#[test]
fn udp_is_spread_by_connections() {
    let services = format!(
        "virtual_server {VIP} 5353 {{\nlb_algo rr\nlb_kind DR\nprotocol UDP\n{}}}\n",
        [0, 1, 2]
            .map(|at| format!("real_server {} 5353 {{\n}}\n", real_server(at, VIP)))
            .concat()
    );
    let stage = Stage::with_one(&services);
    let timeout = Some(Duration::from_millis(100));
    let listening: Vec<UdpSocket> = (0..SERVERS)
        .map(|at| {
            let node = stage.lab.router(2 + at);
            let socket = node
                .ns
                .run(|| UdpSocket::bind((VIP, 5353)).expect("its address"));
            socket.set_read_timeout(timeout).expect("a socket");
            socket
        })
        .collect();
    let mut found = BTreeMap::new();
    for _ in 0..6 {
        let own = stage.lab.client().v4;
        let client = stage
            .lab
            .client()
            .ns
            .run(|| UdpSocket::bind((own, 0)).expect("a port"));
        client
            .set_read_timeout(Some(Duration::from_secs(3)))
            .expect("a socket");
        let mut servers = BTreeSet::new();
        for _ in 0..2 {
            client.send_to(b"question", (VIP, 5353)).expect("sent");
            let mut buffer = [0; 64];
            let (server, from) = listening
                .iter()
                .enumerate()
                .find_map(|(at, it)| Some((at, it.recv_from(&mut buffer).ok()?.1)))
                .expect("a server has it");
            assert_eq!(from, client.local_addr().expect("bound"));
            listening[server].send_to(b"answer", from).expect("sent");
            let (length, from) = client.recv_from(&mut buffer).expect("an answer");
            assert_eq!((&buffer[..length], from.ip()), (&b"answer"[..], VIP));
            servers.insert(server);
        }
        assert_eq!(servers.len(), 1, "one connection, one server");
        *found.entry(servers).or_insert(0) += 1;
    }
    assert_eq!(found.into_values().collect::<Vec<_>>(), [2, 2, 2]);
}

/// Of one client everything goes to one server.
#[test]
fn mh_chooses_by_the_client() {
    let stage = Stage::with_one(&virtual_server(VIP, "lb_algo mh\nlb_kind DR", &[1, 1, 1]));
    let found = stage.spread(VIP, 10);
    assert_eq!(found.len(), 1, "{found:?}");
}
