//! The whole way, text to model.

use super::*;
use crate::config::model::{CommandLine, Family, InitialState, Version};
use core::time::Duration;
use proptest::prelude::*;
use std::path::Path;

mod authentication;
mod balance;
mod by_name;
mod lowering;
mod network;
mod process;
mod telling;
mod tracking;

/// Files by absolute path.
pub(in crate::config) struct Memory(pub(super) BTreeMap<PathBuf, Vec<u8>>);

impl Memory {
    pub(in crate::config) fn one(path: &str, text: &str) -> Self {
        Self(BTreeMap::from([(path.into(), text.as_bytes().to_vec())]))
    }
}

impl Source for Memory {
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| "No such file or directory".to_owned())
    }

    fn list(&mut self, directory: &Path) -> Result<Vec<String>, String> {
        let inside = self
            .0
            .keys()
            .filter_map(|path| path.strip_prefix(directory).ok());
        let first = inside.filter_map(|rest| rest.iter().next());
        Ok(first
            .map(|name| name.to_string_lossy().into_owned())
            .collect())
    }
}

fn read(text: &str) -> Loaded {
    load("/k", &mut Memory::one("/k", text), &Context::default())
}

/// A sound file that uses most of the grammar, to be damaged.
const WHOLE: &str = "\
! \u{4e2d}\u{6587}
global_defs {
  router_id R1
  vrrp_garp_interval 0
  notification_email { a@b.c }
}
$VIP=192.0.2.
vrrp_script chk {
  script \"/bin/check 'a b' \\\"c\\\"\" # x
  interval 2
  weight -20
}
vrrp_sync_group G { group { A B } notify_master /bin/n }
~LST(N, A, B) vrrp_instance $N {
}
";

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic_and_spans_stay_inside(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        inside(&bytes);
    }

    #[test]
    fn no_mangled_file_panics(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..4, 0_usize..24), 1..12),
    ) {
        const BITS: [&str; 24] = [
            "{", "}", "\"", "'", "\\", "#", "!", "$", "${", "@", "~SEQ(A,3) ", "~LST({A,B},{1,2}) ", "\n", " ",
            "\u{a0}", "\u{3000}", "include /k", "/", "\u{ff5b}", "\u{0}", "-", "vrrp_instance", "weight", "$A=x \\\n",
        ];
        let mut text = WHOLE.to_owned();
        for (index, length, bit) in cuts {
            let mut start = index.index(text.len() + 1);
            while !text.is_char_boundary(start) { start -= 1; }
            let mut end = (start + length).min(text.len());
            while !text.is_char_boundary(end) { end += 1; }
            text.replace_range(start..end, BITS[bit]);
        }
        inside(text.as_bytes());
    }
}

fn inside(bytes: &[u8]) {
    let mut source = Memory(BTreeMap::from([("/k".into(), bytes.to_vec())]));
    let loaded = load("/k", &mut source, &Context::default());
    for d in &loaded.diagnostics {
        if let Some(span) = d.span {
            let file = loaded.files.file(span.file).expect("a file");
            assert!(
                file.text
                    .get(span.start as usize..span.end as usize)
                    .is_some(),
                "{d:?}"
            );
        }
        assert!(d.render(&loaded.files).ends_with('\n'));
    }
    assert_eq!(
        loaded.config.is_none(),
        loaded
            .diagnostics
            .iter()
            .any(|d| d.severity == Severity::Error)
    );
}

#[test]
fn an_empty_file_is_a_valid_one() {
    let loaded = read("");
    assert_eq!(loaded.config, Some(model::Config::default()));
    assert!(loaded.diagnostics.is_empty());
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let loaded = load(
        "none.conf",
        &mut Memory::one("/k", ""),
        &Context {
            working_directory: "/etc".into(),
            ..Context::default()
        },
    );
    assert!(loaded.config.is_none());
    assert_eq!(exit_code(&loaded.diagnostics), 4);
    assert_eq!(
        loaded.diagnostics[0].render(&loaded.files),
        "error: cannot read /etc/none.conf: No such file or directory\n"
    );
}

#[test]
fn what_a_sequence_repeats_is_told_once() {
    let loaded = read("~SEQ(N,5) vrrp_instance A$N {}\n~SEQ(N,5) global_defs { foo 1 }\n");
    let unknown = loaded
        .diagnostics
        .iter()
        .filter(|d| d.code == Code::UnknownKeyword);
    assert_eq!(unknown.count(), 1);
}
