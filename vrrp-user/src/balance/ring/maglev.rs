//! maglev: the published algorithm over 65537 slots, with weights; ours.
//!
//! Finer than `mh`, and the order of servers does not matter: what counts is address,
//! port and weight. A server that goes or is drained leaves its slots to the others, and
//! few others move.

use super::{Place, siphash::siphash_13};
use core::net::IpAddr;

/// A prime.
pub(super) const SLOTS: u32 = 65_537;
/// The same on every director, for ever: another would move every client.
const OFFSET_KEY: [u64; 2] = [0x7876_7272_7064_2d6f, 0x6d61_676c_6576_0001];
const SKIP_KEY: [u64; 2] = [0x7876_7272_7064_2d73, 0x6d61_676c_6576_0002];

struct Walker {
    id: u16,
    weight: u64,
    /// It has a turn in each round that is not earlier, in units of the greatest weight.
    due: u64,
    at: u32,
    skip: u32,
}

/// Round after round, each server that is due takes the next free slot on its own walk
/// through the table. The greatest weight is due in every round, half of it in every
/// second.
pub(super) fn ring(places: &[Place]) -> Vec<u16> {
    let mut sorted: Vec<&Place> = places.iter().filter(|place| place.weight > 0).collect();
    sorted.sort_by_key(|place| (place.address, place.port));
    let mut walkers: Vec<Walker> = sorted.into_iter().map(walker).collect();
    let Some(greatest) = walkers.iter().map(|walker| walker.weight).max() else {
        return Vec::new();
    };

    let mut table = vec![0; SLOTS as usize];
    let mut free = SLOTS;
    for round in 1.. {
        for walker in &mut walkers {
            if round * walker.weight < walker.due {
                continue;
            }
            walker.due += greatest;
            while table[walker.at as usize] != 0 {
                walker.at = (walker.at + walker.skip) % SLOTS;
            }
            table[walker.at as usize] = walker.id;
            free -= 1;
            if free == 0 {
                return table;
            }
        }
    }
    table
}

fn walker(place: &Place) -> Walker {
    let address = match place.address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    };
    #[expect(clippy::cast_possible_truncation, reason = "halves")]
    let words = [
        (address >> 64) as u64,
        address as u64,
        u64::from(place.port),
    ];
    let below =
        |key, limit: u32| u32::try_from(siphash_13(&words, key) % u64::from(limit)).unwrap_or(0);
    Walker {
        id: place.id,
        weight: u64::from(place.weight),
        due: 0,
        at: below(OFFSET_KEY, SLOTS),
        skip: below(SKIP_KEY, SLOTS - 1) + 1,
    }
}
