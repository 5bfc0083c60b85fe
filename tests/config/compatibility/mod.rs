//! `docs/COMPATIBILITY.md` is what the keyword tables and the evidence say.
//!
//! A keyword is served because a test shows it: every served one has evidence, a test
//! that exists, is run, and names the keyword. `XVRRP_BLESS=1` writes the page anew.

mod evidence;
mod page;
mod rows;

use evidence::{Evidence, evidence};
use std::{collections::BTreeMap, fs, path::Path};
use vrrp_user::config::{Context, Loaded, Source, Status, keywords, load};
use xvrrp_tests::evidence as source;

/// What shows each served keyword: block and keyword to tests.
type Shown = BTreeMap<(&'static str, &'static str), Vec<&'static str>>;

/// One file and no other.
struct Text<'a>(&'a str);

impl Source for Text<'_> {
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        if path == Path::new("/k") {
            return Ok(self.0.into());
        }
        Err("No such file or directory".to_owned())
    }

    fn list(&mut self, _: &Path) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

fn config(text: &str) -> Loaded {
    load("/k", &mut Text(text), &Context::default())
}

fn shown() -> Shown {
    let mut shown = Shown::new();
    for Evidence {
        block,
        keywords,
        tests,
    } in evidence()
    {
        for keyword in *keywords {
            shown.entry((block, keyword)).or_default().extend(*tests);
        }
    }
    shown
}

#[test]
fn whatever_is_served_has_a_test_that_names_it() {
    let shown = shown();
    let mut wrong = Vec::new();
    let served = keywords()
        .into_iter()
        .filter(|it| it.status == Status::Served);
    for keyword in served {
        let (block, name) = (keyword.block, keyword.name);
        let tests = shown.get(&(block, name)).map_or(&[][..], Vec::as_slice);
        let missing = tests.iter().filter_map(|test| source::find(test).err());
        wrong.extend(missing.map(|why| format!("{block} `{name}`: {why}")));
        if !tests
            .iter()
            .any(|test| source::says(test, |text| names(text, name)))
        {
            wrong.push(format!(
                "{block} `{name}` is served, and no test is known that names it: write one, \
                 and name it in tests/config/compatibility/evidence.rs"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn whatever_is_served_inside_rows_has_a_test_that_names_it() {
    let mut wrong = Vec::new();
    for rows::Row { of, words, tests } in rows::SERVED {
        let missing = tests.iter().filter_map(|test| source::find(test).err());
        wrong.extend(missing.map(|why| format!("{of}: {why}")));
        let named = |word: &str| {
            tests
                .iter()
                .any(|test| source::says(test, |it| names(it, word)))
        };
        let silent = words.iter().filter(|word| !named(word));
        wrong.extend(silent.map(|word| format!("{of}: no test names `{word}`")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_is_evidence_of_nothing_else() {
    let all = keywords();
    for (block, name) in shown().into_keys() {
        let served = all.iter().any(|keyword| {
            (keyword.block, keyword.name) == (block, name) && keyword.status == Status::Served
        });
        assert!(served, "{block} `{name}` is not served; it has evidence");
    }
}

/// What keepalived does for VRRP is served, or there is nothing for it to rule. The rest
/// is listed here by name, so that nothing else slips in among it.
#[test]
fn nothing_of_vrrp_is_left_for_later() {
    const SNMP: &[&str] = &[
        "snmp_socket",
        "enable_traps",
        "enable_snmp_vrrp",
        "enable_snmp_rfc",
        "enable_snmp_rfcv2",
        "enable_snmp_rfcv3",
        "enable_snmp_checker",
        "snmp_vs_stats_update_interval",
        "snmp_rs_stats_update_interval",
    ];
    const BFD: &[&str] = &["track_bfd", "bfd_instance"];
    const LOAD_BALANCER: &[&str] = &[
        "smtp_alert_checker",
        "no_checker_emails",
        "lvs_sync_daemon",
        "lvs_timeouts",
        "lvs_flush",
        "lvs_flush_on_stop",
        "lvs_notify_fifo",
        "lvs_notify_fifo_script",
        "rs_init_notifies",
        "checker_log_all_failures",
        "nftables_ipvs",
        "nftables_ipvs_priority",
        "nftables_ipvs_start_fwmark",
        "lvs_sync_daemon_interface",
        "net_namespace_ipvs",
        "virtual_server",
        "virtual_server_group",
        "SSL",
    ];
    /// Blocks that belong to one of the three as a whole.
    const BLOCKS: &[&str] = &[
        "`virtual_server`",
        "`real_server`",
        "`HTTP_GET`",
        "`url`",
        "`TCP_CHECK`",
        "`SMTP_CHECK`",
        "`host`",
        "`DNS_CHECK`",
        "`MISC_CHECK`",
        "`PING_CHECK`",
        "`UDP_CHECK`",
        "`FILE_CHECK`",
        "`BFD_CHECK`",
        "`bfd_instance`",
        "`SSL`",
    ];
    let all = keywords();
    let later = |it: &&vrrp_user::config::Keyword| matches!(it.status, Status::NotYet(_));
    let slipped: Vec<String> = all
        .iter()
        .filter(later)
        .filter(|it| !BLOCKS.contains(&it.block))
        .filter(|it| {
            ![SNMP, BFD, LOAD_BALANCER]
                .iter()
                .any(|list| list.contains(&it.name))
        })
        .map(|it| format!("{} `{}`", it.block, it.name))
        .collect();
    assert!(
        slipped.is_empty(),
        "serve it, or say in the table why there is nothing to rule: {}",
        slipped.join(", ")
    );
    // The words inside rows are VRRP's, all of them.
    for unserved in rows::UNSERVED {
        let (fate, told) = unserved.told();
        assert_ne!(fate, rows::Fate::NotYet, "{told}");
    }
}

#[test]
fn the_page_says_what_the_tables_say() {
    let page = page::page(&keywords(), &shown());
    let path = source::root().join("docs/COMPATIBILITY.md");
    if std::env::var_os("XVRRP_BLESS").is_some() {
        fs::write(&path, page).expect("write the page");
        return;
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(page.lines()).find(|(is, be)| is != be);
    assert!(
        written == page,
        "docs/COMPATIBILITY.md is stale, first at {differs:?}; write it anew: \
         XVRRP_BLESS=1 cargo test -p xvrrp-tests --test config compatibility"
    );
}

/// Whether a test says the keyword, as a word. In its configurations lines end in `\n`.
fn names(text: &str, keyword: &str) -> bool {
    let text = text.replace("\\n", "\n");
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(keyword).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + keyword.len()..].chars().next();
        !before.is_some_and(inside) && !after.is_some_and(inside)
    })
}

#[test]
fn a_keyword_is_named_as_a_word() {
    assert!(names("a(\"priority 5\\nnopreempt\")", "nopreempt"));
    assert!(names("preempt", "preempt"));
    assert!(!names("nopreempt\\npreempt_delay 5", "preempt"));
}
