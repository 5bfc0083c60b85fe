//! `iproute_usr_dir` and `iproute_etc_dir`: where the names of routing tables and the like
//! stand. They are wanted before anything else is lowered.

use super::{body, telling::absolute};
use crate::config::{diagnostic::Diagnostic, tree::Statement, value::surplus};

/// Where iproute2's names stand: what comes later overrules what came before.
const DIRECTORIES: [&str; 2] = ["/usr/share/iproute2", "/etc/iproute2"];

/// As written, or iproute2's own.
pub(crate) fn directories(root: &[Statement], diagnostics: &mut Vec<Diagnostic>) -> [String; 2] {
    let mut all = DIRECTORIES.map(str::to_owned);
    let blocks = root.iter().filter(|it| it.name() == "global_defs");
    for statement in blocks.flat_map(body) {
        let at = match statement.name() {
            "iproute_usr_dir" => 0,
            "iproute_etc_dir" => 1,
            _ => continue,
        };
        let words = statement.arguments();
        if let Some(path) = words.first().and_then(|word| absolute(word, diagnostics)) {
            all[at] = path;
        }
        surplus(words, 1, diagnostics);
    }
    all
}
