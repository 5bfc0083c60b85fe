//! What a dead daemon left in the kernel, found and removed without one.

use super::{
    attach::{self, EGRESS_PIN, XDP_PIN},
    instance::Instance,
    pins::{self, Pins},
    reader::Reader,
    rtnl,
    tables::address,
    vlan_offload,
};
use crate::shell::{station_filter, unicast_filter};
use anyhow::{Context, Result, anyhow, bail};
use std::{collections::BTreeSet, net::IpAddr};
use vrrp_common::maps::{CAST_MULTICAST, LAYOUT_VERSION, VIP_VIRTUAL_MAC};

/// Pins of a daemon that is no more; its lock is the caller's.
#[derive(Debug)]
pub struct Leftovers {
    pins: Pins,
    /// Recorded in `XVRRP_VIPS`: interface and address. To be removed before
    /// [`Leftovers::remove`] takes the fence away.
    pub addresses: Vec<(u32, IpAddr)>,
    /// Virtual MACs, and the interfaces that take frames to them.
    stations: BTreeSet<(u32, [u8; 6])>,
    /// Interfaces and the multicast groups they take adverts from.
    groups: BTreeSet<(u32, IpAddr)>,
}

/// Something is pinned for this instance.
pub fn has_pins(instance: &Instance) -> bool {
    pins::directories_of(instance).is_ok_and(|found| !found.is_empty())
}

impl Leftovers {
    /// What is pinned for `instance`. An error if its addresses cannot be known:
    /// nothing may be unfenced then.
    pub fn find(instance: &Instance) -> Result<Self> {
        let found = pins::directories_of(instance).map_err(|why| anyhow!("{why}"))?;
        if let Some((layout, dir)) = found.iter().find(|(layout, _)| *layout != LAYOUT_VERSION) {
            bail!(
                "{} was left by a release whose maps (layout {layout}) this one cannot read, so the addresses behind its fence are unknown: start xvrrpd once and stop it, or remove the addresses by hand, then `rm -r` that directory",
                dir.display()
            );
        }
        let (mut stations, mut groups) = (BTreeSet::new(), BTreeSet::new());
        let addresses = if found.is_empty() {
            Vec::new()
        } else {
            let snapshot = Reader::open(instance).and_then(|reader| reader.snapshot());
            let snapshot = snapshot
                .context("which addresses are fenced cannot be read, so nothing is removed")?;
            for view in &snapshot.vips {
                if view.vip.flags & VIP_VIRTUAL_MAC != 0 {
                    stations.insert((view.ifindex, view.vip.mac));
                }
            }
            for view in &snapshot.routers {
                if view.key.cast == CAST_MULTICAST {
                    let group = address(view.key.family, view.router.group);
                    groups.insert((view.key.ifindex, group));
                }
            }
            let vips = snapshot.vips.iter();
            vips.map(|vip| (vip.ifindex, vip.address)).collect()
        };
        Ok(Self {
            pins: Pins::open(instance),
            addresses,
            stations,
            groups,
        })
    }

    /// Takes the programs off every interface and removes all pins; what was done,
    /// and what an operator may have to do, in words.
    pub fn remove(self) -> Result<Vec<String>> {
        let interfaces: BTreeSet<u32> = [XDP_PIN, EGRESS_PIN]
            .into_iter()
            .flat_map(|prefix| self.pins.links(prefix))
            .map(|(ifindex, _)| ifindex)
            .collect();
        let links = rtnl::links().context("list the interfaces")?;
        let mut said = Vec::new();
        for ifindex in interfaces {
            attach::remove_leftovers(&self.pins, ifindex)?;
            let Some(link) = links.iter().find(|link| link.ifindex == ifindex) else {
                continue;
            };
            said.push(format!("{}: programs removed", link.name));
            // Who switched it off died with the daemon.
            if vlan_offload::carries_vlans(link, &links)
                && vlan_offload::is_on(&link.name).is_ok_and(|on| !on)
            {
                said.push(format!(
                    "{name}: receive VLAN offload is off; if it was on before xvrrpd ran: `ethtool -K {name} rxvlan on`",
                    name = link.name
                ));
            }
        }
        for (ifindex, mac) in self.stations {
            unicast_filter::release(ifindex, mac).context("take a virtual MAC back")?;
        }
        for (ifindex, group) in self.groups {
            station_filter::release(ifindex, station_filter::station(group))
                .context("take a group's station back")?;
        }
        self.pins.remove_all()?;
        Ok(said)
    }
}
