//! Where things stand in the files of a configuration, for whoever has something to
//! say about it later: a value of the model no longer knows.

use super::{source::Span, tree::Statement};
use std::collections::BTreeMap;

/// Every block, keyword and row by its path: `vrrp_instance`, `VI_1`,
/// `track_script`, `chk`. The first of each.
#[derive(Clone, Debug, Default)]
pub struct Places(BTreeMap<Vec<String>, Span>);

impl Places {
    pub(crate) fn of(root: &[Statement]) -> Self {
        let mut places = Self::default();
        for statement in root {
            places.add(&[], statement, true);
        }
        places
    }

    /// Where `path` stands, or the innermost block around it that does.
    #[must_use]
    pub fn find(&self, path: &[&str]) -> Option<Span> {
        (1..=path.len()).rev().find_map(|len| {
            let path: Vec<String> = path[..len].iter().map(|&word| word.to_owned()).collect();
            self.0.get(&path).copied()
        })
    }

    fn add(&mut self, around: &[String], statement: &Statement, is_root: bool) {
        let mut path = around.to_vec();
        path.push(statement.name().to_owned());
        let Some(block) = &statement.block else {
            self.0.entry(path).or_insert(statement.span());
            return;
        };
        if is_root && let Some(name) = statement.arguments().first() {
            path.push(name.text.clone());
        }
        self.0.entry(path.clone()).or_insert(statement.span());
        for inner in &block.statements {
            self.add(&path, inner, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Context, load, tests::Memory};

    #[test]
    fn the_innermost_place_that_is_written() {
        let text = "vrrp_script chk {\n script /bin/true\n}\nvrrp_instance VI {\n \
                    interface eth0\n virtual_router_id 5\n track_script {\n chk weight -5\n }\n}\n";
        let loaded = load("/k", &mut Memory::one("/k", text), &Context::default());
        let cases: [(&[&str], Option<u32>); 6] = [
            (&["vrrp_script", "chk"], Some(1)),
            (&["vrrp_script", "chk", "weight"], Some(1)),
            (&["vrrp_instance", "VI", "virtual_router_id"], Some(6)),
            (&["vrrp_instance", "VI", "track_script", "chk"], Some(8)),
            (&["vrrp_instance", "VI", "track_script", "other"], Some(7)),
            (&["vrrp_instance", "none", "priority"], None),
        ];
        for (path, line) in cases {
            let found = loaded.places.find(path);
            let found = found.map(|span| loaded.files.position(span).line);
            assert_eq!(found, line, "{path:?}");
        }
    }
}
