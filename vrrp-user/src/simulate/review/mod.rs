//! What is wrong: what the configurations contradict each other in, and what came of
//! the failures.

mod groups;
mod outcome;
mod peers;
mod settings;
mod weight;

use super::{
    Given,
    network::{Network, VirtualRouter},
    report::{Finding, Place, Severity},
    run::{Run, Start},
};
use crate::config::{self, Code, model::Instance};

/// Everything, by file and line.
pub(super) fn review(
    given: &[Given],
    network: &Network,
    start: &Start,
    runs: &[Run],
) -> Vec<Finding> {
    let mut review = Review {
        given,
        network,
        findings: Vec::new(),
    };
    review.of_each_file();
    review.settings();
    review.peers(start);
    review.groups();
    review.outcome(start, runs);
    let mut findings = review.findings;
    findings.sort_by(|a, b| (a.severity, &a.place).cmp(&(b.severity, &b.place)));
    findings.dedup_by(|a, b| (&a.place, &a.message) == (&b.place, &b.message));
    findings
}

struct Review<'a> {
    given: &'a [Given],
    network: &'a Network,
    findings: Vec<Finding>,
}

/// One instance of a virtual router.
#[derive(Clone, Copy)]
struct Part<'a> {
    node: usize,
    name: &'a str,
    instance: &'a Instance,
}

impl Part<'_> {
    /// `VI_1 of a`.
    fn words(self) -> String {
        format!("{} of {}", self.instance.name, self.name)
    }
}

impl<'a> Review<'a> {
    fn parts(&self, router: &VirtualRouter) -> Vec<Part<'a>> {
        let given = self.given;
        let part = |&(node, index): &(usize, usize)| {
            let it = given.get(node)?;
            let instance = it.config.instances.get(index)?;
            let name = it.name.as_str();
            Some(Part {
                node,
                name,
                instance,
            })
        };
        router.parts.iter().filter_map(part).collect()
    }

    fn place(&self, node: usize, path: &[&str]) -> Option<Place> {
        let it = self.given.get(node)?;
        self.at(node, it.places.find(path)?)
    }

    fn at(&self, node: usize, span: config::Span) -> Option<Place> {
        let files = &self.given.get(node)?.files;
        Some(Place {
            file: files.file(span.file)?.path.display().to_string(),
            line: files.position(span).line,
        })
    }

    /// Something about a keyword of an instance.
    fn about(
        &mut self,
        part: Part<'_>,
        keyword: &[&str],
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.tell(Severity::Finding, part, keyword, message, help);
    }

    fn tell(
        &mut self,
        severity: Severity,
        part: Part<'_>,
        keyword: &[&str],
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let mut path = vec!["vrrp_instance", part.instance.name.as_str()];
        path.extend(keyword);
        self.findings.push(Finding {
            severity,
            place: self.place(part.node, &path),
            message: message.into(),
            help: Some(help.into()),
        });
    }

    /// What one file alone proves: a setting that another overrules, or that cannot work
    /// as meant.
    fn of_each_file(&mut self) {
        for (node, it) in self.given.iter().enumerate() {
            for found in &it.diagnostics {
                let matters = matches!(found.code, Code::Overruled | Code::Lint);
                if !matters || found.severity != config::Severity::Warning {
                    continue;
                }
                self.findings.push(Finding {
                    severity: Severity::Finding,
                    place: found.span.and_then(|span| self.at(node, span)),
                    message: found.message.clone(),
                    help: found.help.clone(),
                });
            }
        }
    }
}
