//! What a node is called, when nobody has said so.

use std::{collections::BTreeSet, path::Path};

/// Names for configurations by path and `router_id`: the files' names where they
/// differ, else the `router_id`s, else the directories, else numbers.
#[must_use]
pub fn node_names(given: &[(&Path, &str)]) -> Vec<String> {
    let stem = |path: &Path| {
        path.file_stem()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let above = |path: &Path| {
        let directory = path.parent()?.file_name()?;
        Some(directory.to_string_lossy().into_owned())
    };
    let ways: [Vec<Option<String>>; 3] = [
        given.iter().map(|(path, _)| stem(path)).collect(),
        given.iter().map(|(_, id)| Some((*id).to_owned())).collect(),
        given.iter().map(|(path, _)| above(path)).collect(),
    ];
    let numbers = (1..=given.len()).map(|n| format!("node{n}")).collect();
    ways.into_iter().find_map(usable).unwrap_or(numbers)
}

/// Every node has one, no two have the same, and a fault can be written with them.
fn usable(names: Vec<Option<String>>) -> Option<Vec<String>> {
    let names: Vec<String> = names.into_iter().collect::<Option<_>>()?;
    let fit = |name: &String| !name.is_empty() && !name.contains([':', '+', ',', ' ']);
    let different: BTreeSet<&String> = names.iter().collect();
    (names.iter().all(fit) && different.len() == names.len()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths with their `router_id`, and the names that come of them.
    type Row<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

    #[test]
    fn whatever_tells_them_apart() {
        let cases: [Row<'_>; 5] = [
            (&[("/e/a.conf", "x"), ("/e/b.conf", "x")], &["a", "b"]),
            (
                &[("/1/k.conf", "lb1"), ("/2/k.conf", "lb2")],
                &["lb1", "lb2"],
            ),
            (&[("/n1/k.conf", ""), ("/n2/k.conf", "")], &["n1", "n2"]),
            (&[("k.conf", "x"), ("k.conf", "x")], &["node1", "node2"]),
            (&[("a:1.conf", "x"), ("b.conf", "y")], &["x", "y"]),
        ];
        for (given, expected) in cases {
            let given: Vec<(&Path, &str)> = given
                .iter()
                .map(|(path, id)| (Path::new(*path), *id))
                .collect();
            assert_eq!(node_names(&given), expected, "{given:?}");
        }
    }
}
