//! `vrrp_rt_priority`, `vrrp_cpu_affinity`, `vrrp_rlimit_rttime`: what keepalived says
//! of its VRRP process, and here of the transmit thread.

use crate::config::{
    diagnostic::Diagnostic,
    model::Transmit,
    tree::Statement,
    value::{number, surplus},
};
use core::time::Duration;

/// Highest CPU number that can be written; whether there is such a CPU shows at the start.
const LAST_CPU: i64 = 1023;
/// Longest `vrrp_rlimit_rttime`, microseconds.
const MOST_MICROS: i64 = 1_000_000_000;

/// Takes one of the three; false if it is none of them.
pub(super) fn read(
    transmit: &mut Transmit,
    statement: &Statement,
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    let words = statement.arguments();
    let first = words.first();
    match statement.name() {
        "vrrp_rt_priority" => {
            let priority = first.and_then(|word| number(word, 1..=99, diagnostics));
            let priority = priority.and_then(|n| u8::try_from(n).ok());
            transmit.realtime_priority = priority.or(transmit.realtime_priority);
            surplus(words, 1, diagnostics);
        }
        "vrrp_cpu_affinity" => {
            let numbers = words
                .iter()
                .map(|word| number(word, 0..=LAST_CPU, diagnostics));
            let cpus: Vec<u16> = numbers.filter_map(|n| u16::try_from(n?).ok()).collect();
            if cpus.len() == words.len() {
                transmit.cpus = cpus;
                transmit.cpus.sort_unstable();
                transmit.cpus.dedup();
            }
        }
        "vrrp_rlimit_rttime" => {
            let micros = first.and_then(|word| number(word, 1..=MOST_MICROS, diagnostics));
            let micros = micros.and_then(|n| u64::try_from(n).ok());
            transmit.realtime_limit = micros
                .map(Duration::from_micros)
                .or(transmit.realtime_limit);
            surplus(words, 1, diagnostics);
        }
        _ => return false,
    }
    true
}
