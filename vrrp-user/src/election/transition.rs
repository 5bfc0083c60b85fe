//! The states of a sync group and every way between them (§6.4).

use serde::{Deserialize, Serialize};

/// Where a group and its instances stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// Not started, or stopped.
    #[default]
    #[serde(rename = "INIT")]
    Initialize,
    /// Waits for the Active to fall silent.
    Backup,
    /// Has advertised, waits a hold for a winner to object; its gate is shut (V4).
    #[serde(rename = "BACKUP_CLAIMING")]
    Claiming,
    /// Owns the addresses.
    #[serde(rename = "MASTER")]
    Active,
    /// Cannot take part.
    Fault,
}

impl State {
    /// keepalived's name. A claim is not yet a state to operators.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Initialize => "INIT",
            Self::Backup | Self::Claiming => "BACKUP",
            Self::Active => "MASTER",
            Self::Fault => "FAULT",
        }
    }

    /// The group has an epoch the kernel may have to revoke.
    #[must_use]
    pub const fn is_claimed(self) -> bool {
        matches!(self, Self::Claiming | Self::Active)
    }
}

/// What can happen to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is configured and nothing keeps it from taking part.
    Start,
    /// A predecessor of this process owns the addresses, and its lease has not ended.
    Resume,
    /// Every member may claim (V10).
    Expire,
    /// The transmit thread opened the gate.
    Open,
    /// A winning advert was accepted.
    Beaten,
    /// The lease ended unasked, so lately that no peer can have claimed.
    LapseLately,
    /// The lease ended unasked, and a peer may have claimed since.
    Lapse,
    /// It is given up while it could go on: somebody else shall take over.
    Yield,
    /// A member cannot take part.
    Fault,
    /// No member is kept from taking part any more.
    Clear,
    /// It is no longer configured, or the daemon stops.
    Stop,
}

/// The state after `event`; `None` where the event changes nothing.
#[must_use]
pub const fn next(state: State, event: Event) -> Option<State> {
    use {Event as E, State as S};
    match (state, event) {
        // §6.4.1: an owner's timer expires at once (keepalived starts all others so too);
        // §6.4.3, V5: a claimant or an Active that is beaten, or may have been
        (S::Initialize, E::Start)
        | (S::Fault, E::Clear)
        | (S::Claiming | S::Active, E::Beaten | E::Lapse | E::Yield) => Some(S::Backup),
        // §6.4.2; V4; a predecessor's lease may have ended lately as well
        (S::Backup, E::Expire) | (S::Initialize | S::Claiming | S::Active, E::LapseLately) => {
            Some(S::Claiming)
        }
        // V13: what stands already is not claimed again
        (S::Claiming, E::Open) | (S::Initialize, E::Resume) => Some(S::Active),
        (S::Initialize | S::Backup | S::Claiming | S::Active, E::Fault) => Some(S::Fault),
        (S::Backup | S::Claiming | S::Active | S::Fault, E::Stop) => Some(S::Initialize),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Event as E, State as S, next};

    const STATES: [S; 5] = [S::Initialize, S::Backup, S::Claiming, S::Active, S::Fault];
    const EVENTS: [E; 11] = [
        E::Start,
        E::Resume,
        E::Expire,
        E::Open,
        E::Beaten,
        E::LapseLately,
        E::Lapse,
        E::Yield,
        E::Fault,
        E::Clear,
        E::Stop,
    ];

    #[test]
    fn every_state_and_event() {
        let none = None;
        let to = Some;
        #[rustfmt::skip]
        let table = [
            //              Start          Resume         Expire            Open           Beaten         LapseLately       Lapse          Yield          Fault         Clear          Stop
            (S::Initialize, [to(S::Backup), to(S::Active), none,             none,          none,          to(S::Claiming),  none,          none,          to(S::Fault), none,          none]),
            (S::Backup,     [none,          none,          to(S::Claiming),  none,          none,          none,             none,          none,          to(S::Fault), none,          to(S::Initialize)]),
            (S::Claiming,   [none,          none,          none,             to(S::Active), to(S::Backup), to(S::Claiming),  to(S::Backup), to(S::Backup), to(S::Fault), none,          to(S::Initialize)]),
            (S::Active,     [none,          none,          none,             none,          to(S::Backup), to(S::Claiming),  to(S::Backup), to(S::Backup), to(S::Fault), none,          to(S::Initialize)]),
            (S::Fault,      [none,          none,          none,             none,          none,          none,             none,          none,          none,         to(S::Backup), to(S::Initialize)]),
        ];
        assert_eq!(table.map(|(state, _)| state), STATES);
        for (state, row) in table {
            for (event, want) in EVENTS.into_iter().zip(row) {
                assert_eq!(next(state, event), want, "{state:?} on {event:?}");
            }
        }
    }

    #[test]
    fn only_a_claim_opens_or_one_that_stands() {
        for state in STATES {
            for event in EVENTS {
                if next(state, event) == Some(S::Active) {
                    let ways = [(S::Claiming, E::Open), (S::Initialize, E::Resume)];
                    assert!(ways.contains(&(state, event)));
                }
            }
        }
    }
}
