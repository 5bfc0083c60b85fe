//! Is this address ours right now, and who takes it from us?

use crate::{address::Address, tables::Tables};
use vrrp_common::{
    counter::Cause,
    gate::{LEASE_OBSERVE, LEASE_OFF},
    maps::VirtualRouter,
    wire::PRIORITY_RESIGN,
};

/// What a gate makes of a packet that only an open one is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It is open.
    Open,
    /// It is shut and lets it through all the same: `lease observe`, `lease off`.
    Unfenced,
    /// It is shut.
    Shut,
}

/// Asks a gate, and counts what is, or would have been, dropped as `cause`.
#[inline(always)]
pub fn ask<T: Tables>(tables: &T, gate: u32, cause: Cause) -> Passage {
    // One that does not exist is shut, and fences.
    let gate = tables.gate(gate).unwrap_or_default();
    // The clock after the gate: if the program was held up in between, the later
    // time can only shut it.
    if gate.is_open(tables.now_ns()) {
        return Passage::Open;
    }
    match gate.mode {
        LEASE_OBSERVE => {
            if let Some(observed) = cause.observed() {
                tables.count(observed);
            }
            Passage::Unfenced
        }
        LEASE_OFF => Passage::Unfenced,
        _ => {
            tables.count(cause);
            Passage::Shut
        }
    }
}

/// The gate is open, whatever a shut one does. A gate that does not exist is shut.
#[inline(always)]
pub fn is_open<T: Tables>(tables: &T, gate: u32) -> bool {
    // The clock after the gate, as above.
    tables
        .gate(gate)
        .is_some_and(|gate| gate.is_open(tables.now_ns()))
}

/// An advert of ours with a priority other than 0 may leave.
#[inline(always)]
pub fn may_advertise<T: Tables>(tables: &T, gate: u32) -> bool {
    tables
        .gate(gate)
        .is_some_and(|gate| gate.may_advertise(tables.now_ns()))
}

/// An accepted advert beats our claim: a higher priority, or the same one from a
/// greater address (§6.4.3). That holds between two address owners as well. One
/// that resigns beats nobody.
#[inline(always)]
#[must_use]
pub fn is_beaten(ours: &VirtualRouter, priority: u8, source: Address) -> bool {
    priority != PRIORITY_RESIGN
        && (priority > ours.priority
            || (priority == ours.priority
                && source.is_greater_than(Address::from_octets(&ours.own_address))))
}

/// What an accepted advert meets at our gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encounter {
    /// Epoch of our claim; 0 where none stands.
    pub epoch: u64,
    /// The advert beat it, and the gate is shut now.
    pub revoked: bool,
    /// What was left of the lease when it was revoked.
    pub left_ns: u64,
}

/// Shuts the gate if our claim stands and the advert wins (V5).
///
/// The epoch is read once, and it is that epoch which is revoked. A claim that
/// starts meanwhile has a greater one and stays untouched: the advert came
/// before it. Nor is such an advert missed: its stamp is in `XVRRP_PEERS` before
/// the epoch is read here (see [`Tables::stamp`]), and the claim's epoch is in
/// the gate before the claimant looks at the stamps once more, which it does
/// before it opens. One of the two sees the other.
#[inline(always)]
pub fn meet<T: Tables>(
    tables: &T,
    ours: &VirtualRouter,
    priority: u8,
    source: Address,
    now_ns: u64,
) -> Encounter {
    let gate = tables.gate(ours.gate).unwrap_or_default();
    if !gate.is_claimed() {
        return Encounter::default();
    }
    let revoked = is_beaten(ours, priority, source);
    if revoked {
        tables.revoke(ours.gate, gate.epoch, now_ns, priority);
    }
    Encounter {
        epoch: gate.epoch,
        revoked,
        left_ns: if revoked {
            gate.lease_end_ns.saturating_sub(now_ns)
        } else {
            0
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Encounter, Passage, ask, is_beaten, is_open, meet};
    use crate::testing::{World, address};
    use vrrp_common::{
        counter::Cause,
        gate::{Gate, LEASE_ENFORCE, LEASE_OBSERVE, LEASE_OFF},
        maps::VirtualRouter,
    };

    fn ours(priority: u8) -> VirtualRouter {
        let own_address = address("10.0.0.2".parse().expect("an address")).octets();
        VirtualRouter {
            priority,
            own_address,
            gate: 1,
            ..VirtualRouter::default()
        }
    }

    #[test]
    fn who_wins() {
        for (ours_priority, priority, source, want) in [
            (100, 101, "10.0.0.1", true),
            (100, 99, "10.0.0.9", false),
            (100, 100, "10.0.0.3", true),
            (100, 100, "10.0.0.1", false),
            (100, 100, "10.0.0.2", false),
            (255, 255, "10.0.0.3", true),
            (255, 255, "10.0.0.1", false),
            (255, 254, "10.0.0.3", false),
            (1, 0, "10.0.0.3", false),
            (0, 0, "10.0.0.3", false),
            (100, 100, "9.255.255.255", false),
        ] {
            let source_address = address(source.parse().expect("an address"));
            assert_eq!(
                is_beaten(&ours(ours_priority), priority, source_address),
                want,
                "{priority} from {source} against {ours_priority}"
            );
        }
    }

    #[test]
    fn revokes_exactly_the_claim_it_met() {
        let world = World::new();
        world.set_gate(
            1,
            Gate {
                epoch: 7,
                lease_end_ns: u64::MAX,
                ..Gate::default()
            },
        );
        let source = address("10.0.0.3".parse().expect("an address"));
        assert_eq!(
            meet(&world, &ours(100), 99, source, 5),
            Encounter {
                epoch: 7,
                revoked: false,
                left_ns: 0
            }
        );
        assert!(is_open(&world, 1));
        assert_eq!(
            meet(&world, &ours(100), 200, source, 6),
            Encounter {
                epoch: 7,
                revoked: true,
                left_ns: u64::MAX - 6
            }
        );
        assert!(!is_open(&world, 1));
        let gate = world.gate_at(1);
        assert_eq!(
            (
                gate.revoked_epoch,
                gate.revoked_at_ns,
                gate.revoked_by_priority
            ),
            (7, 6, 200)
        );
        // No claim stands: nothing to revoke.
        assert_eq!(
            meet(&world, &ours(100), 200, source, 8),
            Encounter::default()
        );
        assert_eq!(world.gate_at(1).revoked_at_ns, 6);
    }

    #[test]
    fn a_gate_that_does_not_exist_is_shut() {
        assert!(!is_open(&World::new(), 9999));
        assert_eq!(
            ask(&World::new(), 9999, Cause::DropVipGateShut),
            Passage::Shut
        );
    }

    #[test]
    fn what_a_shut_gate_does_is_its_mode() {
        use Cause::{DropVipGateShut, ObserveVipGateShut};
        for (mode, open, want, counts) in [
            (LEASE_ENFORCE, false, Passage::Shut, &[DropVipGateShut][..]),
            (
                LEASE_OBSERVE,
                false,
                Passage::Unfenced,
                &[ObserveVipGateShut],
            ),
            (LEASE_OFF, false, Passage::Unfenced, &[]),
            (77, false, Passage::Shut, &[DropVipGateShut]),
            (LEASE_ENFORCE, true, Passage::Open, &[]),
            (LEASE_OBSERVE, true, Passage::Open, &[]),
            (LEASE_OFF, true, Passage::Open, &[]),
        ] {
            let world = World::new();
            let gate = Gate {
                epoch: u64::from(open),
                lease_end_ns: u64::MAX,
                mode,
                ..Gate::default()
            };
            world.set_gate(1, gate);
            assert_eq!(ask(&world, 1, DropVipGateShut), want, "{mode} {open}");
            assert_eq!(world.take_counts(), counts, "{mode} {open}");
        }
    }
}
