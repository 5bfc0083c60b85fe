//! Every rule of VRRP that shows on the wire, by number, through the loaded programs.
//!
//! A row is a rule in our words, the section it comes from, and frames that show it:
//! what becomes of each, what is counted and told, and what the peer map holds
//! afterwards. Every frame is shown to the kernel with its sender unknown and with its
//! sender known, because what is refused must not touch the record of a peer.
//!
//! The kernel's part of a rule is here. What no frame can show (when a timer ends, what
//! is sent then) stands in tests that the row names; a row that names a test which does
//! not exist fails. Needs root.

#[path = "../xdp/kernel.rs"]
#[expect(dead_code, reason = "shared with `xdp`, which uses all of it")]
mod kernel;

mod frames;
mod hosts;
mod message;
mod receiving;
mod run;
mod sending;
mod states;
mod trial;

use trial::Rule;
use xvrrp_tests::evidence;

/// All of them, in order.
fn rules() -> Vec<Rule> {
    let files = [
        receiving::rules(),
        message::rules(),
        sending::rules(),
        states::rules(),
        hosts::rules(),
    ];
    let mut all: Vec<Rule> = files.into_iter().flatten().collect();
    all.sort_by_key(|rule| rule.number);
    all
}

#[test]
fn every_rule_holds_in_the_kernel() {
    let mut kernel = kernel::Kernel::load();
    for rule in rules() {
        assert!(
            !rule.trials.is_empty(),
            "rule {} shows nothing",
            rule.number
        );
        for trial in &rule.trials {
            run::check(&mut kernel, &rule, trial);
        }
    }
}

#[test]
fn there_are_36_rules_in_order_each_with_its_section() {
    let rules = rules();
    let numbers: Vec<u8> = rules.iter().map(|rule| rule.number).collect();
    assert_eq!(numbers, (1..=36).collect::<Vec<_>>());
    for rule in &rules {
        assert!(
            rule.section.starts_with("RFC ") && rule.section.contains('§'),
            "rule {}: {}",
            rule.number,
            rule.section
        );
    }
}

#[test]
fn what_stands_elsewhere_is_there() {
    let mut missing = Vec::new();
    for rule in rules() {
        for test in rule.elsewhere {
            if let Err(why) = evidence::find(test) {
                missing.push(format!("rule {}: {why}", rule.number));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
