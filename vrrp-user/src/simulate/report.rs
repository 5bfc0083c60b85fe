//! What is told: who owns what, and what is wrong.

mod page;

use super::{
    Given,
    network::{Network, VirtualRouter},
    run::{Held, Rest, Run, Start},
};
use crate::config::model::Family;
use serde::Serialize;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It will not do what somebody expects.
    Finding,
    /// Worth knowing, and perhaps meant.
    Note,
}

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// Where; nowhere for all of them together.
    pub place: Option<Place>,
    /// What, and what comes of it.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// Who owns a virtual router at the end of a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// `VRID 51`, with segment and family where that says nothing yet.
    pub router: String,
    /// Nodes: none is nobody.
    pub nodes: Vec<String>,
    /// Milliseconds until that was so; absent: it was so before.
    pub after_ms: Option<u64>,
}

/// One failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What failed, as `--fail` has it.
    pub failed: Vec<String>,
    /// Who owned then.
    pub then: Vec<Owner>,
    /// Who owned once it was back.
    pub back: Vec<Owner>,
}

/// A virtual router, as all its nodes have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Router {
    /// As in [`Owner::router`].
    #[serde(rename = "router")]
    pub name: String,
    /// Segment it is on.
    pub segment: String,
    /// Instances: node, name, priority.
    pub instances: Vec<(String, String, u8)>,
    /// Addresses an advert of the first carries.
    pub addresses: Vec<String>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Names.
    pub nodes: Vec<String>,
    /// Every virtual router.
    pub routers: Vec<Router>,
    /// Who owns after the start.
    pub start: Vec<Owner>,
    /// Every failure that was tried.
    pub failures: Vec<Row>,
    /// Pairs that were not.
    pub pairs_left_out: usize,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Something is wrong that is not only worth knowing.
    #[must_use]
    pub fn has_findings(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|it| it.severity == Severity::Finding)
    }
}

pub(super) fn report(
    given: &[Given],
    network: &Network,
    start: &Start,
    runs: &[Run],
    findings: Vec<Finding>,
    pairs_left_out: usize,
) -> Report {
    let labels: Vec<String> = network
        .routers
        .iter()
        .map(|router| label(router, &network.routers))
        .collect();
    let owners = |rest: &Rest| -> Vec<Owner> {
        let each = labels.iter().zip(&rest.held);
        each.map(|(label, held)| owner(given, label, held))
            .collect()
    };
    let routers = labels.iter().zip(&network.routers);
    Report {
        nodes: given.iter().map(|it| it.name.clone()).collect(),
        routers: routers
            .map(|(label, it)| router(given, label, it))
            .collect(),
        start: owners(&start.rest),
        failures: runs
            .iter()
            .map(|run| Row {
                failed: run.faults.iter().map(|it| it.words(given)).collect(),
                then: owners(&run.failed),
                back: owners(&run.back),
            })
            .collect(),
        pairs_left_out,
        findings,
    }
}

fn owner(given: &[Given], label: &str, held: &Held) -> Owner {
    let nodes = held.by.iter().filter_map(|&node| given.get(node));
    Owner {
        router: label.to_owned(),
        nodes: nodes.map(|it| it.name.clone()).collect(),
        after_ms: held
            .after
            .map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
    }
}

fn router(given: &[Given], label: &str, router: &VirtualRouter) -> Router {
    let instances = router.parts.iter().filter_map(|&(node, index)| {
        let it = given.get(node)?;
        Some((it, it.config.instances.get(index)?))
    });
    let first = instances.clone().next();
    let addresses = first.into_iter().flat_map(|(_, it)| &it.addresses);
    Router {
        name: label.to_owned(),
        segment: router.segment.clone(),
        addresses: addresses.map(|it| it.address.to_string()).collect(),
        instances: instances
            .map(|(node, it)| (node.name.clone(), it.name.clone(), it.priority))
            .collect(),
    }
}

/// Enough to tell it from the others.
fn label(router: &VirtualRouter, all: &[VirtualRouter]) -> String {
    let mut label = format!("VRID {}", router.vrid);
    let alike = |other: &&VirtualRouter| other.vrid == router.vrid && *other != router;
    if all
        .iter()
        .filter(alike)
        .any(|it| it.family != router.family)
    {
        label += if router.family == Family::V6 {
            " IPv6"
        } else {
            " IPv4"
        };
    }
    let twin = |it: &VirtualRouter| it.family == router.family && it.segment != router.segment;
    if all.iter().filter(alike).any(twin) {
        label = format!("{label} on {}", router.segment);
    }
    label
}
