//! `lvs_timeouts`, `lvs_gone_servers`.

use super::super::body;
use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::balance::{Balance, Gone},
    tree::Statement,
    value::{bad, number, surplus},
};
use core::time::Duration;

/// keepalived's, seconds: 31 days.
pub(super) const MOST_TIMEOUT_S: i64 = 86_400 * 31;

pub(super) fn read(root: &[Statement], balance: &mut Balance, diagnostics: &mut Vec<Diagnostic>) {
    let globals = root.iter().filter(|s| s.name() == "global_defs");
    for statement in globals.flat_map(body) {
        match statement.name() {
            "lvs_timeouts" => timeouts(statement, balance, diagnostics),
            "lvs_gone_servers" => {
                let words = statement.arguments();
                match words.first().map(|word| (word, word.text.as_str())) {
                    Some((_, "reset")) => balance.gone = Gone::Reset,
                    Some((_, "drop")) => balance.gone = Gone::Drop,
                    Some((word, text)) => diagnostics.push(
                        bad(word, format!("`{text}` is nothing that becomes of a connection"))
                            .help("write `lvs_gone_servers reset` (clients know at once) or `lvs_gone_servers drop` (as IPVS)"),
                    ),
                    None => {}
                }
                surplus(words, 1, diagnostics);
            }
            _ => {}
        }
    }
}

/// `tcp SECONDS`, `tcpfin SECONDS`, `udp SECONDS`, in any order.
fn timeouts(statement: &Statement, balance: &mut Balance, diagnostics: &mut Vec<Diagnostic>) {
    const HELP: &str = "write `lvs_timeouts tcp 900 tcpfin 120 udp 300`, or some of it";
    let mut words = statement.arguments().iter();
    while let Some(word) = words.next() {
        let timeouts = &mut balance.timeouts;
        let timeout = match word.text.as_str() {
            "tcp" => &mut timeouts.tcp,
            "tcpfin" => &mut timeouts.tcp_fin,
            "udp" => &mut timeouts.udp,
            text => {
                let found = bad(word, format!("`{text}` has no timeout"));
                diagnostics.push(found.help(HELP));
                return;
            }
        };
        let Some(value) = words.next() else {
            let message = format!("nothing follows `{}`", word.text);
            let found = Diagnostic::error(Code::MissingParameter, word.span, message);
            diagnostics.push(found.help(HELP));
            return;
        };
        if let Some(seconds) = number(value, 0..=MOST_TIMEOUT_S, diagnostics)
            .and_then(|n| u64::try_from(n).ok())
            .filter(|&seconds| seconds > 0)
        {
            // 0 leaves it as it is, as in IPVS.
            *timeout = Duration::from_secs(seconds);
        }
    }
}
