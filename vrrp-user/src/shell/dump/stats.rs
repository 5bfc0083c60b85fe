//! What keepalived counts for each instance.

use serde::Serialize;
use vrrp_common::counter::Counters;

/// In keepalived's order, by its names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Adverts accepted.
    pub advert_rcvd: u64,
    /// Adverts that left.
    pub advert_sent: u64,
    /// Claims that opened.
    pub become_master: u64,
    /// Claims that ended after they had opened.
    pub release_master: u64,
    /// Refused for their length.
    pub packet_len_err: u64,
    /// Refused for their interval.
    pub advert_interval_err: u64,
    /// Refused for their TTL.
    pub ip_ttl_err: u64,
    /// Refused: no advert.
    pub invalid_type_rcvd: u64,
    /// Their address list differed.
    pub addr_list_err: u64,
    /// Always 0: there is no type of authentication that would not be known.
    pub invalid_authtype: u64,
    /// Refused for their type of authentication.
    pub authtype_mismatch: u64,
    /// Refused for their password.
    pub auth_failure: u64,
    /// Resignations heard.
    pub pri_zero_rcvd: u64,
    /// Resignations sent.
    pub pri_zero_sent: u64,
}

impl Stats {
    /// Adds what XDP refused; it does not say for which virtual router.
    pub const fn add_refused(&mut self, counters: &Counters) {
        self.packet_len_err += counters.drop_length + counters.drop_truncated;
        self.advert_interval_err += counters.drop_interval_mismatch + counters.drop_interval_zero;
        self.ip_ttl_err += counters.drop_ttl;
        self.invalid_type_rcvd += counters.drop_type;
        self.addr_list_err += counters.drop_addresses + counters.advert_addresses_differ;
        self.authtype_mismatch += counters.drop_auth_type;
        self.auth_failure += counters.drop_auth_data
            + counters.drop_auth_hash
            + counters.drop_auth_replayed
            + counters.drop_auth_form;
    }

    /// Since `then`.
    #[must_use]
    pub const fn since(&self, then: &Self) -> Self {
        Self {
            advert_rcvd: self.advert_rcvd.saturating_sub(then.advert_rcvd),
            advert_sent: self.advert_sent.saturating_sub(then.advert_sent),
            become_master: self.become_master.saturating_sub(then.become_master),
            release_master: self.release_master.saturating_sub(then.release_master),
            packet_len_err: self.packet_len_err.saturating_sub(then.packet_len_err),
            advert_interval_err: self
                .advert_interval_err
                .saturating_sub(then.advert_interval_err),
            ip_ttl_err: self.ip_ttl_err.saturating_sub(then.ip_ttl_err),
            invalid_type_rcvd: self
                .invalid_type_rcvd
                .saturating_sub(then.invalid_type_rcvd),
            addr_list_err: self.addr_list_err.saturating_sub(then.addr_list_err),
            invalid_authtype: self.invalid_authtype.saturating_sub(then.invalid_authtype),
            authtype_mismatch: self
                .authtype_mismatch
                .saturating_sub(then.authtype_mismatch),
            auth_failure: self.auth_failure.saturating_sub(then.auth_failure),
            pri_zero_rcvd: self.pri_zero_rcvd.saturating_sub(then.pri_zero_rcvd),
            pri_zero_sent: self.pri_zero_sent.saturating_sub(then.pri_zero_sent),
        }
    }
}

/// A sum over sources that come and go, which never falls.
#[derive(Clone, Debug)]
pub struct Received<K> {
    total: u64,
    last: std::collections::BTreeMap<K, u64>,
}

impl<K> Default for Received<K> {
    fn default() -> Self {
        Self {
            total: 0,
            last: std::collections::BTreeMap::new(),
        }
    }
}

impl<K: Ord> Received<K> {
    /// Every source there is, with its count; a count that fell began anew.
    pub fn update(&mut self, counts: impl IntoIterator<Item = (K, u64)>) -> u64 {
        let now: std::collections::BTreeMap<K, u64> = counts.into_iter().collect();
        for (source, count) in &now {
            let before = self.last.get(source).copied().unwrap_or_default();
            self.total += count.checked_sub(before).unwrap_or(*count);
        }
        self.last = now;
        self.total
    }
}
