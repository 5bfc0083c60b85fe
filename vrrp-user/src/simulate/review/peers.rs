//! Who cannot reach whom: unicast peers that nobody is, and routers that stand alone.

use super::{Part, Review};
use crate::simulate::{hearing::Deaf, network::VirtualRouter, run::Start};

impl Review<'_> {
    pub(super) fn peers(&mut self, start: &Start) {
        let network = self.network;
        for router in &network.routers {
            let parts = self.parts(router);
            if let [part] = parts[..]
                && self.given.len() > 1
            {
                self.alone(router, part);
            }
            for part in &parts {
                self.unicast(router, *part, &parts);
            }
        }
        for &(hearer, sender, vrid, why) in &start.deaf {
            self.refusal(hearer, sender, vrid, why);
        }
    }

    fn alone(&mut self, router: &VirtualRouter, part: Part<'_>) {
        let network = self.network;
        let elsewhere = network.routers.iter().find(|other| {
            (other.family, other.vrid) == (router.family, router.vrid)
                && other.segment != router.segment
                && other.parts.iter().all(|(node, _)| *node != part.node)
        });
        let twin = elsewhere.and_then(|other| self.parts(other).first().copied());
        let (message, help) = match twin {
            Some(twin) => (
                format!(
                    "VRID {} is on {} of {} and on {} of {}: nobody takes over from either",
                    router.vrid,
                    part.instance.interface,
                    part.name,
                    twin.instance.interface,
                    twin.name
                ),
                format!(
                    "if these are one segment, add `--segment {}:{},{}:{}`",
                    part.name, part.instance.interface, twin.name, twin.instance.interface
                ),
            ),
            None => (
                format!(
                    "only {} has VRID {} on {}: nobody takes over from it",
                    part.name, router.vrid, part.instance.interface
                ),
                String::from("write the instance on another router as well"),
            ),
        };
        self.about(part, &["virtual_router_id"], message, help);
    }

    fn unicast(&mut self, router: &VirtualRouter, part: Part<'_>, parts: &[Part<'_>]) {
        let Some(unicast) = &part.instance.unicast else {
            return;
        };
        let (given, network) = (self.given, self.network);
        let sources: Vec<_> = router
            .parts
            .iter()
            .map(|&(node, index)| (node, network.source(given, node, index)))
            .collect();
        for peer in &unicast.peers {
            let is = |(_, source): &&(usize, Option<_>)| *source == Some(peer.address);
            let address = peer.address.to_string();
            match sources.iter().find(is) {
                None => {
                    let message = format!(
                        "`unicast_peer {address}` of {} is none of these nodes",
                        part.words()
                    );
                    let help =
                        "write the peer's `unicast_src_ip`, or give its configuration as well";
                    self.about(part, &["unicast_peer", &address], message, help);
                }
                Some((node, _)) if *node == part.node => {
                    let message = format!("`unicast_peer {address}` of {} is itself", part.words());
                    self.about(part, &["unicast_peer", &address], message, "remove it");
                }
                Some(_) => {}
            }
        }
        for other in parts.iter().filter(|it| it.node != part.node) {
            let mut known = sources.iter().filter(|(node, _)| *node == other.node);
            let reached = known.any(|(_, source)| {
                source.is_none_or(|it| unicast.peers.iter().any(|peer| peer.address == it))
            });
            if !reached {
                let message = format!(
                    "{} does not list {} as a `unicast_peer`: its adverts do not reach it",
                    part.words(),
                    other.name
                );
                let help = "list every other router of the group on each of them";
                self.about(part, &["unicast_peer"], message, help);
            }
        }
    }

    /// What settings that differ do not explain.
    fn refusal(&mut self, hearer: usize, sender: usize, vrid: u8, why: Deaf) {
        let keyword = match why {
            Deaf::NotAPeer => "check_unicast_src",
            Deaf::NotListed => "advert_sources",
            Deaf::OwnSource => "unicast_src_ip",
            Deaf::Version | Deaf::Interval | Deaf::Authentication | Deaf::Group | Deaf::Ignored => {
                return;
            }
        };
        let given = self.given;
        let (Some(it), Some(from)) = (given.get(hearer), given.get(sender)) else {
            return;
        };
        let instance = it.config.instances.iter().find(|it| it.vrid == vrid);
        let Some(instance) = instance else { return };
        let part = Part {
            node: hearer,
            name: &it.name,
            instance,
        };
        let (message, help) = if why == Deaf::OwnSource {
            (
                format!(
                    "{} and {} advertise from one address: they do not heed each other",
                    part.words(),
                    from.name
                ),
                "write each router's own address",
            )
        } else {
            (
                format!(
                    "{} refuses the adverts of {}: `{keyword}` does not have its address",
                    part.words(),
                    from.name
                ),
                "add the address, or remove the keyword",
            )
        };
        self.about(part, &[keyword], message, help);
    }
}
