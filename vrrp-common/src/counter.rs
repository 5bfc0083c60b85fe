//! One cause, one counter.
//!
//! `XVRRP_COUNT` is a per-CPU array with a single element: this struct. Its
//! field names are what `bpftool map dump` prints; the enum names the same
//! fields by index, so that the program can point at one.

macro_rules! causes {
    ($(#[doc = $what:literal])+ $Cause:ident, $Counters:ident;
     $($(#[doc = $doc:literal])+ $variant:ident => $field:ident,)+) => {
        $(#[doc = $what])+
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $Cause { $($(#[doc = $doc])+ $variant,)+ }

        impl $Cause {
            /// Every cause, in index order.
            pub const ALL: &'static [$Cause] = &[$($Cause::$variant,)+];

            /// Field name, as `bpftool` and the metrics print it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($Cause::$variant => stringify!($field),)+ }
            }

            /// What it means, in one line.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $($Cause::$variant => concat!($($doc),+),)+ }
            }
        }

        /// One CPU's counts, in packets unless the name says otherwise.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $Counters { $($(#[doc = $doc])+ pub $field: u64,)+ }

        impl $Counters {
            /// The count of one cause.
            #[must_use]
            pub const fn get(&self, cause: $Cause) -> u64 {
                match cause { $($Cause::$variant => self.$field,)+ }
            }

            /// One more.
            pub const fn count(&mut self, cause: $Cause) {
                match cause { $($Cause::$variant => self.$field = self.$field.wrapping_add(1),)+ }
            }

            /// Adds another CPU's counts.
            pub const fn add(&mut self, other: &$Counters) {
                $(self.$field = self.$field.wrapping_add(other.$field);)+
            }
        }
    };
}
pub(crate) use causes;

causes! {
    /// Why a packet was counted.
    Cause, Counters;

    /// Adverts accepted.
    AdvertAccepted => advert_accepted,
    /// Accepted with the VRRPv3/IPv4 checksum over a pseudo-header (keepalived, FRR).
    AdvertChecksumPseudo => advert_checksum_pseudo,
    /// Accepted with the VRRPv3/IPv4 checksum over the message alone (RFC 9568 §5.2.8).
    AdvertChecksumPlain => advert_checksum_plain,
    /// Accepted although the first IPv6 address is not link-local (§5.2.9).
    AdvertFirstAddressGlobal => advert_first_address_global,
    /// Accepted although its address list differs from ours.
    AdvertAddressesDiffer => advert_addresses_differ,
    /// Adverts for a virtual router not configured here, passed untouched.
    AdvertUnknownVrid => advert_unknown_vrid,
    /// Unicast adverts to another address than the one we send from, passed untouched.
    AdvertNotForUs => advert_not_for_us,
    /// Dropped: an advert that the frame does not hold whole.
    DropTruncated => drop_truncated,
    /// Dropped: IP version, header length or total length is wrong.
    DropIpHeader => drop_ip_header,
    /// Dropped: IPv4 header checksum.
    DropIpChecksum => drop_ip_checksum,
    /// Dropped: an advert in fragments.
    DropFragment => drop_fragment,
    /// Dropped: source address is zero, multicast or broadcast.
    DropSource => drop_source,
    /// Dropped: source address is our own; a loop or a duplicate address.
    DropOwnSource => drop_own_source,
    /// Dropped: destination address or Ethernet destination does not fit the virtual router.
    DropDestination => drop_destination,
    /// Dropped: TTL or hop limit out of bounds (§5.1.1.3).
    DropTtl => drop_ttl,
    /// Dropped: VRRP version is not the one configured.
    DropVersion => drop_version,
    /// Dropped: VRRP type is not advertisement (§5.2.2).
    DropType => drop_type,
    /// Dropped: message length does not fit the address count.
    DropLength => drop_length,
    /// Dropped: looks like ucarp, which shares the protocol number.
    DropUcarp => drop_ucarp,
    /// Dropped: VRRP checksum (§5.2.8).
    DropChecksum => drop_checksum,
    /// Dropped: version 3 without addresses, and we have some (§5.2.5).
    DropAddressCount => drop_address_count,
    /// Dropped: the advertised interval is zero.
    DropIntervalZero => drop_interval_zero,
    /// Dropped: version 2 interval differs from ours (RFC 3768 §7.1).
    DropIntervalMismatch => drop_interval_mismatch,
    /// Dropped: first IPv6 address is not link-local, and strict mode is on (§5.2.9).
    DropFirstAddress => drop_first_address,
    /// Dropped: address list differs from ours, and the old rule is on (RFC 3768 §7.1).
    DropAddresses => drop_addresses,
    /// Dropped: authentication type differs from ours.
    DropAuthType => drop_auth_type,
    /// Dropped: password differs from ours.
    DropAuthData => drop_auth_data,
    /// Dropped: unicast advert from an address that is no configured peer.
    DropNotAPeer => drop_not_a_peer,
    /// Dropped: advert from an address that `advert_sources` does not list.
    DropNotAllowed => drop_not_allowed,
    /// Dropped: no authentication trailer (`auth_hmac` with `mode enforce`).
    DropAuthMissing => drop_auth_missing,
    /// Not verified: more adverts with a hash from one source than its budget allows.
    DropOverBudget => drop_over_budget,
    /// Not verified: adverts with a hash that the ring buffer had no room for.
    DropUnverified => drop_unverified,
    /// Refused: the hash is another; another key, or changed on the way.
    DropAuthHash => drop_auth_hash,
    /// Refused: a sequence number that was used before.
    DropAuthReplayed => drop_auth_replayed,
    /// Refused: the time in it is too far from ours (`time_window`).
    DropAuthStale => drop_auth_stale,
    /// Refused: signed with a key that is not configured here.
    DropAuthKey => drop_auth_key,
    /// Refused: the SPI of AH is not the source, or a trailer of another type.
    DropAuthForm => drop_auth_form,
    /// Adverts with a hash, handed to the daemon, which verifies it.
    AdvertToVerify => advert_to_verify,
    /// Adverts, ARP or ND arriving with our own MAC as their Ethernet source; a loop or a duplicate MAC.
    OwnMac => own_mac,
    /// Winning adverts that shut our gate in the kernel.
    GateRevoked => gate_revoked,
    /// Adverts from a source the peer table has no room for.
    PeerTableFull => peer_table_full,
    /// News the ring buffer had no room for; userspace re-reads the maps.
    EventLost => event_lost,
    /// Losing adverts that say what was told of a moment ago; userspace finds their stamps.
    EventSpared => event_spared,
    /// New sources that lose, too many at once to be told of; userspace re-reads the maps.
    EventDeferred => event_deferred,
    /// ARP requests for a VIP answered by XDP.
    ArpAnswered => arp_answered,
    /// ARP requests for a VIP left to the stack, gate open.
    ArpLeftToStack => arp_left_to_stack,
    /// ARP requests for a VIP dropped, gate shut.
    DropArpGateShut => drop_arp_gate_shut,
    /// ARP requests for a VIP passed with the gate shut, `lease observe`.
    ObserveArpGateShut => observe_arp_gate_shut,
    /// ARP naming a VIP we hold as somebody else's.
    ArpConflict => arp_conflict,
    /// Neighbour solicitations for a VIP answered by XDP.
    NdAnswered => nd_answered,
    /// Neighbour solicitations for a VIP left to the stack, gate open.
    NdLeftToStack => nd_left_to_stack,
    /// Neighbour solicitations for a VIP dropped, gate shut.
    DropNdGateShut => drop_nd_gate_shut,
    /// Neighbour solicitations for a VIP passed with the gate shut, `lease observe`.
    ObserveNdGateShut => observe_nd_gate_shut,
    /// Neighbour advertisements naming a VIP we hold as somebody else's.
    NdConflict => nd_conflict,
    /// Packets to a VIP dropped, gate shut.
    DropVipGateShut => drop_vip_gate_shut,
    /// Packets to a VIP passed with the gate shut, `lease observe`.
    ObserveVipGateShut => observe_vip_gate_shut,
    /// Packets to a VIP dropped, gate open, `no_accept`.
    DropNotAccepted => drop_not_accepted,
    /// Frames to a virtual MAC dropped, gate shut.
    DropMacGateShut => drop_mac_gate_shut,
    /// Frames to a virtual MAC passed with the gate shut, `lease observe`.
    ObserveMacGateShut => observe_mac_gate_shut,
    /// Outgoing adverts let through.
    EgressAdvert => egress_advert,
    /// Outgoing adverts dropped: claim beaten, given up, or its lease or permission over.
    DropEgressAdvert => drop_egress_advert,
    /// Outgoing ARP or ND naming a VIP dropped, gate shut.
    DropEgressAnnouncement => drop_egress_announcement,
    /// Outgoing ARP or ND naming a VIP passed with the gate shut, `lease observe`.
    ObserveEgressAnnouncement => observe_egress_announcement,
    /// Outgoing packets from a VIP dropped, gate shut.
    DropEgressVip => drop_egress_vip,
    /// Outgoing packets from a VIP passed with the gate shut, `lease observe`.
    ObserveEgressVip => observe_egress_vip,
    /// Outgoing packets from a VIP dropped, gate open, `no_accept`.
    DropEgressNotAccepted => drop_egress_not_accepted,
    /// Outgoing frames naming a VIP that were given its virtual MAC.
    EgressMacSet => egress_mac_set,
    /// Outgoing frames naming a VIP dropped, because its virtual MAC could not be put in.
    DropEgressMac => drop_egress_mac,
}

impl Cause {
    /// What counts the same packet where a shut gate only observes.
    #[must_use]
    pub const fn observed(self) -> Option<Self> {
        Some(match self {
            Self::DropArpGateShut => Self::ObserveArpGateShut,
            Self::DropNdGateShut => Self::ObserveNdGateShut,
            Self::DropVipGateShut => Self::ObserveVipGateShut,
            Self::DropMacGateShut => Self::ObserveMacGateShut,
            Self::DropEgressAnnouncement => Self::ObserveEgressAnnouncement,
            Self::DropEgressVip => Self::ObserveEgressVip,
            _ => return None,
        })
    }

    /// As events and maps have it.
    #[must_use]
    pub fn from_index(index: u32) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|cause| *cause as u32 == index)
    }

    /// A VRRP packet that failed a check, whatever its sender meant.
    #[must_use]
    pub const fn is_rejection(self) -> bool {
        let index = self as u32;
        index >= Self::DropTruncated as u32 && index <= Self::DropNotAllowed as u32
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Cause, Counters};
    use std::format;

    #[test]
    fn index_is_field_order() {
        for (index, cause) in Cause::ALL.iter().enumerate() {
            assert_eq!(*cause as usize, index);
        }
        assert_eq!(size_of::<Counters>(), Cause::ALL.len() * size_of::<u64>());
    }

    #[test]
    fn what_is_observed_is_named_like_what_is_dropped() {
        for cause in Cause::ALL {
            if let Some(observed) = cause.observed() {
                let suffix = cause.name().strip_prefix("drop_").expect("a drop");
                assert_eq!(observed.name(), format!("observe_{suffix}"));
            }
        }
    }

    /// The kernel remembers what it has told of in one bit for each.
    #[test]
    fn rejections_are_drops_and_few() {
        for cause in Cause::ALL.iter().filter(|cause| cause.is_rejection()) {
            assert!(cause.name().starts_with("drop_"), "{cause:?}");
            assert!((*cause as u32) < u64::BITS, "{cause:?}");
        }
        assert!(!Cause::DropVipGateShut.is_rejection());
    }

    #[test]
    fn every_counter_is_documented_in_these_words() {
        let page = include_str!("../../docs/BPF-MAPS.md");
        for cause in Cause::ALL {
            let row = format!("| `{}` | {} |", cause.name(), cause.help().trim());
            assert!(page.contains(&row), "docs/BPF-MAPS.md lacks: {row}");
        }
    }
}
