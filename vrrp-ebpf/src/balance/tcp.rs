//! TCP's states as a director sees them that is shown the client's packets only, which
//! is so with DR and TUN, and as one that is shown both sides' (NAT).
//!
//! The states and what leads from one to the next are IPVS's: counts, timeouts and
//! `lvs -c` show what operators know from it.

use vrrp_common::balance::state::{
    CLOSE, CLOSE_WAIT, ESTABLISHED, FIN_WAIT, LAST_ACK, LISTEN, NONE, SYN_RECV, SYN_SENT, SYNACK,
    TIME_WAIT,
};

/// Flag of a segment.
pub const FIN: u8 = 1 << 0;
/// Flag of a segment.
pub const SYN: u8 = 1 << 1;
/// Flag of a segment.
pub const RST: u8 = 1 << 2;
/// Flag of a segment.
pub const ACK: u8 = 1 << 4;

/// Who sent a segment, and whether the other side's are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client; the server answers it directly.
    ClientOnly,
    /// The client; the server's answers come this way.
    Client,
    /// The server.
    Server,
}

/// The state after a segment with these flags. One without any of the four ends it.
#[inline(always)]
#[must_use]
pub const fn next(state: u8, flags: u8, side: Side) -> u8 {
    if flags & RST != 0 {
        return after_reset(state, side);
    }
    if flags & SYN != 0 {
        return after_syn(state, side);
    }
    if flags & FIN != 0 {
        return after_fin(state, side);
    }
    if flags & ACK != 0 {
        return after_ack(state, side);
    }
    CLOSE
}

#[inline(always)]
const fn after_syn(state: u8, side: Side) -> u8 {
    match (side, state) {
        (_, ESTABLISHED) => ESTABLISHED,
        (Side::Server, SYN_RECV | SYNACK) => SYN_RECV,
        (Side::Server, LISTEN) => LISTEN,
        (Side::Server, _) => SYN_SENT,
        (_, SYN_SENT) => ESTABLISHED,
        _ => SYN_RECV,
    }
}

#[inline(always)]
const fn after_fin(state: u8, side: Side) -> u8 {
    match (side, state) {
        (_, SYN_SENT | CLOSE | LAST_ACK | LISTEN) => state,
        (Side::Server | Side::ClientOnly, ESTABLISHED | FIN_WAIT) => FIN_WAIT,
        (Side::Client, ESTABLISHED) | (Side::Client | Side::ClientOnly, CLOSE_WAIT) => CLOSE_WAIT,
        (Side::Client | Side::ClientOnly, NONE) => CLOSE,
        _ => TIME_WAIT,
    }
}

#[inline(always)]
const fn after_ack(state: u8, side: Side) -> u8 {
    match (side, state) {
        (_, NONE | SYN_RECV | SYNACK) | (Side::Server, LISTEN) => ESTABLISHED,
        (Side::Client | Side::ClientOnly, LAST_ACK) => CLOSE,
        _ => state,
    }
}

#[inline(always)]
const fn after_reset(state: u8, side: Side) -> u8 {
    match (side, state) {
        (Side::Server, SYN_SENT | TIME_WAIT) => state,
        (Side::Server, _) => CLOSE,
        (_, SYN_RECV | LAST_ACK | LISTEN) => state,
        (Side::Client, SYNACK) => SYN_RECV,
        _ => CLOSE,
    }
}

/// A connection in this state counts as active.
#[inline(always)]
#[must_use]
pub const fn is_active(state: u8) -> bool {
    matches!(state, ESTABLISHED | SYN_SENT | SYN_RECV | SYNACK)
}

#[cfg(test)]
mod tests {
    use super::{ACK, FIN, RST, SYN, Side, is_active, next};
    use proptest::prelude::*;
    use vrrp_common::balance::state::{
        CLOSE, CLOSE_WAIT, ESTABLISHED, FIN_WAIT, LAST_ACK, LISTEN, NONE, SYN_RECV, SYN_SENT,
        SYNACK, TIME_WAIT,
    };

    const CLIENT: Side = Side::Client;
    const SERVER: Side = Side::Server;
    const ALONE: Side = Side::ClientOnly;

    #[test]
    fn lives() {
        for (name, segments, states) in [
            (
                "DR, the client ends it",
                &[(ALONE, SYN), (ALONE, ACK), (ALONE, FIN | ACK), (ALONE, ACK)][..],
                &[SYN_RECV, ESTABLISHED, FIN_WAIT, FIN_WAIT][..],
            ),
            (
                "DR, the client resets it",
                &[(ALONE, SYN), (ALONE, ACK), (ALONE, RST | ACK)],
                &[SYN_RECV, ESTABLISHED, CLOSE],
            ),
            (
                "a reset of what is not established yet may be anybody's",
                &[(ALONE, SYN), (ALONE, RST), (ALONE, ACK)],
                &[SYN_RECV, SYN_RECV, ESTABLISHED],
            ),
            (
                "the port is used again",
                &[(ALONE, SYN), (ALONE, ACK), (ALONE, FIN), (ALONE, SYN)],
                &[SYN_RECV, ESTABLISHED, FIN_WAIT, SYN_RECV],
            ),
            (
                "in the middle",
                &[(ALONE, ACK), (ALONE, SYN)],
                &[ESTABLISHED, ESTABLISHED],
            ),
            (
                "no flag that says anything",
                &[(ALONE, SYN), (ALONE, 8)],
                &[SYN_RECV, CLOSE],
            ),
            (
                "NAT, the client ends it",
                &[
                    (CLIENT, SYN),
                    (SERVER, SYN | ACK),
                    (CLIENT, ACK),
                    (CLIENT, FIN | ACK),
                    (SERVER, FIN | ACK),
                    (CLIENT, ACK),
                ],
                &[
                    SYN_RECV,
                    SYN_RECV,
                    ESTABLISHED,
                    CLOSE_WAIT,
                    TIME_WAIT,
                    TIME_WAIT,
                ],
            ),
            (
                "NAT, the server ends it",
                &[
                    (CLIENT, SYN),
                    (SERVER, SYN | ACK),
                    (CLIENT, ACK),
                    (SERVER, FIN | ACK),
                    (CLIENT, FIN | ACK),
                ],
                &[SYN_RECV, SYN_RECV, ESTABLISHED, FIN_WAIT, TIME_WAIT],
            ),
            (
                "NAT, refused",
                &[(CLIENT, SYN), (SERVER, RST | ACK)],
                &[SYN_RECV, CLOSE],
            ),
        ] {
            let mut state = NONE;
            for (&(side, flags), want) in segments.iter().zip(states) {
                state = next(state, flags, side);
                assert_eq!(state, *want, "{name}");
            }
        }
    }

    #[test]
    fn active_are_those_that_may_carry_data_soon() {
        let active = [ESTABLISHED, SYN_SENT, SYN_RECV, SYNACK];
        let inactive = [
            NONE, FIN_WAIT, TIME_WAIT, CLOSE, CLOSE_WAIT, LAST_ACK, LISTEN,
        ];
        assert!(active.into_iter().all(is_active));
        assert!(!inactive.into_iter().any(is_active));
    }

    proptest! {
        #[test]
        fn laws(state in NONE..=SYNACK, flags: u8) {
            for side in [CLIENT, SERVER, ALONE] {
                let then = next(state, flags, side);
                prop_assert!(then <= SYNACK, "{state} {flags} {side:?}");
                // Of several flags the first of these counts.
                for first in [RST, SYN, FIN, ACK] {
                    if flags & first != 0 {
                        prop_assert_eq!(then, next(state, first, side));
                        break;
                    }
                }
                // Nothing ends an established connection but an end.
                if state == ESTABLISHED && flags & (FIN | RST) == 0 && flags & (SYN | ACK) != 0 {
                    prop_assert_eq!(then, ESTABLISHED);
                }
                // A reset makes nothing active that was not.
                if flags & RST != 0 && is_active(then) {
                    prop_assert!(is_active(state));
                }
            }
        }
    }
}
