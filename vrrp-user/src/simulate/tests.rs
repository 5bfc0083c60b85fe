//! Small clusters: who owns what, and what is found.

use super::{Given, Report, Segments, Severity, simulate};
use crate::config::{Context, Source, load};
use proptest::prelude::*;
use std::path::Path;

/// One file.
struct Text<'a>(&'a str);

impl Source for Text<'_> {
    fn read(&mut self, _: &Path) -> Result<Vec<u8>, String> {
        Ok(self.0.as_bytes().to_vec())
    }

    fn list(&mut self, _: &Path) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

fn given(name: &str, text: &str) -> Given {
    let path = format!("/{name}.conf");
    let loaded = load(&path, &mut Text(text), &Context::default());
    let rendered: String = loaded
        .diagnostics
        .iter()
        .map(|found| found.render(&loaded.files))
        .collect();
    Given {
        name: name.into(),
        config: loaded.config.expect(&rendered),
        places: loaded.places,
        files: loaded.files,
        diagnostics: loaded.diagnostics,
    }
}

/// `VI_1` on eth0, VRID 51, with what is written besides.
fn instance(priority: u8, more: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n priority {priority}\n \
         {more}\n virtual_ipaddress {{\n 203.0.113.1/24\n }}\n}}\n"
    )
}

fn script(weight: i16) -> String {
    format!("vrrp_script chk {{\n script /bin/true\n interval 1\n weight {weight}\n}}\n")
}

const TRACKS: &str = "track_script {\n chk\n }";

fn run(files: &[(&str, String)], fail: &[&str]) -> Report {
    let given: Vec<Given> = files.iter().map(|(name, text)| given(name, text)).collect();
    let fail: Vec<String> = fail.iter().map(|&it| it.to_owned()).collect();
    simulate(&given, &Segments::default(), &fail).expect("it is all there")
}

fn pair(a: String, b: String) -> Report {
    run(&[("a", a), ("b", b)], &[])
}

/// Who owns the only virtual router, then and once it is back.
fn owners(report: &Report, failed: &[&str]) -> (String, String) {
    let row = report.failures.iter().find(|row| row.failed == failed);
    let row = row.unwrap_or_else(|| panic!("{failed:?} was tried"));
    (row.then[0].nodes.join("+"), row.back[0].nodes.join("+"))
}

/// Each finding that matters, as `a:4: text`.
fn findings(report: &Report) -> Vec<String> {
    let all = report.findings.iter();
    let all = all.filter(|it| it.severity == Severity::Finding);
    all.map(|it| {
        let place = it.place.as_ref().map(|place| {
            let file = place.file.trim_start_matches('/');
            format!("{}:{}: ", file.trim_end_matches(".conf"), place.line)
        });
        format!("{}{}", place.unwrap_or_default(), it.message)
    })
    .collect()
}

#[test]
fn a_sound_pair_has_an_owner_whatever_fails() {
    let node = |priority| script(-60) + &instance(priority, TRACKS);
    let report = pair(node(150), node(100));
    assert_eq!(findings(&report), Vec::<String>::new());
    assert_eq!(report.start[0].nodes, ["a"]);
    let cases: [(&[&str], &str, &str); 6] = [
        (&["node:a"], "b", "a"),
        (&["link:a:eth0"], "b", "a"),
        (&["script:a:chk"], "b", "a"),
        (&["node:b"], "a", "a"),
        (&["script:a:chk", "script:b:chk"], "a", "a"),
        (&["node:a", "node:b"], "", "a"),
    ];
    for (failed, then, back) in cases {
        assert_eq!(
            owners(&report, failed),
            (then.to_owned(), back.to_owned()),
            "{failed:?}"
        );
    }
    // Of six things that fail, those of one node do not fail within it.
    assert_eq!(report.failures.len(), 6 + 11);
}

#[test]
fn it_takes_as_long_as_the_protocol_says() {
    let text = |priority| instance(priority, "version 3\n advert_int 0.1");
    let report = run(&[("a", text(150)), ("b", text(100))], &["node:a"]);
    let then = &report.failures[0].then[0];
    // 3 x 100 ms and a skew of 61 ms, from an advert that has just arrived.
    let after = then.after_ms.expect("it has changed hands");
    assert!((359..=362).contains(&after), "{after}");
    let back = report.failures[0].back[0].after_ms.expect("it has, too");
    // Its own patience with nobody it heeds: 3 x 100 ms and 41 ms.
    assert!((339..=343).contains(&back), "{back}");
}

#[test]
fn findings_have_their_line() {
    let sound = || instance(100, "");
    let cases: [(&str, String, String, &[&str]); 9] = [
        (
            "equal priority",
            sound(),
            sound(),
            &[
                "b:4: VI_1 of a and VI_1 of b have the same priority 100: the greater address decides",
            ],
        ),
        (
            "a weight that never flips",
            script(-2) + &instance(150, TRACKS),
            sound(),
            &[
                "a:11: chk failing on a takes VI_1 from priority 150 to 148, and b has 100: it stays MASTER",
            ],
        ),
        (
            "a weight that ends in a tie",
            script(-50) + &instance(150, TRACKS),
            sound(),
            &[
                "a:11: chk failing on a takes VI_1 from priority 150 to 100, the same as b has: the greater address decides whether it takes over",
            ],
        ),
        (
            "nopreempt on who should take over",
            script(-60) + &instance(150, TRACKS),
            instance(100, "nopreempt"),
            &[
                "b:5: chk failing on a takes VI_1 from priority 150 to 90, below the 100 of b, which does not take over all the same: it has `nopreempt`",
            ],
        ),
        (
            "nopreempt with state MASTER",
            instance(150, "state MASTER\n nopreempt"),
            sound(),
            &[
                "a:6: `nopreempt` does nothing with `state MASTER`: this router takes over whenever it comes back",
            ],
        ),
        (
            "state MASTER on the weaker one",
            instance(150, ""),
            instance(100, "state MASTER"),
            &[
                "b:5: VI_1 of b says `state MASTER`, but VI_1 of a becomes MASTER: its priority is 150, not 100",
            ],
        ),
        (
            "other versions",
            instance(150, ""),
            instance(100, "version 3"),
            &[
                "a:1: a and b are MASTER of VRID 51 at the same time",
                "b:5: VI_1 of b speaks VRRP version 3, VI_1 of a version 2: they do not heed each other, and both become MASTER",
            ],
        ),
        (
            "other intervals in version 3",
            instance(150, "version 3\n advert_int 0.1"),
            instance(100, "version 3\n advert_int 0.2"),
            &[
                "b:6: VI_1 of b advertises every 200 ms, VI_1 of a every 100 ms: how fast a failure is noticed depends on who is MASTER",
            ],
        ),
        (
            "all scripts fail",
            script(0) + &instance(150, TRACKS),
            script(0) + &instance(100, TRACKS),
            &[
                "a:6: nobody is MASTER of VRID 51 after script:a:chk and script:b:chk fail (a: tracked script chk fails; b: tracked script chk fails)",
            ],
        ),
    ];
    for (name, a, b, expected) in cases {
        assert_eq!(findings(&pair(a, b)), expected, "{name}");
    }
}

#[test]
fn addresses_passwords_and_peers_that_differ() {
    let swap = |text: String, from: &str, to: &str| text.replace(from, to);
    let password =
        |word: &str| format!("authentication {{\n auth_type PASS\n auth_pass {word}\n }}");
    let peer =
        |own: &str, other: &str| format!("unicast_src_ip {own}\n unicast_peer {{\n {other}\n }}");
    let cases: [(&str, String, String, &[&str]); 7] = [
        (
            "a VIP more",
            instance(150, ""),
            swap(
                instance(100, ""),
                "203.0.113.1/24",
                "203.0.113.1/24\n 203.0.113.2/24",
            ),
            &["b:6: `virtual_ipaddress` differs: only VI_1 of b has 203.0.113.2"],
        ),
        (
            "a VRID for two things",
            instance(150, ""),
            swap(instance(100, ""), "203.0.113.1", "203.0.113.9"),
            &[
                "b:3: VI_1 of b and VI_1 of a use VRID 51 for different addresses: one of them owns none",
            ],
        ),
        (
            "another password",
            instance(150, &password("one")),
            instance(100, &password("two")),
            &[
                "a:1: a and b are MASTER of VRID 51 at the same time",
                "b:5: VI_1 of b has another password than VI_1 of a: they do not heed each other, and both become MASTER",
            ],
        ),
        (
            "another multicast group",
            instance(150, ""),
            instance(100, "mcast_dst_ip 224.0.0.77"),
            &[
                "a:1: a and b are MASTER of VRID 51 at the same time",
                "b:5: VI_1 of b speaks in group 224.0.0.77, VI_1 of a in 224.0.0.18: they do not hear each other, and both become MASTER",
            ],
        ),
        (
            "unicast as it should be",
            instance(150, &peer("192.0.2.1", "192.0.2.2")),
            instance(100, &peer("192.0.2.2", "192.0.2.1")),
            &[],
        ),
        (
            "a unicast peer that nobody is",
            instance(150, &peer("192.0.2.1", "192.0.2.9")),
            instance(100, &peer("192.0.2.2", "192.0.2.1")),
            &[
                "a:1: a and b are MASTER of VRID 51 at the same time",
                "a:6: VI_1 of a does not list b as a `unicast_peer`: its adverts do not reach it",
                "a:7: `unicast_peer 192.0.2.9` of VI_1 of a is none of these nodes",
            ],
        ),
        (
            "a virtual router that stands alone",
            instance(150, ""),
            swap(instance(100, ""), "eth0", "ens3"),
            &[
                "a:3: VRID 51 is on eth0 of a and on ens3 of b: nobody takes over from either",
                "b:3: VRID 51 is on ens3 of b and on eth0 of a: nobody takes over from either",
            ],
        ),
    ];
    for (name, a, b, expected) in cases {
        assert_eq!(findings(&pair(a, b)), expected, "{name}");
    }
}

#[test]
fn segments_join_what_is_called_differently() {
    let files = [
        ("a", instance(150, "")),
        ("b", instance(100, "").replace("eth0", "ens3")),
    ];
    let given: Vec<Given> = files.iter().map(|(name, text)| given(name, text)).collect();
    let names = ["a".to_owned(), "b".to_owned()];
    let mut segments = Segments::default();
    assert_eq!(segments.add("a:eth0,b:ens3", &names), Ok(()));
    let report = simulate(&given, &segments, &[]).expect("it is all there");
    assert_eq!(findings(&report), Vec::<String>::new());
    assert_eq!(owners(&report, &["node:a"]).0, "b");
    for wrong in ["c:eth0", "a:"] {
        assert!(segments.add(wrong, &names).is_err(), "{wrong}");
    }
}

/// Two instances, in a group or not.
fn two(priority: u8, group: &str, tracks: &str) -> String {
    let second = instance(priority, "")
        .replace("VI_1", "VI_2")
        .replace("eth0", "eth1")
        .replace("router_id 51", "router_id 52")
        .replace("113.1/", "113.2/");
    format!("{group}{}{second}", instance(priority, tracks))
}

const GROUP: &str = "vrrp_sync_group G {\n group {\n VI_1\n VI_2\n }\n}\n";

#[test]
fn groups_move_together_or_are_told_of() {
    let report = pair(two(150, GROUP, ""), two(100, GROUP, ""));
    assert_eq!(findings(&report), Vec::<String>::new());
    let row = report
        .failures
        .iter()
        .find(|row| row.failed == ["link:a:eth1"]);
    let row = row.expect("it was tried");
    assert!(row.then.iter().all(|it| it.nodes == ["b"]), "{row:?}");

    let report = pair(two(150, GROUP, ""), two(100, "", ""));
    let found = findings(&report);
    assert!(
        found[0].starts_with("a:1: sync group G moves VRID 51 and VRID 52 together on a"),
        "{found:?}"
    );
}

#[test]
fn what_is_to_fail_has_to_be_there() {
    let files = [("a", instance(150, "")), ("b", instance(100, ""))];
    let given: Vec<Given> = files.iter().map(|(name, text)| given(name, text)).collect();
    let fail = |text: &str| {
        let told = simulate(&given, &Segments::default(), &[text.to_owned()]);
        told.map(|it| it.failures[0].failed.join(" "))
            .map_err(|error| error.to_string())
    };
    assert_eq!(fail("a"), Ok("node:a".into()));
    assert_eq!(fail("a:eth0"), Ok("link:a:eth0".into()));
    assert_eq!(fail("node:a+link:b:eth0"), Ok("node:a link:b:eth0".into()));
    let why = fail("link:a:eth1").expect_err("no such interface");
    assert!(why.contains("write `link:a:eth0`"), "{why}");
    let why = fail("nonsense-of-no-kind").expect_err("no such thing");
    assert!(why.contains("node:a, link:a:eth0, node:b"), "{why}");
}

/// What operators see; to be read when it changes.
#[test]
fn the_page_of_a_small_pair() {
    let report = pair(
        script(-2) + &instance(150, TRACKS),
        instance(100, "nopreempt"),
    );
    assert_eq!(report.page(), include_str!("tests/pair.txt"));
}

/// One router of a pair, and what may be different on each.
fn router() -> impl Strategy<Value = (u8, bool, i16, bool)> {
    (1..=254_u8, any::<bool>(), -100..=100_i16, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Where two routers agree in what they have to, there are never two owners, a dead
    /// one owns nothing, and one that is left and sound owns.
    #[test]
    fn a_pair_that_agrees_has_one_owner(
        (first, second) in (router(), router()),
        v3 in any::<bool>(),
        delay in 0..3_u8,
    ) {
        let text = |(priority, nopreempt, weight, fault): (u8, bool, i16, bool)| {
            let version = if v3 { "version 3\n advert_int 0.1" } else { "" };
            let nopreempt = if nopreempt { "nopreempt" } else { "" };
            let weight = if fault { 0 } else { weight };
            let more = format!("{version}\n {nopreempt}\n preempt_delay {delay}\n {TRACKS}");
            script(weight) + &instance(priority, &more)
        };
        let report = pair(text(first), text(second));
        prop_assert_eq!(report.start[0].nodes.len(), 1);
        for row in &report.failures {
            let then = &row.then[0].nodes;
            prop_assert!(then.len() <= 1, "{row:?}");
            for node in ["a", "b"] {
                let dead = row.failed.contains(&format!("node:{node}"));
                prop_assert!(!(dead && then.contains(&node.to_owned())), "{row:?}");
                let touched = row.failed.iter().any(|it| it.split(':').nth(1) == Some(node));
                prop_assert!(touched || then.len() == 1, "{row:?}");
            }
            prop_assert_eq!(row.back[0].nodes.len(), 1, "{:?}", row);
        }
        prop_assert!(report.page().ends_with('\n'));
    }
}
