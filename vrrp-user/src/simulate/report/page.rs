//! The report for people.

use super::{Finding, Owner, Report, Router, Row, Severity};
use crate::time::in_words;
use core::{fmt::Write as _, time::Duration};

/// Widest first column; a longer entry has a line to itself.
const WIDEST: usize = 44;

impl Report {
    /// The page, with a line feed after each line.
    #[must_use]
    pub fn page(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "Nodes: {}", self.nodes.join(", "));
        for router in &self.routers {
            let _ = writeln!(out, "{}", heading(router));
        }
        let _ = writeln!(
            out,
            "\nMASTER at the start: {}",
            cells(&self.start).join("; ")
        );
        if !self.failures.is_empty() {
            self.table(&mut out);
        }
        if self.pairs_left_out > 0 {
            let _ = writeln!(
                out,
                "{} more pairs of failures were not tried; name them with --fail",
                self.pairs_left_out
            );
        }
        let _ = writeln!(out);
        if self.findings.is_empty() {
            let _ = writeln!(out, "Nothing found.");
        }
        for finding in &self.findings {
            out.push_str(&lines(finding));
        }
        out
    }

    fn table(&self, out: &mut String) {
        let heads = ["if this fails", "is MASTER then", "and once it is back"];
        let rows: Vec<[Vec<String>; 3]> = self.failures.iter().map(columns).collect();
        let width = |column: usize| {
            let cells = rows.iter().flat_map(|row| &row[column]);
            let longest = cells.map(|cell| cell.chars().count()).max();
            longest
                .unwrap_or_default()
                .clamp(heads[column].len(), WIDEST)
        };
        let (first, second) = (width(0), width(1));
        let _ = writeln!(
            out,
            "\n{:first$}  {:second$}  {}",
            heads[0], heads[1], heads[2]
        );
        for row in &rows {
            let height = row.iter().map(Vec::len).max().unwrap_or_default();
            for line in 0..height {
                let cell = |column: usize| row[column].get(line).map_or("", String::as_str);
                let text = format!("{:first$}  {:second$}  {}", cell(0), cell(1), cell(2));
                let _ = writeln!(out, "{}", text.trim_end());
            }
        }
    }
}

fn heading(router: &Router) -> String {
    let instances: Vec<String> = router
        .instances
        .iter()
        .map(|(node, name, priority)| format!("{name} of {node} with priority {priority}"))
        .collect();
    let addresses = match &router.addresses[..] {
        [] => String::new(),
        few if few.len() <= 3 => format!(" ({})", few.join(", ")),
        [first, ..] => format!(" ({first} and {} more)", router.addresses.len() - 1),
    };
    let on = if router.name.contains(" on ") {
        String::new()
    } else {
        format!(" on {}", router.segment)
    };
    format!("{}{on}: {}{addresses}", router.name, instances.join(", "))
}

/// What fails, on one line where it fits; then the owners.
fn columns(row: &Row) -> [Vec<String>; 3] {
    let joined = row.failed.join(" + ");
    let failed = if joined.len() <= WIDEST {
        vec![joined]
    } else {
        let mut failed = row.failed.clone();
        for later in failed.iter_mut().skip(1) {
            later.insert_str(0, "+ ");
        }
        failed
    };
    [failed, cells(&row.then), cells(&row.back)]
}

/// Who owns what: all in one where that is the same for all, else a cell for each owner.
fn cells(owners: &[Owner]) -> Vec<String> {
    let mut cells: Vec<(String, Vec<&str>)> = Vec::new();
    for owner in owners {
        let text = words(owner);
        match cells.iter_mut().find(|(known, _)| *known == text) {
            Some((_, routers)) => routers.push(&owner.router),
            None => cells.push((text, vec![&owner.router])),
        }
    }
    if let [(text, _)] = &cells[..] {
        return vec![text.clone()];
    }
    cells
        .into_iter()
        .map(|(text, routers)| format!("{}: {text}", routers.join(", ")))
        .collect()
}

fn words(owner: &Owner) -> String {
    let who = match owner.nodes.len() {
        0 => String::from("nobody"),
        1 => owner.nodes.concat(),
        2 => format!("both {}", owner.nodes.join(" and ")),
        _ => format!("all of {}", owner.nodes.join(", ")),
    };
    match owner.after_ms.filter(|_| !owner.nodes.is_empty()) {
        Some(after) => format!("{who} in {}", in_words(Duration::from_millis(after))),
        None => who,
    }
}

/// `FILE:LINE: finding: ...`, and what to write.
fn lines(finding: &Finding) -> String {
    let mut out = String::new();
    if let Some(place) = &finding.place {
        let _ = write!(out, "{}:{}: ", place.file, place.line);
    }
    let severity = match finding.severity {
        Severity::Finding => "finding",
        Severity::Note => "note",
    };
    let _ = writeln!(out, "{severity}: {}", finding.message);
    if let Some(help) = &finding.help {
        let _ = writeln!(out, "  = help: {help}");
    }
    out
}
