//! The lines of `status` about FIFOs and mail.

use serde::Deserialize;

/// A notify FIFO.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fifo {
    path: String,
    lines_written: u64,
    lines_waiting: u64,
    lines_lost: u64,
    error: Option<String>,
}

/// What is balanced.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Balance {
    services: u64,
    connections: u64,
    trouble: Vec<String>,
}

/// Mail.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Mail {
    server: String,
    sent: u64,
    waiting: u64,
    failed: u64,
    lost: u64,
    error: Option<String>,
}

impl Fifo {
    pub(super) fn line(&self) -> String {
        let Self {
            path,
            lines_written,
            lines_waiting,
            lines_lost,
            error,
        } = self;
        let mut said = vec![format!("Notify FIFO {path}: {lines_written} lines written")];
        said.extend(some(*lines_waiting, "wait for a reader"));
        said.extend(some(*lines_lost, "LOST"));
        said.extend(error.clone());
        said.join(", ")
    }
}

impl Balance {
    pub(super) fn lines(&self) -> Vec<String> {
        let Self {
            services,
            connections,
            trouble,
        } = self;
        let plural = if *services == 1 { "" } else { "s" };
        let mut said = vec![format!(
            "{services} virtual server{plural}: {connections} connections; `xvrrpd lvs` shows them"
        )];
        said.extend(trouble.iter().cloned());
        said
    }
}

impl Mail {
    pub(super) fn line(&self) -> String {
        let Self {
            server,
            sent,
            waiting,
            failed,
            lost,
            error,
        } = self;
        let mut said = vec![format!("Mail to {server}: {sent} sent")];
        said.extend(some(*waiting, "wait"));
        said.extend(some(*failed, "FAILED"));
        said.extend(some(*lost, "LOST"));
        said.extend(error.clone());
        said.join(", ")
    }
}

fn some(count: u64, what: &str) -> Option<String> {
    (count > 0).then(|| format!("{count} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn trouble_is_told_and_its_absence_is_not() {
        for (value, want) in [
            (
                json!({ "path": "/run/f", "lines_written": 3 }),
                "Notify FIFO /run/f: 3 lines written",
            ),
            (
                json!({ "path": "/f", "lines_waiting": 2, "lines_lost": 9, "error": "why" }),
                "Notify FIFO /f: 0 lines written, 2 wait for a reader, 9 LOST, why",
            ),
        ] {
            let fifo: Fifo = serde_json::from_value(value).expect("a FIFO");
            assert_eq!(fifo.line(), want);
        }
        let balance: Balance =
            serde_json::from_value(json!({ "services": 1, "trouble": ["no way"] })).expect("it");
        assert_eq!(
            balance.lines(),
            [
                "1 virtual server: 0 connections; `xvrrpd lvs` shows them",
                "no way"
            ]
        );
        for (value, want) in [
            (
                json!({ "server": "h:25", "sent": 3 }),
                "Mail to h:25: 3 sent",
            ),
            (
                json!({ "server": "h:25", "waiting": 1, "failed": 2, "lost": 3, "error": "why" }),
                "Mail to h:25: 0 sent, 1 wait, 2 FAILED, 3 LOST, why",
            ),
        ] {
            let mail: Mail = serde_json::from_value(value).expect("mail");
            assert_eq!(mail.line(), want);
        }
    }
}
