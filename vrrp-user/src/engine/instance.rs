//! One `vrrp_instance` at run time, and the values built from it.

use super::{
    action::{Advert, Announcement, PlacedAddress, RouterRecord, VipRecord},
    announce::Lane,
    conflict::Signs,
    input::{Link, Unwatched},
    losers::Losers,
    notify::Told,
};
use crate::{
    config::model::{self, ChecksumPolicy, Family, TrackerKind, VirtualAddress},
    election::{router::Params, timers},
    ownership::command::{GateId, VrId},
    tracking::{
        effective::{Fault, Reading, Standing, Sum},
        trackers::Trackers,
    },
};
use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};
use std::collections::BTreeSet;
use vrrp_common::{
    maps::{
        CAST_MULTICAST, CAST_UNICAST, CHECKSUM_GROUP, CHECKSUM_PLAIN, FAMILY_V4, FAMILY_V6, VrKey,
    },
    wire::ADVERT_TTL,
};

/// Interfaces by name, as last reported.
#[derive(Clone, Debug, Default)]
pub(super) struct Links(std::collections::BTreeMap<u32, Link>);

impl Links {
    pub(super) fn named(&self, name: &str) -> Option<&Link> {
        self.0.values().find(|link| link.name == name)
    }

    pub(super) fn indexed(&self, ifindex: u32) -> Option<&Link> {
        self.0.get(&ifindex)
    }

    pub(super) fn insert(&mut self, link: Link) -> Option<Link> {
        self.0.insert(link.ifindex, link)
    }

    pub(super) fn remove(&mut self, ifindex: u32) -> Option<Link> {
        self.0.remove(&ifindex)
    }

    fn standing(&self, name: &str) -> Standing {
        if self.named(name).is_some_and(|link| link.up) {
            Standing::Up
        } else {
            Standing::Down
        }
    }
}

/// What is known of something that is tracked.
pub(super) fn reading(
    kind: TrackerKind,
    name: &str,
    links: &Links,
    trackers: &Trackers,
) -> Reading {
    match kind {
        TrackerKind::Interface => Reading::Standing(links.standing(name)),
        kind => trackers.reading(kind, name),
    }
}

/// An instance and what the kernel and the transmit thread were last told of it.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) vr: VrId,
    pub(super) gate: GateId,
    pub(super) config: model::Instance,
    pub(super) priority: u8,
    pub(super) faults: Vec<Fault>,
    pub(super) record: Option<RouterRecord>,
    pub(super) advert: Option<Advert>,
    /// An `UpdateAdvert` has not been answered by `Report::Updated`.
    pub(super) updating: bool,
    /// Interval of the last advert every peer has accepted in this claim.
    pub(super) known_interval: Duration,
    /// Checksum form of the Active, learned while Backup.
    pub(super) learned_form: Option<u8>,
    /// Effective priority of a predecessor of this process, in force until all
    /// that it tracks has had its first result.
    pub(super) inherited_priority: Option<u8>,
    /// Why it last changed state, in words.
    pub(super) reason: String,
    /// How often losing adverts are answered, and told of.
    pub(super) losers: Losers,
    /// Beaten while Active, by somebody it has not conceded to yet.
    pub(super) conceding: Option<Advert>,
    /// Handed over: it leaves whoever is Active in peace.
    pub(super) held: bool,
    /// Of another owner.
    pub(super) signs: Signs,
    /// What its last mail told.
    pub(super) mailed: Option<Told>,
    /// Adverts with priority 0 that were news.
    pub(super) resignations_heard: u64,
}

impl Instance {
    pub(super) fn new(vr: VrId, gate: GateId, config: model::Instance) -> Self {
        Self {
            vr,
            gate,
            priority: config.priority,
            config,
            faults: Vec::new(),
            record: None,
            advert: None,
            updating: false,
            known_interval: Duration::ZERO,
            learned_form: None,
            inherited_priority: None,
            reason: String::from("start-up"),
            losers: Losers::default(),
            conceding: None,
            held: false,
            signs: Signs::default(),
            mailed: None,
            resignations_heard: 0,
        }
    }

    /// What keeps it the same instance over a reload, whatever it is called. In another
    /// group somebody else may own what it owns here.
    pub(super) fn identity(config: &model::Instance) -> (u8, bool, String, Option<IpAddr>) {
        let ipv6 = config.family == Family::V6;
        let interface = config.interface.clone();
        (config.vrid, ipv6, interface, config.multicast_group())
    }

    /// Adds up what it tracks; faults of other group members are not among these.
    pub(super) fn assess(
        &self,
        links: &Links,
        placed: &BTreeSet<(u32, IpAddr)>,
        unwatched: &Unwatched,
        trackers: &Trackers,
    ) -> (u8, Vec<Fault>) {
        let config = &self.config;
        let mut sum = Sum::default();
        // A predecessor knew more than what is yet to be looked at, `init_fail` or not.
        let inherited = self.inherited_priority.filter(|_| self.awaits(trackers));
        for (kind, tracked) in config.tracked() {
            let unsettled = inherited.is_some() && !trackers.is_settled(kind, &tracked.name);
            let reading = match reading(kind, &tracked.name, links, trackers) {
                Reading::Standing(_) if unsettled => Reading::Standing(Standing::Unknown),
                reading => reading,
            };
            sum.add(kind, tracked, reading);
        }
        let priority = inherited.unwrap_or_else(|| sum.effective(config.priority));
        if config.lacks_peers {
            sum.faults.push(Fault::NoPeers);
        }
        let own = config.interface.clone();
        match links.named(&own) {
            None => sum.faults.insert(0, Fault::InterfaceMissing(own)),
            Some(link) => {
                let tracked = config.source.filter(|_| config.tracks_source);
                if self.source(links).is_none() {
                    sum.faults.insert(0, Fault::NoSourceAddress(own.clone()));
                } else if let Some(source) = tracked
                    && !placed.contains(&(link.ifindex, source))
                {
                    sum.faults.insert(0, Fault::SourceGone(source.to_string()));
                }
                if !link.up && !config.dont_track_primary {
                    sum.faults.insert(0, Fault::InterfaceDown(own));
                }
            }
        }
        for dev in self
            .addresses()
            .filter_map(|address| address.dev.as_deref())
        {
            let fault = Fault::DeviceMissing(dev.to_owned());
            if dev != config.interface && links.named(dev).is_none() && !sum.faults.contains(&fault)
            {
                sum.faults.push(fault);
            }
        }
        for dev in &config.devices {
            let fault = Fault::TrackedInterfaceDown(dev.clone());
            let told = [&fault, &Fault::DeviceMissing(dev.clone())];
            if links.standing(dev) == Standing::Down
                && !sum.faults.iter().any(|it| told.contains(&it))
            {
                sum.faults.push(fault);
            }
        }
        if let Some(deaf) = &self.signs.yields_to
            && config.oneway_fault
        {
            sum.faults.push(Fault::OneWay(deaf.source.to_string()));
        }
        if unwatched.routers.contains(&self.vr) {
            sum.faults.push(Fault::Unwatched(config.interface.clone()));
        }
        for name in self.interfaces() {
            let fault = Fault::Unwatched(name.to_owned());
            let index = links.named(name).map(|link| link.ifindex);
            if index.is_some_and(|index| unwatched.interfaces.contains(&index))
                && !sum.faults.contains(&fault)
            {
                sum.faults.push(fault);
            }
        }
        (priority, sum.faults)
    }

    /// How something it tracks stands does not follow from results yet.
    pub(super) fn awaits(&self, trackers: &Trackers) -> bool {
        let mut tracked = self.config.tracked();
        tracked.any(|(kind, tracked)| !trackers.is_settled(kind, &tracked.name))
    }

    /// Its own, and those that carry its addresses.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = &str> {
        let devs = self
            .addresses()
            .filter_map(|address| address.dev.as_deref());
        core::iter::once(self.config.interface.as_str()).chain(devs)
    }

    /// Whether it is there decides (`track_src_ip`).
    pub(super) fn tracks_source(&self, address: IpAddr) -> bool {
        self.config.tracks_source && self.config.source == Some(address)
    }

    /// It concerns this interface.
    pub(super) fn mentions(&self, interface: &str) -> bool {
        self.config.interface == interface
            || self.config.tracks(TrackerKind::Interface, interface)
            || self.config.devices.iter().any(|it| it == interface)
            || self
                .addresses()
                .any(|address| address.dev.as_deref() == Some(interface))
    }

    /// Every virtual address, advertised or not.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &VirtualAddress> {
        self.config
            .addresses
            .iter()
            .chain(&self.config.excluded_addresses)
    }

    /// Every peer has accepted the advert as it is.
    pub(super) fn peers_know(&mut self) {
        if let Some(advert) = &self.advert {
            let cs = timers::wire_interval_cs(advert.version, advert.interval);
            self.known_interval = timers::centiseconds(cs);
        }
    }

    pub(super) fn interval_cs(&self) -> u32 {
        timers::wire_interval_cs(self.config.version, self.config.advert_interval)
    }

    pub(super) fn params(&self, links: &Links) -> Params {
        Params {
            version: self.config.version,
            priority: self.priority,
            source: self.source(links).unwrap_or(match self.config.family {
                Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            }),
            interval: timers::centiseconds(self.interval_cs()),
            adverts: self.config.down_timer_adverts,
            preempt: !self.config.nopreempt && !self.held,
            preempt_delay: self.config.preempt_delay,
        }
    }

    /// Source of its adverts: primary IPv4 address or link-local (§5.1.1.1, §5.1.2.1).
    pub(super) fn source(&self, links: &Links) -> Option<IpAddr> {
        self.config.source.or_else(|| {
            let link = links.named(&self.config.interface)?;
            match self.config.family {
                Family::V4 => link.ipv4.map(IpAddr::V4),
                Family::V6 => link.link_local.map(IpAddr::V6),
            }
        })
    }

    pub(super) fn key(&self, ifindex: u32) -> VrKey {
        VrKey {
            ifindex,
            vlan: 0,
            vrid: self.config.vrid,
            family: match self.config.family {
                Family::V4 => FAMILY_V4,
                Family::V6 => FAMILY_V6,
            },
            cast: if self.config.unicast.is_some() {
                CAST_UNICAST
            } else {
                CAST_MULTICAST
            },
            pad: [0; 3],
        }
    }

    /// Its key, once it has an interface.
    pub(super) fn key_at(&self, links: &Links) -> Option<VrKey> {
        Some(self.key(links.named(&self.config.interface)?.ifindex))
    }

    /// `None` while it has no interface or no address to advertise from.
    pub(super) fn build_record(&self, links: &Links) -> Option<RouterRecord> {
        let link = links.named(&self.config.interface)?;
        let source = self.source(links)?;
        let unicast = self.config.unicast.as_ref();
        let peers = unicast
            .map(|unicast| unicast.peers.clone())
            .unwrap_or_default();
        Some(RouterRecord {
            key: self.key(link.ifindex),
            gate: self.gate,
            source,
            group: self.config.group,
            priority: self.priority,
            version: self.config.version,
            interval_cs: self.interval_cs(),
            authentication: self.config.authentication.clone(),
            addresses: self.advertised(),
            ttl: (
                peers
                    .iter()
                    .map(|peer| peer.min_ttl)
                    .min()
                    .unwrap_or(ADVERT_TTL),
                peers
                    .iter()
                    .map(|peer| peer.max_ttl)
                    .max()
                    .unwrap_or(ADVERT_TTL),
            ),
            strict: self.config.strict,
            skip_check_advert_addresses: self.config.skip_check_advert_addresses,
            check_unicast_source: unicast.is_some_and(|unicast| unicast.check_source),
            unicast_peers: peers,
            // While it advertises, that form counts: it never changes while Active.
            checksum: self
                .advert
                .as_ref()
                .map_or_else(|| self.checksum(), |advert| advert.checksum),
            advert_sources: self.config.advert_sources.clone(),
            ignores_adverts: self.config.ignores_adverts,
            mac: link.mac,
        })
    }

    pub(super) fn build_advert(&self, links: &Links) -> Option<Advert> {
        let link = links.named(&self.config.interface)?;
        let peers = self
            .config
            .unicast
            .iter()
            .flat_map(|unicast| &unicast.peers);
        Some(Advert {
            vr: self.vr,
            ifindex: link.ifindex,
            mac: if self.config.vmac.adverts {
                self.config.virtual_mac(self.config.family == Family::V6)
            } else {
                link.mac
            },
            own: link.mac,
            family: self.config.family,
            version: self.config.version,
            vrid: self.config.vrid,
            priority: self.priority,
            interval: self.config.advert_interval,
            source: self.source(links)?,
            unicast: peers.map(|peer| peer.address).collect(),
            group: self.config.group,
            ttl: match self.config.unicast {
                Some(_) => self.config.unicast_ttl,
                None => ADVERT_TTL,
            },
            addresses: self.advertised(),
            authentication: self.config.authentication.clone(),
            checksum: self.checksum(),
        })
    }

    /// §5.2.8: implementations disagree; send what the group already speaks.
    fn checksum(&self) -> ChecksumPolicy {
        match self.config.checksum {
            ChecksumPolicy::Learn if self.learned_form == Some(CHECKSUM_PLAIN) => {
                ChecksumPolicy::Plain
            }
            ChecksumPolicy::Learn if self.learned_form == Some(CHECKSUM_GROUP) => {
                ChecksumPolicy::Group
            }
            ChecksumPolicy::Learn => ChecksumPolicy::Pseudo,
            fixed => fixed,
        }
    }

    fn advertised(&self) -> Vec<IpAddr> {
        self.config
            .addresses
            .iter()
            .map(|address| address.address)
            .collect()
    }

    /// What its announcements keep a distance from.
    pub(super) fn lane(&self) -> Lane {
        match self.config.garp_group {
            Some(group) => Lane::Group(group),
            None => Lane::Interface(self.config.interface.clone()),
        }
    }

    /// Each address with the interface that carries it, where that exists.
    fn carried<'a>(
        &'a self,
        links: &'a Links,
    ) -> impl Iterator<Item = (&'a VirtualAddress, &'a Link)> {
        self.addresses().filter_map(|address| {
            let name = address.dev.as_ref().unwrap_or(&self.config.interface);
            Some((address, links.named(name)?))
        })
    }

    /// Where the address is to be found.
    fn mac(&self, address: &VirtualAddress, link: &Link) -> [u8; 6] {
        if address.use_vmac {
            self.config.virtual_mac(address.address.is_ipv6())
        } else {
            link.mac
        }
    }

    pub(super) fn placed<'a>(
        &'a self,
        links: &'a Links,
    ) -> impl Iterator<Item = PlacedAddress> + 'a {
        self.carried(links).map(|(address, link)| PlacedAddress {
            ifindex: link.ifindex,
            address: address.clone(),
        })
    }

    pub(super) fn vips<'a>(
        &'a self,
        links: &'a Links,
        in_stack: impl Fn(u32, IpAddr) -> bool + 'a,
    ) -> impl Iterator<Item = VipRecord> + 'a {
        self.carried(links).map(move |(address, link)| VipRecord {
            ifindex: link.ifindex,
            address: address.address,
            gate: self.gate,
            in_stack: in_stack(link.ifindex, address.address),
            mac: self.mac(address, link),
            own: link.mac,
            accepts: self.config.accept,
        })
    }

    pub(super) fn announcements<'a>(
        &'a self,
        links: &'a Links,
    ) -> impl Iterator<Item = Announcement> + 'a {
        self.carried(links).map(|(address, link)| Announcement {
            ifindex: link.ifindex,
            mac: self.mac(address, link),
            address: address.address,
        })
    }

    /// `garp_extra_if`: one on each interface on which nothing else is sent from the
    /// address's MAC again and again, and which a switch may therefore forget.
    pub(super) fn extra_announcements(&self, links: &Links) -> Vec<Announcement> {
        if self.config.garp.extra.is_zero() {
            return Vec::new();
        }
        let own = links.named(&self.config.interface).map(|link| link.ifindex);
        let mut found: Vec<Announcement> = Vec::new();
        for (address, link) in self.carried(links) {
            let (ifindex, mac) = (link.ifindex, self.mac(address, link));
            let is_virtual = mac != link.mac;
            let by_adverts = Some(ifindex) == own && (!is_virtual || self.config.vmac.adverts);
            let wanted = is_virtual || self.config.garp.extra_all;
            if wanted && !by_adverts && found.iter().all(|it| it.ifindex != ifindex) {
                let address = address.address;
                found.push(Announcement {
                    ifindex,
                    mac,
                    address,
                });
            }
        }
        found
    }
}
