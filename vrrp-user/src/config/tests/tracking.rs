//! Everything that can be tracked: what the model has of it, and what is said of
//! what is wrong.

use super::*;
use crate::config::model::{
    Config, HttpRequest, InitFile, Instance, Parameters, Probe, TrackFile, TrackProcess, Tracked,
};

const VIP: &str = "virtual_ipaddress { 10.0.0.1 }";

/// A file with these blocks, whose instance has these lines.
fn file(blocks: &str, lines: &str) -> String {
    format!(
        "{blocks}\nvrrp_instance V {{\ninterface eth0\nvirtual_router_id 7\n{VIP}\n{lines}\n}}\n"
    )
}

fn sound(text: &str) -> Config {
    let loaded = read(text);
    let told: Vec<_> = loaded.diagnostics.iter().map(|d| &d.message).collect();
    assert!(told.is_empty(), "{told:?}");
    loaded.config.expect("no diagnostics")
}

/// What is said, each as `line:column message | help`.
fn said(text: &str) -> Vec<String> {
    let loaded = read(text);
    let one = |d: &Diagnostic| {
        let at = loaded.files.position(d.span.expect("a place"));
        let help = d.help.as_deref().unwrap_or("-");
        format!("{}:{} {} | {help}", at.line, at.column, d.message)
    };
    loaded.diagnostics.iter().map(one).collect()
}

fn row(name: &str, weight: i16, reverse: bool) -> Tracked {
    Tracked {
        name: name.into(),
        weight,
        reverse,
    }
}

#[test]
fn a_track_file() {
    let one = |block: &str, line: &str| {
        let blocks = format!("track_file f {{\nfile \"/run/my file\"\n{block}\n}}");
        let mut config = sound(&file(&blocks, &format!("track_file {{ {line} }}")));
        let instance = config.instances.remove(0);
        (config.files.remove(0), instance.track_files)
    };
    let cases = [
        ("", "f", (1, false), None),
        ("weight -3 reverse", "f", (-3, true), None),
        ("weight 3 reverse", "f weight 2", (2, true), None),
        (
            "weight 3 reverse",
            "f weight -254 noreverse",
            (-254, false),
            None,
        ),
        ("init_file", "f", (1, false), Some((0, false))),
        ("init_file 5", "f", (1, false), Some((5, false))),
        ("init_file -5 overwrite", "f", (1, false), Some((-5, true))),
        ("init_file overwrite", "f", (1, false), Some((0, true))),
    ];
    for (block, line, (weight, reverse), init) in cases {
        let want = TrackFile {
            name: "f".into(),
            path: "/run/my file".into(),
            init: init.map(|(value, overwrite)| InitFile { value, overwrite }),
        };
        let tracks = vec![row("f", weight, reverse)];
        assert_eq!(one(block, line), (want, tracks), "{block} {line}");
    }
    // The spelling until 2.0.20.
    let text = file("vrrp_track_file f {\nfile /f\n}", "track_file { f }");
    assert_eq!(read(&text).config.expect("sound").files.len(), 1);
}

#[test]
fn a_track_process() {
    let one = |block: &str| {
        let blocks = format!("vrrp_track_process p {{\n{block}\n}}");
        let mut config = sound(&file(&blocks, "track_process { p }"));
        let tracks = config.instances.remove(0).track_processes;
        (config.processes.remove(0), tracks)
    };
    let (process, tracks) = one("process nginx");
    // keepalived 2.2.7 takes weight 0, its manual says 1.
    assert_eq!(tracks, [row("p", 0, false)]);
    let TrackProcess {
        pattern,
        quorum,
        quorum_max,
        fork_delay,
        terminate_delay,
        ..
    } = process;
    assert_eq!(
        (&*pattern.command, pattern.full_command, pattern.parameters),
        ("nginx", false, None)
    );
    assert_eq!((quorum, quorum_max), (1, None));
    assert_eq!(
        (fork_delay, terminate_delay),
        (Duration::ZERO, Duration::ZERO)
    );

    let (process, tracks) = one(
        "process nginx\nweight 254 reverse\nquorum 2\nquorum_max 4\ndelay 0.5\nfork_delay 0.1\nfull_command",
    );
    assert_eq!(tracks, [row("p", 254, true)]);
    assert_eq!((process.quorum, process.quorum_max), (2, Some(4)));
    assert_eq!(
        (process.fork_delay, process.terminate_delay),
        (Duration::from_millis(100), Duration::from_millis(500))
    );
    assert!(process.pattern.full_command);

    let (process, _) = one("process nginx\nterminate_delay 2");
    assert_eq!(
        (process.fork_delay, process.terminate_delay),
        (Duration::ZERO, Duration::from_secs(2))
    );
    let (process, _) = one("process nginx\nquorum_max 0");
    assert_eq!((process.quorum, process.quorum_max), (0, Some(0)));

    let words = |all: &[&str]| all.iter().map(|&it| it.to_owned()).collect::<Vec<_>>();
    let cases = [
        (
            "process \"/tmp/a b\" x \"y z\"",
            Parameters::Exactly(words(&["x", "y z"])),
        ),
        (
            "process a x\nparam_match partial",
            Parameters::StartWith(words(&["x"])),
        ),
        (
            "param_match initial\nprocess a x",
            Parameters::BeginWith(words(&["x"])),
        ),
        ("process a\nparam_match", Parameters::Exactly(Vec::new())),
    ];
    for (block, want) in cases {
        let (process, _) = one(block);
        assert_eq!(process.pattern.parameters, Some(want), "{block}");
        assert!(process.pattern.full_command, "{block}");
    }
}

#[test]
fn a_track_tcp_and_a_track_http() {
    let one = |kind: &str, block: &str| {
        let blocks = format!("vrrp_track_{kind} s {{\n{block}\n}}");
        let lines = format!("track_{kind} {{ s }}");
        let mut config = sound(&file(&blocks, &lines));
        let instance = config.instances.remove(0);
        let tracks = [instance.track_tcp, instance.track_http].concat();
        (config.probes.remove(0), tracks)
    };
    let second = Duration::from_secs(1);
    let (tcp, tracks) = one("tcp", "host 127.0.0.1\nport 80");
    assert_eq!(tracks, [row("s", 0, false)]);
    let default = Probe {
        name: "s".into(),
        address: [127, 0, 0, 1].into(),
        port: 80,
        request: None,
        interval: second,
        timeout: second,
        rise: 1,
        fall: 1,
        init_fail: false,
    };
    assert_eq!(tcp, default);
    let (tcp, tracks) = one(
        "tcp",
        "host ::1\nport 443\nconnect_timeout 0.3\ninterval 2\nrise 3\nfall 4\nweight -20 reverse\ninit_fail",
    );
    assert_eq!(tracks, [row("s", -20, true)]);
    assert_eq!((tcp.address.to_string().as_str(), tcp.port), ("::1", 443));
    let times = (tcp.interval, tcp.timeout, tcp.rise, tcp.fall, tcp.init_fail);
    assert_eq!(times, (second * 2, Duration::from_millis(300), 3, 4, true));

    let request = |host: &str, path: &str, good: &[(u16, u16)]| {
        Some(HttpRequest {
            host: host.into(),
            path: path.into(),
            good: good.to_vec(),
        })
    };
    let ok = [(200, 299)];
    let cases = [
        ("host 10.0.0.9", 80, request("10.0.0.9", "/", &ok)),
        ("url http://10.0.0.9", 80, request("10.0.0.9", "/", &ok)),
        (
            "url http://10.0.0.9:8080/up?a=b",
            8080,
            request("10.0.0.9:8080", "/up?a=b", &ok),
        ),
        (
            "url http://[2001:db8::1]/up",
            80,
            request("[2001:db8::1]", "/up", &ok),
        ),
        (
            "url http://[2001:db8::1]:81/",
            81,
            request("[2001:db8::1]:81", "/", &ok),
        ),
        (
            "host 10.0.0.9\nport 81\npath /x\nvirtualhost www.example\nstatus_code 200-204 401",
            81,
            request("www.example", "/x", &[(200, 204), (401, 401)]),
        ),
    ];
    for (block, port, want) in cases {
        let (http, _) = one("http", block);
        assert_eq!((http.port, http.request), (port, want), "{block}");
    }
    let (http, _) = one("http", "host 10.0.0.9\ntimeout 0.25");
    assert_eq!(http.timeout, Duration::from_millis(250));
}

/// A block, and what is said of it.
const WRONG: &[(&str, &str)] = &[
    (
        "track_file f {\n}",
        "1:12 `track_file f` has no `file` | write `file \"/path/to/the/file\"`",
    ),
    (
        "track_file f {\nfile prio\n}",
        "2:6 `prio` is no absolute path | write all of it, as in `/run/prio`",
    ),
    (
        "track_file f {\nfile /run/\n}",
        "2:6 `/run/` is a directory | name a file in it, as in `/run/priority`",
    ),
    (
        "track_file f {\nfile /f\nweight 255\n}",
        "3:8 255 is out of range | write a number from -254 to 254",
    ),
    (
        "track_file f {\nfile /f\nweight 5 noreverse\n}",
        "3:10 `noreverse` cannot follow a weight | only `reverse` can",
    ),
    (
        "track_file f {\nfile /f\ninit_file 0 overwite\n}",
        "3:13 `overwite` cannot follow `init_file` | write `init_file [VALUE] [overwrite]`, as in `init_file 0 overwrite`",
    ),
    (
        "track_file f {\nfile /f\ninit_file 300\n}",
        "3:11 300 is more than a priority can change | write a number from -254 to 254",
    ),
    (
        "vrrp_track_process p {\n}",
        "1:20 `vrrp_track_process p` has no `process` | write `process NAME`, with the name `ps -eo comm` shows",
    ),
    (
        "vrrp_track_process p {\nprocess averyveryverylongname\n}",
        "2:1 no process is called `averyveryverylongname`: the kernel keeps 15 characters of a name | write `process averyveryverylo`, or add `full_command`",
    ),
    (
        "vrrp_track_process p {\nprocess /usr/sbin/nginx\n}",
        "2:1 no process is called `/usr/sbin/nginx`: a name has no path | write `process nginx`, or add `full_command`",
    ),
    (
        "vrrp_track_process p {\nprocess a\nquorum 3\nquorum_max 2\n}",
        "4:1 `quorum_max 2` is less than `quorum 3`: no number of processes is right | write `quorum_max 3` or more",
    ),
    (
        "vrrp_track_process p {\nprocess a\nquorum 0\n}",
        "3:8 0 is out of range | write a number from 1 to 65535",
    ),
    (
        "vrrp_track_process p {\nprocess a x\nparam_match exact\n}",
        "3:13 `exact` is no way to match parameters | write `param_match partial` (these first), `param_match initial` (the last may go on), or `param_match` alone (these and no others)",
    ),
    (
        "vrrp_track_process p {\nprocess a\ndelay 0\n}",
        "3:7 0 seconds are out of range | write seconds from 0.000001 to 3600",
    ),
    (
        "vrrp_track_tcp t {\nport 80\n}",
        "1:16 `vrrp_track_tcp t` has no `host` | write `host ADDRESS`, as in `host 127.0.0.1`",
    ),
    (
        "vrrp_track_tcp t {\nhost 127.0.0.1\n}",
        "1:16 `vrrp_track_tcp t` has no `port` | write `port 1-65535`",
    ),
    (
        "vrrp_track_tcp t {\nhost localhost\nport 80\n}",
        "2:6 `localhost` is no address | write an address: with a name the check would fail with DNS",
    ),
    (
        "vrrp_track_tcp t {\nhost 127.0.0.1\nport 0\n}",
        "3:6 0 is out of range | write a number from 1 to 65535",
    ),
    (
        "vrrp_track_tcp t {\nhost ::1\nport 80\ninterval 10ms\n}",
        "4:10 `10ms` is no number of seconds | write `0.01`: the unit is always the second",
    ),
    (
        "vrrp_track_http h {\nurl https://10.0.0.1/\n}",
        "2:5 TLS is not spoken here | check the port with `vrrp_track_tcp`, or the page with a `vrrp_script` that runs curl",
    ),
    (
        "vrrp_track_http h {\nurl http://www.example/up\n}",
        "2:5 `www.example` is no address | write an address, so that the check does not fail with DNS, and `virtualhost www.example`",
    ),
    (
        "vrrp_track_http h {\nurl 10.0.0.1/up\n}",
        "2:5 `10.0.0.1/up` is no URL | write `url http://10.0.0.1/up`",
    ),
    (
        "vrrp_track_http h {\nhost ::1\npath up\n}",
        "3:6 the path `up` does not begin with `/` | write `path /up`",
    ),
    (
        "vrrp_track_http h {\nhost ::1\nstatus_code 200 2xx\n}",
        "3:17 `2xx` is no status code | write codes from 100 to 599, as in `status_code 200-299 401`",
    ),
    (
        "vrrp_track_http h {\n}",
        "1:17 `vrrp_track_http h` has no `host` | write `url http://ADDRESS[:PORT]/PATH`, or `host ADDRESS`",
    ),
];

#[test]
fn what_is_wrong_is_said_with_its_place_and_what_to_write() {
    for &(block, want) in WRONG {
        let all = said(&file(block, ""));
        assert!(all.iter().any(|it| it == want), "{block}: {all:#?}");
    }
}

#[test]
fn what_names_nothing_and_what_nobody_names() {
    let file_f = "track_file feed {\nfile /f\n}";
    let cases = [
        (
            file_f,
            "track_file { fed }",
            "there is no `track_file fed` | write `feed`",
        ),
        (
            file_f,
            "track_file { x }",
            "there is no `track_file x` | define it: `track_file x { file \"/path\" }`",
        ),
        (
            "",
            "track_process { p }",
            "there is no `vrrp_track_process p` | define it: `vrrp_track_process p { process NAME }`",
        ),
        (
            "",
            "track_tcp { t }",
            "there is no `vrrp_track_tcp t` | define it: `vrrp_track_tcp t { host ADDRESS port NUMBER }`",
        ),
        (
            "",
            "track_http { h }",
            "there is no `vrrp_track_http h` | define it: `vrrp_track_http h { url http://ADDRESS/PATH }`",
        ),
        (
            file_f,
            "",
            "nothing tracks `feed`: nobody looks at it | name it in an instance: `track_file { feed }`",
        ),
        (
            file_f,
            "track_file { feed 5 }",
            "`5` cannot follow `feed` | write `feed weight 5`",
        ),
    ];
    for (blocks, lines, want) in cases {
        let all = said(&file(blocks, lines));
        assert!(all.iter().any(|it| it.ends_with(want)), "{lines}: {all:?}");
    }
}

/// Two instances in a group with these lines, each with these of its own.
fn group(lines: &str, own: &str, priority: u8) -> String {
    let instance = |n: u8, own: &str| {
        format!(
            "vrrp_instance V{n} {{\ninterface eth{n}\nvirtual_router_id {n}\npriority {priority}\nvirtual_ipaddress {{ 10.0.0.{n} }}\n{own}\n}}\n"
        )
    };
    format!(
        "vrrp_script s {{\nscript /bin/s\n}}\ntrack_file f {{\nfile /f\n}}\nvrrp_track_process p {{\nprocess a\n}}\nvrrp_track_tcp t {{\nhost ::1\nport 80\n}}\nvrrp_track_http h {{\nhost ::1\n}}\nvrrp_sync_group G {{\ngroup {{\nV1\nV2\n}}\n{lines}\n}}\n{}{}",
        instance(1, own),
        instance(2, "")
    )
}

/// As `kind name weight`, of the first and the second instance.
fn tracked(config: &Config) -> [String; 2] {
    let all = |i: &Instance| {
        let rows = i.tracked().map(|(kind, it)| {
            let reverse = if it.reverse { "r" } else { "" };
            format!("{kind:?} {} {}{reverse}", it.name, it.weight)
        });
        rows.collect::<Vec<_>>().join(", ")
    };
    [all(&config.instances[0]), all(&config.instances[1])]
}

#[test]
fn what_a_group_tracks_all_members_track() {
    let lines = "track_interface { eth9 weight -5 reverse }\ntrack_script { s weight 10 }\ntrack_file { f weight 2 }\ntrack_process { p }\ntrack_tcp { t weight -20 }\ntrack_http { h }";
    let config = sound(&group(lines, "", 100));
    let want = "Interface eth9 -5r, Script s 10, File f 2, Process p 0, Tcp t -20, Http h 0";
    assert_eq!(tracked(&config), [want, want]);

    // Of a member's own interface only the lack of tracking it is made up for.
    let loaded = read(&group("track_interface { eth1 }", "", 100)).config;
    assert_eq!(tracked(&loaded.expect("sound")), ["", "Interface eth1 0"]);
    let loaded = read(&group(
        "track_interface { eth1 }",
        "dont_track_primary",
        100,
    ))
    .config;
    assert_eq!(
        tracked(&loaded.expect("sound")),
        ["Interface eth1 0", "Interface eth1 0"]
    );
}

/// keepalived: the group's weight counts, unless the instance has none.
#[test]
fn what_both_track_has_the_groups_weight() {
    let lines = "sync_group_tracking_weight\ntrack_script { s weight 10 }";
    for (own, want) in [
        ("weight 4 reverse", "Script s 10"),
        ("weight 0", "Script s 0"),
    ] {
        let text = group(lines, &format!("track_script {{ s {own} }}"), 100);
        let config = read(&text).config.expect("sound");
        assert_eq!(tracked(&config), [want, "Script s 10"], "{own}");
        let all = said(&text);
        let told = all
            .iter()
            .any(|it| it.contains("its sync group tracks `s` as well"));
        assert!(told, "{all:?}");
    }
}

/// keepalived 2.2.7 in a group without `sync_group_tracking_weight`.
#[test]
fn weights_of_a_members_own_in_a_group() {
    let cases = [
        (
            "track_interface { eth9 weight 5 }",
            "Interface eth9 0",
            "Interface eth9 5",
        ),
        ("track_script { s weight 5 }", "", "Script s 5"),
        ("track_script { s }", "Script s 0", "Script s 0"),
        ("track_file { f }", "File f 0", "File f 1"),
        ("track_file { f weight 5 }", "", "File f 5"),
        ("track_process { p weight 5 }", "Process p 5", "Process p 5"),
        ("track_tcp { t weight 5 }", "", "Tcp t 5"),
        ("track_http { h weight 5 }", "", "Http h 5"),
    ];
    for (own, without, with) in cases {
        let config = |lines| read(&group(lines, own, 100)).config.expect("sound");
        assert_eq!(tracked(&config(""))[0], without, "{own}");
        let lines = "sync_group_tracking_weight";
        assert_eq!(tracked(&config(lines))[0], with, "{own}");
    }
}

#[test]
fn an_address_owner_has_no_weights() {
    let config = |lines, own| read(&group(lines, own, 255)).config.expect("sound");
    let lines = "track_file { f weight 5 }\ntrack_script { s weight 5 }";
    let want = "Script s 0, File f 0";
    assert_eq!(tracked(&config(lines, "")), [want, want]);
    let own = "track_file { f }\ntrack_script { s weight 5 }\ntrack_process { p weight 5 }";
    assert_eq!(tracked(&config("", own))[0], "File f 0");
}
