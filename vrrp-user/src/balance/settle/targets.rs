//! What there has to be a record for, and which there is already.

use super::{Identity, Plan, Record, Settling};
use crate::balance::{Action, pool::Pool, record};
use std::collections::{BTreeMap, BTreeSet};
use vrrp_common::balance::{NO_GATE, ServiceKey};

/// A service behind a gate, as it must be.
pub(super) struct Target<'a> {
    pub(super) pool: &'a Pool,
    /// The first of its service: the one that the log tells of.
    pub(super) first: bool,
    pub(super) gate: u32,
    pub(super) keys: BTreeSet<ServiceKey>,
}

/// Each service, once for each gate.
pub(super) fn targets<'a>(wanted: &Settling<'a>) -> Vec<Target<'a>> {
    let mut targets = Vec::new();
    for pool in wanted.pools {
        let mut by_gate: BTreeMap<u32, BTreeSet<ServiceKey>> = BTreeMap::new();
        for (address, key) in record::keys(&pool.service) {
            let gate = wanted.gates.get(&address).copied().unwrap_or(NO_GATE);
            by_gate.entry(gate).or_default().insert(key);
        }
        for (at, (gate, keys)) in by_gate.into_iter().enumerate() {
            targets.push(Target {
                pool,
                first: at == 0,
                gate,
                keys,
            });
        }
    }
    targets
}

/// Which record each target has already: the one behind its gate, or one of the same
/// name, or one with the same keys. And those that nobody wants.
pub(super) fn match_records(
    records: Vec<Record>,
    targets: &[Target<'_>],
) -> (Vec<Option<Record>>, Vec<Record>) {
    type Rule = fn(&Record, &Target<'_>) -> bool;
    const RULES: [Rule; 4] = [
        |record, target| {
            record.name == target.pool.service.name && record.written.gate == target.gate
        },
        |record, target| {
            record.name == target.pool.service.name && !record.keys.is_disjoint(&target.keys)
        },
        |record, target| record.name == target.pool.service.name,
        |record, target| record.keys == target.keys,
    ];
    let mut left: Vec<Option<Record>> = records.into_iter().map(Some).collect();
    let mut matched: Vec<Option<Record>> = targets.iter().map(|_| None).collect();
    for rule in RULES {
        for (target, slot) in targets.iter().zip(&mut matched) {
            if slot.is_none() {
                *slot = left
                    .iter_mut()
                    .find(|it| it.as_ref().is_some_and(|record| rule(record, target)))
                    .and_then(Option::take);
            }
        }
    }
    (matched, left.into_iter().flatten().collect())
}

/// Who came to a service that was there, and who went.
pub(super) fn tell_changed(old: &Record, new: &Record, pool: &Pool, plan: &mut Plan) {
    let has = |record: &Record, it: &Identity| record.servers.iter().any(|(has, _)| has == it);
    let name = &pool.service.name;
    for (identity, _) in &old.servers {
        if !has(new, identity) {
            plan.log.push(Action::Log(format!(
                "Removing service {} from VS {name}",
                record::spoken(identity.address, identity.port, pool),
            )));
        }
    }
    for (identity, _) in &new.servers {
        if !has(old, identity) {
            plan.log.push(Action::Log(format!(
                "Adding service {} to VS {name}",
                record::spoken(identity.address, identity.port, pool),
            )));
        }
    }
}
