//! Level-triggered lists: interfaces, VIP records, addresses. Each is emitted
//! whole when it has changed.

use super::{
    Engine,
    action::{Action, PlacedAddress, VipRecord},
};
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
            let vips = self.vips();
            if vips != self.desired.vips {
                self.desired.vips.clone_from(&vips);
                self.actions.push_back(Action::SetVips(vips));
            }
        }
        if core::mem::take(&mut self.desired.interfaces_stale) && self.stopping.is_none() {
            let interfaces = self.interfaces();
            if interfaces != self.desired.interfaces {
                self.desired.interfaces.clone_from(&interfaces);
                self.actions.push_back(Action::AttachInterfaces(interfaces));
            }
        }
        if core::mem::take(&mut self.desired.addresses_stale) {
            let addresses = self.addresses();
            if addresses != self.desired.addresses {
                self.desired.addresses.clone_from(&addresses);
                let (wanted, managed) = addresses;
                self.actions
                    .push_back(Action::SetAddresses { wanted, managed });
            }
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

    /// Wanted: those of groups that claim or own. They are placed while the gate
    /// is still shut, so that the stack can answer the moment it opens.
    fn addresses(&self) -> (Vec<PlacedAddress>, Vec<PlacedAddress>) {
        let (mut wanted, mut managed) = (Vec::new(), Vec::new());
        for instance in self.instances.values() {
            let claimed = |gate| {
                self.teams
                    .get(gate)
                    .is_some_and(|t| t.group.state().is_claimed())
            };
            if claimed(&instance.gate) {
                wanted.extend(instance.placed(&self.links));
            }
            managed.extend(instance.placed(&self.links));
        }
        (wanted, managed)
    }
}
