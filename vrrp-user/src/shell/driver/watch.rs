//! What the kernel has to watch for us: programs, records, multicast groups.
//!
//! An instance whose part of it cannot be had would be MASTER without hearing
//! anybody, or own addresses nobody guards. So the engine is told, and what
//! failed is tried again at every upkeep.

use super::Driver;
use crate::{
    config::model::Config,
    engine::{
        action::{RouterRecord, VipRecord},
        input::{Input, Unwatched},
    },
    ownership::command::VrId,
    shell::{
        balance::News,
        clock,
        listen::{Membership, Station},
        netlink,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use vrrp_common::maps::CAST_MULTICAST;

/// What is wanted, and what of it failed.
#[derive(Default)]
pub(super) struct Watch {
    interfaces: Vec<u32>,
    /// Those that the balancer's packets come in by.
    balanced: BTreeSet<u32>,
    vips: Vec<VipRecord>,
    groups: Groups,
    /// What a predecessor left and nobody wants any more is gone.
    cleared: bool,
    /// No program, or addresses without a record.
    unattached: BTreeSet<u32>,
    unguarded: BTreeSet<u32>,
    /// VRRP's group could not be joined, or the interface takes no frames to a virtual MAC.
    deaf: BTreeSet<u32>,
    unrecorded: BTreeMap<VrId, RouterRecord>,
    /// Their adverts cannot be built: with the next record they are tried again.
    mute: BTreeSet<VrId>,
    complaints: BTreeMap<&'static str, BTreeSet<String>>,
    told: Unwatched,
    attachments_told: Vec<String>,
}

impl Watch {
    /// What is wrong now, in words.
    pub(super) fn complaints(&self) -> impl Iterator<Item = &String> {
        self.complaints.values().flatten()
    }

    /// Interfaces that need the programs.
    fn all(&self) -> Vec<u32> {
        let mut all = self.interfaces.clone();
        all.extend(
            self.balanced
                .iter()
                .filter(|it| !self.interfaces.contains(it)),
        );
        all
    }

    fn unwatched(&self) -> Unwatched {
        let interfaces = [&self.unattached, &self.unguarded, &self.deaf];
        Unwatched {
            interfaces: interfaces.into_iter().flatten().copied().collect(),
            routers: self.unrecorded.keys().chain(&self.mute).copied().collect(),
        }
    }
}

impl Driver {
    pub(super) fn attach_interfaces(&mut self, wanted: Vec<u32>) {
        self.watch.interfaces = wanted;
        self.attach();
        self.tell_unwatched();
    }

    /// What the balancer's thread has found.
    pub(super) fn balance_news(&mut self, news: News) {
        match news {
            News::Interfaces(interfaces) => {
                self.watch.balanced = interfaces;
                self.attach();
                self.tell_unwatched();
            }
            News::Status(status) => self.balancer.set_status(status),
        }
    }

    /// The programs of a predecessor stay where they are until the balancer has said
    /// where it needs them.
    pub(super) fn keep_balanced_interfaces(&mut self, config: &Config) {
        if !config.balance.services.is_empty() {
            self.watch.balanced = self.dataplane.left_on().collect();
        }
    }

    pub(super) fn set_router(&mut self, vr: VrId, record: Option<&RouterRecord>) {
        self.watch.mute.remove(&vr);
        self.record(vr, record);
        self.prove_router(vr, record);
        self.hearing.set_router(vr, record);
        self.watch.groups.set_router(vr, record);
        self.join();
        self.tell_unwatched();
    }

    pub(super) fn set_vips(&mut self, vips: Vec<VipRecord>) {
        if !core::mem::replace(&mut self.watch.cleared, true) {
            self.clear_orphans(&vips);
        }
        self.hearing.set_vips(&vips);
        self.balancer.set_vips(&vips);
        self.watch.groups.set_vips(&vips);
        self.watch.vips = vips;
        let virtual_ones = self.watch.vips.iter().filter(|it| it.mac != it.own);
        let readdressing = virtual_ones.map(|it| it.ifindex).collect();
        // Before the first interfaces are named, none is to be let go of.
        if self.dataplane.set_readdressing(readdressing) && !self.watch.all().is_empty() {
            self.attach();
        }
        self.guard();
        self.join();
        self.tell_unwatched();
    }

    /// No address is configured.
    pub(super) fn nothing_to_guard(&mut self) {
        if !self.watch.cleared {
            self.set_vips(Vec::new());
        }
    }

    /// Addresses that a dead predecessor placed and the configuration has no more: they
    /// go before their records do, or nothing would fence them.
    fn clear_orphans(&mut self, vips: &[VipRecord]) {
        let mut orphans = self.tables.vip_places();
        for vip in vips {
            orphans.remove(&(vip.ifindex, vip.address));
        }
        if orphans.is_empty() {
            return;
        }
        let orphans: Vec<_> = orphans.into_iter().collect();
        if !netlink::marks_addresses() {
            let list: Vec<String> = orphans.iter().map(|(_, it)| it.to_string()).collect();
            tracing::warn!(
                "configured no more, and perhaps left on an interface by an earlier run (before 5.18 nobody can tell): {}; see `ip addr`",
                list.join(", ")
            );
            return;
        }
        // On its own thread: it waits for the kernel's answers by a runtime of its own.
        let removal = || netlink::remove_addresses(&orphans, true);
        let removed = std::thread::scope(|scope| scope.spawn(removal).join());
        match removed {
            Ok(Ok(done)) => {
                for address in done.removed {
                    let local = address.key.local;
                    tracing::info!(
                        "Removed {local}, left by an earlier run and configured no more"
                    );
                }
            }
            Ok(Err(error)) => {
                let why = format!("{error:#}");
                self.failed("remove addresses an earlier run left", &why, None);
            }
            Err(_) => self.failed("remove addresses an earlier run left", "it panicked", None),
        }
    }

    /// An advert of it cannot be built.
    pub(super) fn is_mute(&mut self, vr: VrId, why: &str) {
        self.failed("build an advert", why, Some(vr));
        self.watch.mute.insert(vr);
        self.tell_unwatched();
    }

    /// Tries again what failed.
    pub(super) fn watch_again(&mut self) {
        if !self.watch.unattached.is_empty() {
            self.attach();
        }
        for (vr, record) in self.watch.unrecorded.clone() {
            self.record(vr, Some(&record));
        }
        if !self.watch.unguarded.is_empty() {
            self.guard();
        }
        if !self.watch.deaf.is_empty() {
            self.join();
        }
        self.tell_unwatched();
    }

    fn attach(&mut self) {
        let wanted = self.watch.all();
        let failures = self.dataplane.reconcile(&wanted);
        self.watch.unattached = failures
            .iter()
            .map(|failure| failure.ifindex)
            .filter(|ifindex| wanted.contains(ifindex))
            .collect();
        let complaints = failures.iter().map(|failure| {
            let name = self.names.get(&failure.ifindex).map_or("?", String::as_str);
            format!(
                "attach to {name} (interface {}): {:#}",
                failure.ifindex, failure.error
            )
        });
        let complaints = complaints.collect();
        self.complain("load XDP", complaints);
        let shown: Vec<String> = self
            .dataplane
            .attachments()
            .map(|attachment| {
                let (interface, mode) = (&attachment.interface, &attachment.mode);
                let egress = &attachment.egress;
                let mut line = format!("XDP on {interface} in {mode} mode, egress by {egress}");
                if attachment.adopted {
                    line += ", taken over from a predecessor";
                }
                for note in &attachment.notes {
                    line += "; ";
                    line += note;
                }
                line
            })
            .collect();
        let told = &self.watch.attachments_told;
        for line in shown.iter().filter(|line| !told.contains(*line)) {
            tracing::info!("{line}");
        }
        self.watch.attachments_told = shown;
    }

    fn record(&mut self, vr: VrId, record: Option<&RouterRecord>) {
        let written = self.tables.set_router(vr, record);
        match (&written, record) {
            (Err(_), Some(record)) => self.watch.unrecorded.insert(vr, record.clone()),
            _ => self.watch.unrecorded.remove(&vr),
        };
        if let Err(error) = written {
            self.failed("write XVRRP_ROUTERS", &format!("{error:#}"), Some(vr));
        }
    }

    fn guard(&mut self) {
        let written = self.tables.set_vips(&self.watch.vips);
        self.watch.unguarded = self.tables.interfaces_of_unwritten(&self.watch.vips);
        let complaints = written.err().map(|error| format!("{error:#}"));
        self.complain("write XVRRP_VIPS", complaints.into_iter().collect());
    }

    fn join(&mut self) {
        let not_taken = self.listener.set_stations(&self.watch.groups.stations);
        let failures = self.listener.set(&self.watch.groups.wanted());
        // A solicited-node group not joined costs an early answer, no more.
        self.watch.deaf = failures
            .iter()
            .filter(|failure| failure.membership.is_for_adverts())
            .map(|failure| failure.membership.ifindex)
            .chain(not_taken.iter().map(|failure| failure.station.0))
            .collect();
        let complaints = failures.iter().map(|failure| {
            let Membership { ifindex, group } = failure.membership;
            let name = self.names.get(&ifindex).map_or("?", String::as_str);
            format!("{group} on {name}: {}", failure.error)
        });
        let complaints = complaints.collect();
        self.complain("join a group", complaints);
        let complaints = not_taken.iter().map(|failure| {
            let (ifindex, station) = failure.station;
            let name = self.names.get(&ifindex).map_or("?", String::as_str);
            let station = station.map(|octet| format!("{octet:02x}")).join(":");
            format!("{station} on {name}: {}", failure.error)
        });
        let complaints = complaints.collect();
        self.complain("take frames to a virtual MAC", complaints);
    }

    /// Says what is new among what is wrong.
    fn complain(&mut self, what: &'static str, complaints: BTreeSet<String>) {
        let before = self.watch.complaints.remove(what).unwrap_or_default();
        for complaint in complaints.difference(&before) {
            self.failed(what, complaint, None);
        }
        self.watch.complaints.insert(what, complaints);
    }

    fn tell_unwatched(&mut self) {
        let unwatched = self.watch.unwatched();
        if unwatched != self.watch.told {
            self.watch.told = unwatched.clone();
            self.engine
                .handle(Input::Unwatched(unwatched), clock::now());
        }
    }
}

/// What the memberships follow from.
#[derive(Default)]
struct Groups {
    routers: BTreeMap<VrId, Membership>,
    solicited: BTreeSet<Membership>,
    /// Backups hold them as well: a claim opens without a word to the network card.
    stations: BTreeSet<Station>,
}

impl Groups {
    fn set_router(&mut self, vr: VrId, record: Option<&RouterRecord>) {
        match record.filter(|record| record.key.cast == CAST_MULTICAST) {
            Some(record) => {
                let heard_on = Membership::adverts(record.key.ifindex, record.group);
                self.routers.insert(vr, heard_on)
            }
            None => self.routers.remove(&vr),
        };
    }

    /// A backup hears solicitations for its IPv6 addresses too, or nobody could
    /// answer before the stack has the address.
    fn set_vips(&mut self, vips: &[VipRecord]) {
        self.solicited = vips
            .iter()
            .filter_map(|vip| match vip.address {
                IpAddr::V6(address) => Some(Membership::solicited_node(vip.ifindex, address)),
                IpAddr::V4(_) => None,
            })
            .collect();
        let virtual_ones = vips.iter().filter(|vip| vip.mac != vip.own);
        self.stations = virtual_ones.map(|vip| (vip.ifindex, vip.mac)).collect();
    }

    fn wanted(&self) -> BTreeSet<Membership> {
        let adverts = self.routers.values();
        adverts.chain(&self.solicited).copied().collect()
    }
}
