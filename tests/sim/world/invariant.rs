//! At most one open gate for each address.

use super::{TrueNs, World};
use core::net::IpAddr;
use std::collections::BTreeMap;

/// Two gates for one address were open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) at: TrueNs,
    pub(crate) vip: IpAddr,
    pub(crate) nodes: (u8, u8),
}

impl World {
    /// The invariant: at most one open gate for each address.
    pub(super) fn look(&mut self) {
        let mut owners: BTreeMap<IpAddr, Vec<usize>> = BTreeMap::new();
        for index in 0..self.nodes.len() {
            for vip in self.open_vips(index) {
                owners.entry(vip).or_default().push(index);
            }
        }
        for (&(node, vip), open) in &mut self.open {
            *open &= owners.get(&vip).is_some_and(|nodes| nodes.contains(&node));
        }
        for (vip, nodes) in owners {
            for &node in &nodes {
                let open = self.open.entry((node, vip)).or_default();
                if !*open {
                    *open = true;
                    self.openings.push((self.now, self.nodes[node].id, vip));
                    if let Some(trace) = &mut self.trace {
                        trace.push(format!("{:>12} {} opens {vip}", self.now, node + 1));
                    }
                }
            }
            for (position, &a) in nodes.iter().enumerate() {
                for &b in &nodes[position + 1..] {
                    if self.assumed(a, b) {
                        let nodes = (self.nodes[a].id, self.nodes[b].id);
                        self.violations.push(Violation {
                            at: self.now,
                            vip,
                            nodes,
                        });
                    }
                }
            }
        }
    }
}
