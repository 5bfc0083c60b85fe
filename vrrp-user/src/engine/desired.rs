//! Level-triggered lists: interfaces, VIP records, addresses. Each is emitted
//! whole when it has changed.

use super::{
    Engine,
    action::{Action, Network, PlacedAddress, VipRecord},
};
use crate::ownership::command::GateId;
use std::collections::BTreeSet;

/// What was last asked for, and what may have changed since.
#[derive(Clone, Debug, Default)]
pub(super) struct Desired {
    pub(super) interfaces_stale: bool,
    pub(super) vips_stale: bool,
    pub(super) addresses_stale: bool,
    interfaces: Vec<u32>,
    vips: Vec<VipRecord>,
    addresses: (Vec<PlacedAddress>, Vec<PlacedAddress>),
    network: (Network, Network),
}

impl Desired {
    pub(super) fn all_stale(&mut self) {
        self.interfaces_stale = true;
        self.vips_stale = true;
        self.addresses_stale = true;
    }
}

impl Engine {
    pub(super) fn emit_desired(&mut self) {
        // What is fenced is settled before anything is detached.
        if core::mem::take(&mut self.desired.vips_stale) {
            self.emit_vips();
        }
        if core::mem::take(&mut self.desired.interfaces_stale) && self.stopping.is_none() {
            let interfaces = self.interfaces();
            if interfaces != self.desired.interfaces {
                self.desired.interfaces.clone_from(&interfaces);
                self.actions.push_back(Action::AttachInterfaces(interfaces));
            }
        }
        if core::mem::take(&mut self.desired.addresses_stale) {
            // Rules and routes come after the addresses and go before them.
            let network = self.network();
            let goes_first = !network.0.covers(&self.desired.network.0);
            if goes_first {
                self.emit_network(&network);
            }
            let addresses = self.addresses();
            if addresses != self.desired.addresses {
                self.desired.addresses.clone_from(&addresses);
                let (wanted, managed) = addresses;
                self.actions
                    .push_back(Action::SetAddresses { wanted, managed });
            }
            if !goes_first {
                self.emit_network(&network);
            }
        }
    }

    pub(super) fn emit_vips(&mut self) {
        let vips = self.vips();
        if vips != self.desired.vips {
            self.desired.vips.clone_from(&vips);
            self.actions.push_back(Action::SetVips(vips));
        }
    }

    fn emit_network(&mut self, network: &(Network, Network)) {
        if *network != self.desired.network {
            self.desired.network.clone_from(network);
            let (wanted, managed) = network.clone();
            self.actions
                .push_back(Action::SetNetwork { wanted, managed });
        }
    }

    /// An address this daemon manages is still on an interface.
    pub(super) fn any_managed_placed(&self) -> bool {
        self.desired.addresses.1.iter().any(|managed| {
            self.placed
                .contains(&(managed.ifindex, managed.address.address))
        })
    }

    /// Where adverts come in, and where virtual addresses live.
    fn interfaces(&self) -> Vec<u32> {
        let mut all = BTreeSet::new();
        for instance in self.instances.values() {
            all.extend(
                self.links
                    .named(&instance.config.interface)
                    .map(|link| link.ifindex),
            );
            all.extend(instance.placed(&self.links).map(|address| address.ifindex));
        }
        all.into_iter().collect()
    }

    /// Every address of every instance: a shut gate fences them.
    fn vips(&self) -> Vec<VipRecord> {
        if self.finished {
            return Vec::new();
        }
        let in_stack = |ifindex, address| self.placed.contains(&(ifindex, address));
        self.instances
            .values()
            .flat_map(|it| it.vips(&self.links, in_stack))
            .collect()
    }

    /// Wanted: what is static, until the daemon has given up what it owned, and the
    /// routes and rules of groups that claim or own.
    fn network(&self) -> (Network, Network) {
        let statics = &self.config.statics;
        let fixed = Network {
            addresses: statics
                .addresses
                .iter()
                .map(|it| it.address.clone())
                .collect(),
            routes: statics.routes.clone(),
            rules: statics.rules.clone(),
            promoted: self.promoted(),
        };
        let mut wanted = match self.stopping {
            Some(_) if self.ceasing.is_empty() => Network::default(),
            _ => fixed.clone(),
        };
        let mut managed = fixed;
        for instance in self.instances.values() {
            let (routes, rules) = (&instance.config.routes, &instance.config.rules);
            if self.is_claimed(instance.gate) {
                wanted.routes.extend_from_slice(routes);
                wanted.rules.extend_from_slice(rules);
            }
            managed.routes.extend_from_slice(routes);
            managed.rules.extend_from_slice(rules);
        }
        (wanted, managed)
    }

    fn promoted(&self) -> Vec<String> {
        let with = self.instances.values();
        let with = with.filter(|it| it.config.promote_secondaries);
        let own = with.flat_map(|it| it.interfaces().map(str::to_owned));
        own.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn is_claimed(&self, gate: GateId) -> bool {
        let team = self.teams.get(&gate);
        team.is_some_and(|team| team.group.state().is_claimed())
    }

    /// Wanted: those of groups that claim or own. They are placed while the gate
    /// is still shut, so that the stack can answer the moment it opens.
    fn addresses(&self) -> (Vec<PlacedAddress>, Vec<PlacedAddress>) {
        let (mut wanted, mut managed) = (Vec::new(), Vec::new());
        for instance in self.instances.values() {
            if self.is_claimed(instance.gate) {
                wanted.extend(instance.placed(&self.links));
            }
            managed.extend(instance.placed(&self.links));
        }
        (wanted, managed)
    }
}
