//! mh: Maglev as IPVS has it, over 4093 slots.
//!
//! A server that is drained keeps its slots, so that draining it moves nobody else's
//! clients: those who hash to it find nobody, or with `mh-fallback` the next.

use super::{Place, common_divisor, siphash::hsiphash_u32};
use core::net::IpAddr;

/// IPVS's table, as Linux is configured unless somebody chose otherwise
/// (`CONFIG_IP_VS_MH_TAB_INDEX` 12).
const SLOTS: u32 = 4093;
const INDEX: u32 = 12;
pub(super) const OFFSET_KEY: [u64; 2] = [2_654_435_761; 2];
const SKIP_KEY: [u64; 2] = [2_654_446_892; 2];

struct Walker {
    id: u16,
    /// Slots it takes in a round.
    turns: u32,
    at: u32,
    skip: u32,
}

/// Round after round, each server takes as many slots as it has turns: the next free ones
/// on its own walk through the table.
pub(super) fn ring(places: &[Place]) -> Vec<u16> {
    let weights = || places.iter().map(|place| place.last_weight);
    let divisor = common_divisor(weights());
    if divisor == 0 {
        return Vec::new();
    }
    let shift = shift(weights().max().unwrap_or(0) / divisor);
    let mut walkers: Vec<Walker> = places
        .iter()
        .map(|place| walker(place, divisor, shift))
        .collect();

    let mut table = vec![0; SLOTS as usize];
    let mut free = SLOTS;
    loop {
        for walker in &mut walkers {
            for _ in 0..walker.turns {
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
    }
}

fn walker(place: &Place, divisor: u32, shift: u32) -> Walker {
    let weight = place.last_weight;
    let word = folded(place.address).wrapping_add(u32::from(place.port));
    Walker {
        id: place.id,
        turns: ((weight / divisor) >> shift).max(u32::from(weight != 0)),
        at: hsiphash_u32(word, OFFSET_KEY) % SLOTS,
        skip: hsiphash_u32(word, SKIP_KEY) % (SLOTS - 1) + 1,
    }
}

/// Weights so great that a round would be a large part of the table count less finely.
fn shift(greatest: u32) -> u32 {
    (u32::BITS - greatest.leading_zeros()).saturating_sub(INDEX / 2)
}

/// The words of an address, one upon the other.
fn folded(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(address) => address.to_bits(),
        IpAddr::V6(address) => {
            let bits = address.to_bits().to_be_bytes();
            bits.chunks_exact(4)
                .map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
                .fold(0, |a, b| a ^ b)
        }
    }
}
