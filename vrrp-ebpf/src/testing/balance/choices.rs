//! The schedulers, against plain models of what they are to do.
#![cfg(test)]

use super::{
    Shop,
    scene::{Scene, WEB},
};
use crate::{
    balance::{hash, ledger::Ledger, schedule::choose, seen::Seen},
    testing::{address, ip},
};
use proptest::prelude::*;
use vrrp_common::balance::{Load, SERVICE_FALLBACK, SERVICE_HASH_PORT, Service, scheduler};

/// One server: weight, active and inactive connections, and whether it has too many.
type One = (u32, i64, i64, bool);

fn shop(algorithm: u8, servers: &[One]) -> Shop {
    let mut scene = Scene::default();
    let weighted = (1..).zip(servers).map(|(id, one)| (id, one.0));
    scene.serve(WEB, algorithm, weighted);
    for (id, (_, active, inactive, overloaded)) in (1..).zip(servers) {
        *scene.load(id) = Load {
            active: *active,
            inactive: *inactive,
            sticky: 0,
            overloaded: u64::from(*overloaded),
        };
        scene.server(id).upper = 1;
    }
    Shop::of(&scene)
}

fn chosen(shop: &Shop, flags: u32, seen: &Seen) -> u32 {
    let service = shop.service(WEB).expect("it is there");
    let service = Service {
        flags: service.flags | flags,
        ..service
    };
    choose(shop, &service, WEB, seen)
}

/// The first for which `better(it, another)` holds against all before it, and that no
/// later one beats.
fn best(servers: &[One], takes: impl Fn(&One) -> bool, key: impl Fn(&One) -> (u128, u128)) -> u32 {
    let mut best: Option<(u32, (u128, u128))> = None;
    for (id, one) in (1..).zip(servers) {
        if one.0 == 0 || one.3 || !takes(one) {
            continue;
        }
        let (load, weight) = key(one);
        // As fractions.
        if best.is_none_or(|(_, (least, of))| load * of < least * weight) {
            best = Some((id, (load, weight)));
        }
    }
    best.map_or(0, |(id, _)| id)
}

fn servers() -> impl Strategy<Value = Vec<One>> {
    prop::collection::vec(
        (0..5_u32, 0..6_i64, 0..600_i64, prop::bool::weighted(0.2)),
        1..=64,
    )
}

fn number(value: i64) -> u128 {
    u128::try_from(value).expect("not negative")
}

fn from(client: &str, port: u16) -> Seen {
    let mut seen = Seen::default();
    seen.flow.source = address(ip(client));
    seen.flow.destination = address(ip("10.9.0.80"));
    seen.flow.source_port = port;
    seen
}

proptest! {
    #[test]
    fn those_that_compare(servers in servers()) {
        let any = |_: &One| true;
        let overhead = |one: &One| number(one.1) * 256 + number(one.2);
        let weight = |one: &One| u128::from(one.0);
        let delay = |one: &One| number(one.1) + 1;
        let idle = (1..).zip(&servers).find(|(_, one)| one.0 > 0 && !one.3 && one.1 == 0);
        let shortest = best(&servers, any, |one| (delay(one), weight(one)));
        for (algorithm, want) in [
            (scheduler::LC, best(&servers, any, |one| (overhead(one), 1))),
            (scheduler::WLC, best(&servers, any, |one| (overhead(one), weight(one)))),
            (scheduler::LBLC, best(&servers, any, |one| (overhead(one), weight(one)))),
            (scheduler::SED, shortest),
            (scheduler::NQ, idle.map_or(shortest, |(id, _)| id)),
            (scheduler::FO, best(&servers, any, |one| (1, weight(one)))),
            (
                scheduler::OVF,
                best(&servers, |one| one.1 <= i64::from(one.0), |one| (1, weight(one))),
            ),
        ] {
            let shop = shop(algorithm, &servers);
            prop_assert_eq!(chosen(&shop, 0, &Seen::default()), want, "{}", algorithm);
        }
    }

    /// Those that take nobody are passed over, and the others get as many each as if
    /// these were not there.
    #[test]
    fn those_that_take_turns(servers in servers(), rounds in 1..4_usize) {
        let shop = shop(scheduler::RR, &servers);
        let taking: Vec<u32> = (1..)
            .zip(&servers)
            .filter(|(_, one)| one.0 > 0 && !one.3)
            .map(|(id, _)| id)
            .collect();
        for _ in 0..rounds {
            for want in &taking {
                prop_assert_eq!(chosen(&shop, 0, &Seen::default()), *want);
            }
        }
        if taking.is_empty() {
            prop_assert_eq!(chosen(&shop, 0, &Seen::default()), 0);
        }
    }

    /// Whoever is chosen takes connections, and somebody is chosen if anybody does.
    #[test]
    fn of_two_whoever_takes(servers in servers()) {
        let shop = shop(scheduler::TWOS, &servers);
        let taking = servers.iter().filter(|one| one.0 > 0 && !one.3).count();
        let id = chosen(&shop, 0, &Seen::default());
        if id != 0 {
            let one = servers[id as usize - 1];
            prop_assert!(one.0 > 0 && !one.3);
        }
        // Looks may all miss; with a quarter taking, not in 256.
        if taking * 4 >= servers.len() {
            prop_assert_ne!(id, 0);
        }
    }

    #[test]
    fn by_hash(host: u8, port: u16, down in 1..=8_u32, with_port: bool) {
        let mut scene = Scene::default();
        let ring: Vec<u16> = (0..256).map(|slot| slot % 8 + 1).collect();
        let weighted = (1..=8).map(|id| (id, u32::from(id != down)));
        scene.serve(WEB, scheduler::SH, weighted);
        scene.ring(WEB, scheduler::SH, ring.clone());
        let shop = Shop::of(&scene);
        let client = format!("192.0.2.{host}");
        let seen = from(&client, port);
        let flags = if with_port { SERVICE_HASH_PORT } else { 0 };
        let counted = if with_port { port } else { 0 };
        let slot = hash::table(seen.flow.source, counted, 0);
        let server = u32::from(ring[slot as usize]);
        let plain = chosen(&shop, flags, &seen);
        prop_assert_eq!(plain, if server == down { 0 } else { server });
        let on = chosen(&shop, flags | SERVICE_FALLBACK, &seen);
        prop_assert!(on != 0 && on != down);
        if server != down {
            prop_assert_eq!(on, server);
        }
    }
}

#[test]
fn destinations_hash_alike_for_every_client() {
    let mut scene = Scene::default();
    scene.serve(WEB, scheduler::DH, (1..=8).map(|id| (id, 1)));
    scene.ring(WEB, scheduler::DH, (0..256).map(|slot| slot % 8 + 1));
    let shop = Shop::of(&scene);
    let one = chosen(&shop, 0, &from("192.0.2.1", 1));
    assert_eq!(chosen(&shop, 0, &from("192.0.2.200", 2)), one);
}

/// More than a page, and the last slot of all.
#[test]
fn rings_lie_over_several_pages() {
    for algorithm in [scheduler::MH, scheduler::MAGLEV] {
        let mut scene = Scene::default();
        scene.serve(WEB, algorithm, (1..=3).map(|id| (id, 1)));
        scene.ring(WEB, algorithm, (0..4093).map(|slot| slot % 3 + 1));
        let shop = Shop::of(&scene);
        let mut counts = [0; 4];
        for host in 0..=255 {
            let seen = from(&format!("192.0.2.{host}"), 0);
            counts[chosen(&shop, 0, &seen) as usize] += 1;
        }
        assert_eq!(counts[0], 0, "{algorithm}");
        assert!(counts[1..].iter().all(|count| *count > 50), "{counts:?}");
    }
}

/// Of more than are compared: a better one of two.
#[test]
fn more_than_are_compared() {
    let servers: Vec<One> = (0..100)
        .map(|id| (1, i64::from(id % 2) * 10, 0, false))
        .collect();
    let shop = shop(scheduler::WLC, &servers);
    let busy = (0..1000).filter(|_| chosen(&shop, 0, &Seen::default()).is_multiple_of(2));
    // Both of two are busy one time in four.
    let busy = busy.count();
    assert!((150..350).contains(&busy), "{busy}");
}

#[test]
fn an_empty_ring_has_nobody() {
    for algorithm in scheduler::RR..=scheduler::MAGLEV {
        let mut scene = Scene::default();
        scene.ring(WEB, algorithm, Vec::new());
        let shop = Shop::of(&scene);
        assert_eq!(chosen(&shop, 0, &Seen::default()), 0, "{algorithm}");
    }
}
