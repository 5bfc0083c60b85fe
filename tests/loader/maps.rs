//! Gates, tables, events, and another process's view of them.

use crate::world::{FAR_ADDRESS, Sender, attach, in_own_netns, output, run, veth};
use std::{net::IpAddr, thread, time::Duration};
use vrrp_common::{
    event::{KIND_ADVERT, NEWS_PEER},
    gate::{CLOSED_FAULT, CLOSED_PREDECESSOR, CLOSED_STOPPED, Gate, LEASE_OBSERVE},
    maps::{CAST_MULTICAST, FAMILY_V4, PeerKey, VrKey, name},
};
use vrrp_user::{
    config::model::{UnicastPeer, Version},
    engine::action::{RouterRecord, VipRecord},
    ownership::command::{Epoch, GateId, VrId},
    shell::{
        bpf::{
            Reader, Variant,
            tables::{VipChanges, octets},
        },
        clock,
    },
    time::Instant,
};

pub(crate) const GATE: GateId = GateId(3);

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub(crate) fn record(ifindex: u32, vrid: u8) -> RouterRecord {
    RouterRecord {
        key: VrKey {
            ifindex,
            vlan: 0,
            vrid,
            family: FAMILY_V4,
            cast: CAST_MULTICAST,
            pad: [0; 3],
        },
        gate: GATE,
        source: ip("10.77.0.1"),
        group: ip("224.0.0.18"),
        priority: 100,
        version: Version::V3,
        interval_cs: 100,
        authentication: None,
        addresses: vec![ip("10.77.0.100")],
        ttl: (255, 255),
        strict: false,
        skip_check_advert_addresses: false,
        unicast_peers: Vec::new(),
        check_unicast_source: false,
        checksum: vrrp_user::config::model::ChecksumPolicy::Plain,
        advert_sources: Vec::new(),
        ignores_adverts: false,
        mac: [2, 0, 0, 0, 0, 1],
    }
}

fn vip(ifindex: u32, address: &str, in_stack: bool) -> VipRecord {
    VipRecord {
        ifindex,
        address: ip(address),
        gate: GATE,
        in_stack,
        mac: [2, 0, 0, 0, 0, 1],
        own: [2, 0, 0, 0, 0, 1],
        accepts: true,
    }
}

#[test]
fn gates_written_in_memory_are_what_the_kernel_reads() {
    in_own_netns(|world| {
        let loaded = world.load(Variant::Newest);
        let (sender, event_loop) = (&loaded.sender_gates, &loaded.loop_gates);
        let reader = Reader::open(&world.instance).expect("opens");
        let lease_end = clock::now() + Duration::from_mins(1);
        sender.begin_epoch(GATE, Epoch(5));
        event_loop.permit_until(GATE, Instant::from_ns(11));
        assert!(sender.write_lease(GATE, Epoch(5), lease_end, Instant::from_ns(7)));
        let want = Gate {
            epoch: 5,
            lease_end_ns: lease_end.as_ns(),
            last_sent_ns: 7,
            permit_end_ns: 11,
            ..Gate::default()
        };
        assert_eq!(reader.gate(GATE.0).expect("reads"), want);
        assert_eq!((sender.read(GATE), event_loop.read(GATE)), (want, want));
        assert_eq!(reader.gate(GATE.0 + 1).expect("reads"), Gate::default());
        let dump = output(&format!(
            "bpftool map lookup pinned {}/{} key 3 0 0 0",
            world.pin_dir().display(),
            name::GATES
        ));
        assert!(dump.contains("\"epoch\": 5"), "{dump}");
        // The other way: what anybody writes through the map is seen in memory.
        let value = Gate {
            revoked_epoch: 5,
            ..want
        };
        let bytes: Vec<String> = [value.epoch, value.lease_end_ns, 7, 11, 0, 5, 0, 0]
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .map(|byte| byte.to_string())
            .collect();
        run(&format!(
            "bpftool map update pinned {}/{} key 3 0 0 0 value {}",
            world.pin_dir().display(),
            name::GATES,
            bytes.join(" ")
        ));
        assert_eq!(sender.read(GATE), value);
        assert!(
            !sender.write_lease(GATE, Epoch(5), lease_end, Instant::from_ns(7)),
            "a beaten claim gets no lease"
        );
        loaded.dataplane.teardown().expect("tears down");
    });
}

#[test]
fn gates_open_only_by_a_claim_of_their_own() {
    in_own_netns(|world| {
        let loaded = world.load(Variant::Newest);
        let (sender, event_loop) = (&loaded.sender_gates, &loaded.loop_gates);
        let later = clock::now() + Duration::from_mins(1);
        let is_open = || sender.read(GATE).is_open(clock::now().as_ns());
        sender.begin_epoch(GATE, Epoch(1));
        assert!(!is_open());
        assert!(
            !sender.write_lease(GATE, Epoch(2), later, later),
            "a lease of another claim"
        );
        assert!(sender.write_lease(GATE, Epoch(1), later, later));
        assert!(is_open());
        event_loop.close_through(GATE, Epoch(1), CLOSED_FAULT, Instant::from_ns(50));
        assert!(!is_open());
        assert!(
            !sender.write_lease(GATE, Epoch(1), later, later),
            "a lease of a closed claim"
        );
        event_loop.close_through(GATE, Epoch(0), CLOSED_STOPPED, Instant::from_ns(60));
        let found = sender.read(GATE);
        assert_eq!(found.closed_epoch, 1, "closing never reopens");
        assert_eq!(
            (found.closed_why, found.permit_end_ns),
            (CLOSED_FAULT, 50),
            "nor says another reason"
        );
        sender.begin_epoch(GATE, Epoch(2));
        assert!(!is_open(), "the older lease does not open the new claim");
        assert!(sender.write_lease(GATE, Epoch(2), later, later) && is_open());
        sender.end_lease(GATE);
        assert!(!is_open());
        loaded.dataplane.teardown().expect("tears down");
    });
}

#[test]
fn a_restart_can_shut_what_its_predecessor_held() {
    in_own_netns(|world| {
        let loaded = world.load(Variant::Newest);
        loaded.sender_gates.begin_epoch(GATE, Epoch(9));
        loaded
            .loop_gates
            .permit_until(GATE, clock::now() + Duration::from_mins(1));
        assert!(loaded.sender_gates.write_lease(
            GATE,
            Epoch(9),
            clock::now() + Duration::from_mins(1),
            clock::now()
        ));
        drop(loaded);
        let loaded = world.load(Variant::Newest);
        let found = loaded.loop_gates.read(GATE);
        assert!(
            found.epoch == 9 && found.is_open(clock::now().as_ns()),
            "{found:?}"
        );
        loaded
            .loop_gates
            .close_others(&[], CLOSED_PREDECESSOR, Instant::from_ns(70));
        let found = loaded.loop_gates.read(GATE);
        let now = clock::now().as_ns();
        assert!(
            !found.is_open(now) && !found.may_advertise(now),
            "{found:?}"
        );
        assert_eq!(
            (found.closed_why, found.permit_end_ns),
            (CLOSED_PREDECESSOR, 70)
        );
        // Every record, so that whatever group comes next is fenced as configured.
        loaded.loop_gates.set_mode(LEASE_OBSERVE);
        let reader = Reader::open(&world.instance).expect("opens");
        for gate in [0, GATE.0, 4095] {
            assert_eq!(reader.gate(gate).expect("reads").mode, LEASE_OBSERVE);
        }
        loaded.dataplane.teardown().expect("tears down");
    });
}

#[test]
fn an_advert_makes_news_and_a_peer_whose_age_a_reader_sees_moving() {
    in_own_netns(|world| {
        let near = veth();
        let mut loaded = world.load(Variant::Newest);
        loaded
            .tables
            .set_router(VrId(0), Some(&record(near, 7)))
            .expect("written");
        attach(&mut loaded.dataplane, near);
        let sent = clock::now();
        let sender = Sender::new();
        sender.advert(7);
        let event = world
            .block_on(async {
                tokio::time::timeout(Duration::from_secs(5), loaded.events.next()).await
            })
            .expect("in time")
            .expect("an event");
        assert_eq!(
            (event.kind, event.vr, event.priority),
            (KIND_ADVERT, record(near, 7).key, 200)
        );
        assert_ne!(event.news & NEWS_PEER, 0);
        assert!(
            event.at_ns >= sent.as_ns() && event.at_ns <= clock::now().as_ns(),
            "one clock on both sides"
        );
        // The same again is no news.
        sender.advert(7);
        let again = world.block_on(async {
            tokio::time::timeout(Duration::from_millis(200), loaded.events.next()).await
        });
        assert!(again.is_err(), "{again:?}");
        let key = PeerKey {
            vr: record(near, 7).key,
            source: octets(ip(FAR_ADDRESS)),
        };
        let peer = loaded.tables.peer(&key).expect("reads").expect("heard");
        assert_eq!(
            (peer.adverts, peer.priority, peer.interval_cs),
            (2, 200, 100)
        );
        assert_eq!(
            loaded.tables.peers_of(&key.vr).expect("reads"),
            [(key, peer)]
        );
        assert_eq!(loaded.tables.counters().expect("reads").advert_accepted, 2);
        // Another process's view, with no help from this one.
        let reader = Reader::open(&world.instance).expect("opens");
        let age = || {
            let snapshot = reader.snapshot().expect("reads");
            let [router] = snapshot.routers.as_slice() else {
                panic!("{snapshot:?}")
            };
            let [peer] = router.peers.as_slice() else {
                panic!("{router:?}")
            };
            assert_eq!(
                (router.own_address, peer.source),
                (ip("10.77.0.1"), ip(FAR_ADDRESS))
            );
            peer.age
        };
        let before = age();
        thread::sleep(Duration::from_millis(30));
        assert!(age() >= before + Duration::from_millis(30));
        // Silence, then oblivion.
        assert_eq!(
            loaded
                .tables
                .prune_peers(clock::now(), Duration::from_mins(1))
                .expect("prunes"),
            0
        );
        assert_eq!(
            loaded
                .tables
                .prune_peers(clock::now(), Duration::from_millis(10))
                .expect("prunes"),
            1
        );
        assert_eq!(loaded.tables.peer(&key).expect("reads"), None);
        loaded.dataplane.teardown().expect("tears down");
    });
}

#[test]
fn vips_are_reconciled_by_difference_also_after_a_restart() {
    in_own_netns(|world| {
        let near = 4711;
        let mut loaded = world.load(Variant::Newest);
        let (a, b) = (
            vip(near, "10.77.0.100", false),
            vip(near, "2001:db8::1", true),
        );
        let changes = |written, removed| VipChanges { written, removed };
        assert_eq!(
            loaded
                .tables
                .set_vips(&[a.clone(), b.clone()])
                .expect("written"),
            changes(2, 0)
        );
        assert_eq!(
            loaded
                .tables
                .set_vips(&[b.clone(), a.clone()])
                .expect("written"),
            changes(0, 0)
        );
        let in_stack = VipRecord {
            in_stack: true,
            ..a
        };
        assert_eq!(
            loaded
                .tables
                .set_vips(&[in_stack.clone(), b])
                .expect("written"),
            changes(1, 0)
        );
        drop(loaded);
        let mut loaded = world.load(Variant::Newest);
        assert_eq!(
            loaded.tables.set_vips(&[in_stack]).expect("written"),
            changes(0, 1)
        );
        let seen = Reader::open(&world.instance)
            .expect("opens")
            .snapshot()
            .expect("reads")
            .vips;
        let [seen] = seen.as_slice() else {
            panic!("{seen:?}")
        };
        assert_eq!(
            (seen.ifindex, seen.address, seen.in_stack, seen.open),
            (near, ip("10.77.0.100"), true, false)
        );
        assert_eq!((seen.vip.gate, seen.vip.mac), (GATE.0, [2, 0, 0, 0, 0, 1]));
        loaded.dataplane.teardown().expect("tears down");
    });
}

#[test]
fn routers_move_and_take_their_unicast_peers_along() {
    in_own_netns(|world| {
        let mut loaded = world.load(Variant::Newest);
        let peer = |address: &str| UnicastPeer {
            address: ip(address),
            min_ttl: 1,
            max_ttl: 255,
        };
        let with = |ifindex, peers: &[&str]| RouterRecord {
            unicast_peers: peers.iter().map(|address| peer(address)).collect(),
            ..record(ifindex, 7)
        };
        let unicast = || entries(world.pin_dir().join(name::SOURCES).to_str().expect("utf-8"));
        let routers = |instance| -> Vec<u32> {
            let snapshot = Reader::open(instance)
                .expect("opens")
                .snapshot()
                .expect("reads");
            snapshot
                .routers
                .iter()
                .map(|router| router.key.ifindex)
                .collect()
        };
        loaded
            .tables
            .set_router(VrId(0), Some(&with(10, &["10.0.0.1", "10.0.0.2"])))
            .expect("written");
        assert_eq!((routers(&world.instance), unicast()), (vec![10], 2));
        loaded
            .tables
            .set_router(VrId(0), Some(&with(10, &["10.0.0.2"])))
            .expect("written");
        assert_eq!(unicast(), 1);
        loaded
            .tables
            .set_router(VrId(0), Some(&with(11, &["10.0.0.2"])))
            .expect("moved");
        assert_eq!((routers(&world.instance), unicast()), (vec![11], 1));
        // Two instances that swap keys.
        loaded
            .tables
            .set_router(VrId(1), Some(&with(12, &[])))
            .expect("written");
        loaded
            .tables
            .set_router(VrId(0), Some(&with(12, &[])))
            .expect("swapped");
        loaded
            .tables
            .set_router(VrId(1), Some(&with(11, &[])))
            .expect("swapped");
        assert_eq!(routers(&world.instance), [11, 12]);
        loaded.tables.set_router(VrId(1), None).expect("removed");
        assert_eq!((routers(&world.instance), unicast()), (vec![12], 0));
        // What a predecessor wrote and nobody claims.
        drop(loaded);
        let mut loaded = world.load(Variant::Newest);
        assert_eq!(loaded.tables.remove_unknown_routers().expect("removes"), 1);
        assert_eq!(routers(&world.instance), [0_u32; 0]);
        loaded.dataplane.teardown().expect("tears down");
    });
}

#[test]
fn a_pinned_map_of_another_shape_is_made_anew() {
    in_own_netns(|world| {
        let mut loaded = world.load(Variant::Newest);
        loaded
            .tables
            .set_vips(&[vip(1, "10.77.0.100", true)])
            .expect("written");
        drop(loaded);
        let pin = world.pin_dir().join(name::PEERS);
        std::fs::remove_file(&pin).expect("unpinned");
        run(&format!(
            "bpftool map create {} type hash key 28 value 41 entries 16384 name xvl",
            pin.display()
        ));
        let loaded = world.load(Variant::Newest);
        assert!(
            loaded
                .notes
                .iter()
                .any(|note| note.contains(name::PEERS) && note.contains("not ours")),
            "{:?}",
            loaded.notes
        );
        assert_eq!(loaded.tables.peers().expect("reads"), []);
        assert_eq!(
            Reader::open(&world.instance)
                .expect("opens")
                .snapshot()
                .expect("reads")
                .vips,
            []
        );
        loaded.dataplane.teardown().expect("tears down");
    });
}

#[test]
fn a_reader_cannot_write() {
    in_own_netns(|world| {
        let loaded = world.load(Variant::Newest);
        let unknown = vrrp_user::shell::bpf::Instance::parse("1-xvlnobody").expect("a name");
        let error = Reader::open(&unknown).err().expect("nobody").to_string();
        assert!(error.contains("is it running"), "{error}");
        let reader = Reader::open(&world.instance).expect("opens");
        assert_eq!(reader.instance(), &world.instance);
        assert_eq!(reader.pid(), None, "nobody holds the pid file");
        loaded.dataplane.teardown().expect("tears down");
        // Open maps outlive their pins.
        assert!(reader.snapshot().is_ok());
    });
}

fn entries(pin: &str) -> usize {
    let dump = output(&format!("bpftool -j map dump pinned {pin}"));
    dump.matches("\"formatted\"").count()
}
