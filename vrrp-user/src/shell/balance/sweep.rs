//! Walks the connections: forgets those whose time is over, counts the others, and sets
//! the programs' numbers right.
//!
//! The programs count connections as they come and change state. What the table's LRU
//! throws out they do not notice, so the numbers would only ever drift upwards. A pass
//! counts what is there. While it does, connections come and go: a difference is set
//! right as far as it is more than what may have happened meanwhile.

use crate::shell::bpf::balance::{Cursor, LoadWord, Records};
use anyhow::Result;
use std::collections::BTreeMap;
use vrrp_common::balance::{
    CONNECTION_ACTIVE, CONNECTION_UNCOUNTED, Connection, FlowKey, Load, METHOD_NAT, Rules, STATES,
    Server, Sticky, StickyKey,
};

/// Entries in one system call.
const AT_ONCE: usize = 1024;
/// Entries of one slice; then others have their turn.
const SLICE: usize = 8 * AT_ONCE;
const NS_PER_S: u64 = 1_000_000_000;

/// Where a pass is.
enum Stage {
    Connections(Cursor),
    Returns(Cursor),
    Sticky(Cursor),
}

/// One walk through all of it.
pub(super) struct Pass {
    stage: Stage,
    servers: BTreeMap<u32, Tally>,
    forgotten: u64,
    seen: u64,
}

/// A server's, as counted and as things were when the counting began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    counted: Load,
    before: Load,
    scheduled_before: u64,
    forgotten: i64,
}

/// What a pass has found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// How many connections servers have; those that have none are not here.
    pub(super) counted: BTreeMap<u32, Load>,
    /// Forgotten because their time was over.
    pub(super) forgotten: u64,
    /// Connections there are.
    pub(super) seen: u64,
}

impl Pass {
    /// At the beginning. `servers` are those that may have connections.
    pub(super) fn new(records: &Records, servers: impl IntoIterator<Item = u32>) -> Result<Self> {
        let mut tallies = BTreeMap::new();
        for id in servers {
            let tally = Tally {
                before: records.load(id),
                scheduled_before: records.traffic(id)?.connections,
                ..Tally::default()
            };
            tallies.insert(id, tally);
        }
        Ok(Self {
            stage: Stage::Connections(Cursor::new(AT_ONCE)),
            servers: tallies,
            forgotten: 0,
            seen: 0,
        })
    }

    /// A slice of it; what was found once it is over. `now_ns` is `CLOCK_MONOTONIC`.
    pub(super) fn go_on(&mut self, records: &mut Records, now_ns: u64) -> Result<Option<Found>> {
        let rules = records.rules();
        for _ in 0..SLICE / AT_ONCE {
            match &mut self.stage {
                Stage::Connections(cursor) => {
                    let some = records.connections(cursor)?;
                    let over = cursor.is_at_end();
                    for (key, connection) in some {
                        self.look(records, &rules, &key, &connection, now_ns)?;
                    }
                    if over {
                        self.stage = Stage::Returns(Cursor::new(AT_ONCE));
                    }
                }
                Stage::Returns(cursor) => {
                    let some = records.returns(cursor)?;
                    let over = cursor.is_at_end();
                    for (key, forward) in some {
                        if records.connection(&forward).is_none() {
                            records.forget_return(&key)?;
                        }
                    }
                    if over {
                        self.stage = Stage::Sticky(Cursor::new(AT_ONCE));
                    }
                }
                Stage::Sticky(cursor) => {
                    let some = records.sticky(cursor)?;
                    let over = cursor.is_at_end();
                    for (key, sticky) in some {
                        self.look_at_sticky(records, &key, &sticky, now_ns)?;
                    }
                    if over {
                        return self.set_right(records).map(Some);
                    }
                }
            }
        }
        Ok(None)
    }

    fn look(
        &mut self,
        records: &mut Records,
        rules: &Rules,
        key: &FlowKey,
        connection: &Connection,
        now_ns: u64,
    ) -> Result<()> {
        let id = u32::from(connection.server);
        if !is_over(connection, rules, now_ns) {
            self.seen += 1;
            if counts(connection, &records.server(id)) {
                let counted = &mut self.servers.entry(id).or_default().counted;
                *word_of(counted, word(connection)) += 1;
            }
            return Ok(());
        }
        // It may have had a packet since it was read.
        let Some(connection) = records.connection(key) else {
            return Ok(());
        };
        if !is_over(&connection, rules, now_ns) {
            return Ok(());
        }
        records.forget(key)?;
        self.forgotten += 1;
        let server = records.server(id);
        if let Some(back) =
            way_back(key, &server).filter(|_| server.generation == connection.generation)
        {
            records.forget_return(&back)?;
        }
        if counts(&connection, &server) {
            self.servers.entry(id).or_default().forgotten += 1;
            records.add_load(id, word(&connection), -1);
        }
        Ok(())
    }

    fn look_at_sticky(
        &mut self,
        records: &mut Records,
        key: &StickyKey,
        sticky: &Sticky,
        now_ns: u64,
    ) -> Result<()> {
        let service = records.service(key.service);
        let limit_ns = u64::from(service.sticky_s) * NS_PER_S;
        let is_over = |it: &Sticky| {
            service.generation != key.generation || now_ns.saturating_sub(it.last_ns) > limit_ns
        };
        let is_its = records.server(sticky.server).generation == sticky.generation;
        if !is_over(sticky) {
            if is_its {
                let tally = self.servers.entry(sticky.server).or_default();
                tally.counted.sticky += 1;
            }
            return Ok(());
        }
        if records.sticky_of(key).is_some_and(|it| is_over(&it)) {
            records.forget_sticky(key)?;
            self.forgotten += 1;
            if is_its {
                self.servers.entry(sticky.server).or_default().forgotten += 1;
                records.add_load(sticky.server, LoadWord::Sticky, -1);
            }
        }
        Ok(())
    }

    fn set_right(&mut self, records: &Records) -> Result<Found> {
        let mut found = Found {
            forgotten: self.forgotten,
            seen: self.seen,
            ..Found::default()
        };
        for (&id, tally) in &self.servers {
            let after = records.load(id);
            let scheduled = records.traffic(id)?.connections;
            let scheduled = scheduled.saturating_sub(tally.scheduled_before);
            let meanwhile = i64::try_from(scheduled)
                .unwrap_or(i64::MAX)
                .saturating_add(tally.forgotten);
            for word in [LoadWord::Active, LoadWord::Inactive, LoadWord::Sticky] {
                let [counted, before, after] =
                    [tally.counted, tally.before, after].map(|mut load| *word_of(&mut load, word));
                records.add_load(id, word, correction(counted, before, after, meanwhile));
            }
            relieve(records, id)?;
            let counted = tally.counted;
            if counted.active + counted.inactive + counted.sticky > 0 {
                found.counted.insert(id, counted);
            }
        }
        Ok(found)
    }
}

/// What is to be added to a number that was `before` when the counting began and is
/// `after` now, for it to be `counted`, if up to `meanwhile` connections came and went.
fn correction(counted: i64, before: i64, after: i64, meanwhile: i64) -> i64 {
    let slack = meanwhile.saturating_add((after - before).abs());
    let off = counted - after;
    if off > 0 {
        (off - slack).max(0)
    } else {
        (off + slack).min(0)
    }
}

/// As IPVS: below `lower`, or below three quarters of `upper`.
fn relieve(records: &Records, id: u32) -> Result<()> {
    let load = records.load(id);
    if load.overloaded == 0 {
        return Ok(());
    }
    let server = records.server(id);
    let connections = load.active + load.inactive;
    let below = match (server.upper, server.lower) {
        (0, _) => true,
        (upper, 0) => connections * 4 < i64::from(upper) * 3,
        (_, lower) => connections < i64::from(lower),
    };
    if below {
        records.relieve(id)?;
    }
    Ok(())
}

/// It is among what its server's numbers are of: not another's that had the id before.
const fn counts(connection: &Connection, server: &Server) -> bool {
    connection.flags & CONNECTION_UNCOUNTED == 0 && connection.generation == server.generation
}

fn word(connection: &Connection) -> LoadWord {
    if connection.flags & CONNECTION_ACTIVE == 0 {
        LoadWord::Inactive
    } else {
        LoadWord::Active
    }
}

fn word_of(load: &mut Load, word: LoadWord) -> &mut i64 {
    match word {
        LoadWord::Active => &mut load.active,
        LoadWord::Inactive => &mut load.inactive,
        LoadWord::Sticky => &mut load.sticky,
    }
}

/// How long a connection has left, seconds; 0: its time is over.
pub(super) fn left_s(connection: &Connection, timeout_s: &[u32; STATES], now_ns: u64) -> u64 {
    let limit = timeout_s.get(usize::from(connection.state)).copied();
    let limit_ns = u64::from(limit.unwrap_or(0)) * NS_PER_S;
    let idle_ns = now_ns.saturating_sub(connection.last_ns);
    limit_ns.saturating_sub(idle_ns).div_ceil(NS_PER_S)
}

fn is_over(connection: &Connection, rules: &Rules, now_ns: u64) -> bool {
    left_s(connection, &rules.timeout_s, now_ns) == 0
}

/// The key of what comes back from a server of NAT.
fn way_back(key: &FlowKey, server: &Server) -> Option<FlowKey> {
    (server.method == METHOD_NAT).then_some(FlowKey {
        source: server.address,
        destination: key.source,
        source_port: server.port,
        destination_port: key.source_port,
        ..*key
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_common::balance::state;

    #[test]
    fn a_difference_is_set_right_as_far_as_nothing_explains_it() {
        for (counted, before, after, meanwhile, want) in [
            // Nothing happened: exactly.
            (10, 12, 12, 0, -2),
            (12, 10, 10, 0, 2),
            (0, -3, -3, 0, 3),
            // Five came: the count may have missed them.
            (10, 10, 15, 5, 0),
            (10, 40, 45, 5, -25),
            // One came, another went.
            (10, 11, 11, 2, 0),
            (10, 9, 9, 2, 0),
        ] {
            let got = correction(counted, before, after, meanwhile);
            assert_eq!(got, want, "{counted} {before} {after} {meanwhile}");
        }
    }

    #[test]
    fn a_connection_lives_as_long_as_its_state_says() {
        let mut timeout_s = [0; STATES];
        timeout_s[usize::from(state::ESTABLISHED)] = 900;
        timeout_s[usize::from(state::UDP)] = 300;
        let of = |state, last_s: u64| Connection {
            last_ns: last_s * NS_PER_S,
            state,
            ..Connection::default()
        };
        let now = 1000 * NS_PER_S;
        for (connection, want) in [
            (of(state::ESTABLISHED, 1000), 900),
            (of(state::ESTABLISHED, 101), 1),
            (of(state::ESTABLISHED, 100), 0),
            (of(state::UDP, 1000), 300),
            (of(state::UDP, 699), 0),
            // Stamped by another CPU after the clock was read.
            (of(state::UDP, 1001), 300),
            (of(99, 1000), 0),
        ] {
            assert_eq!(left_s(&connection, &timeout_s, now), want, "{connection:?}");
        }
    }

    #[test]
    fn a_server_is_not_charged_with_what_another_had_before_it() {
        let server = Server {
            generation: 7,
            ..Server::default()
        };
        let of = |generation, flags| Connection {
            generation,
            flags,
            ..Connection::default()
        };
        assert!(counts(&of(7, CONNECTION_ACTIVE), &server));
        assert!(!counts(&of(6, CONNECTION_ACTIVE), &server));
        assert!(!counts(&of(7, CONNECTION_UNCOUNTED), &server));
    }

    #[test]
    fn what_comes_back_from_a_server_has_its_address_and_port() {
        let key = FlowKey {
            source: [1; 16],
            destination: [2; 16],
            source_port: 1111,
            destination_port: 80,
            protocol: 6,
            family: 4,
            pad: 0,
        };
        let server = Server {
            address: [3; 16],
            port: 8080,
            method: METHOD_NAT,
            ..Server::default()
        };
        let want = FlowKey {
            source: [3; 16],
            destination: [1; 16],
            source_port: 8080,
            destination_port: 1111,
            ..key
        };
        assert_eq!(way_back(&key, &server), Some(want));
        assert_eq!(
            way_back(
                &key,
                &Server {
                    method: 0,
                    ..server
                }
            ),
            None
        );
    }
}
