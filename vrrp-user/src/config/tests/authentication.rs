//! `authentication` and `auth_hmac`.

use super::*;
use crate::config::model::{AntiReplay, Authentication, Instance, Trailer, TrailerMode};

const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// An instance with these lines, and what was said; `/key` and `/long` are files.
fn one(globals: &str, lines: &str) -> (Option<Instance>, String) {
    let text = format!(
        "global_defs {{\n{globals}\n}}\nvrrp_instance V {{\ninterface eth0\nvirtual_router_id 7\n{lines}\n}}\n"
    );
    let mut source = Memory(BTreeMap::from([
        ("/k.conf".into(), text.into_bytes()),
        ("/keys/key".into(), format!("hex:{DIGITS}\n").into_bytes()),
        ("/keys/long".into(), vec![b'a'; 400]),
    ]));
    let context = Context {
        working_directory: "/keys".into(),
        ..Context::default()
    };
    let loaded = load("/k.conf", &mut source, &context);
    let told: Vec<String> = loaded
        .diagnostics
        .iter()
        .map(|d| format!("{:?}: {}", d.severity, d.message))
        .collect();
    let instance = loaded.config.and_then(|c| c.instances.into_iter().next());
    (instance, told.join("\n"))
}

const V4: &str = "virtual_ipaddress {\n10.0.0.1\n}\n";
const V6: &str = "virtual_ipaddress {\nfe80::1\n}\n";

fn hmac(lines: &str) -> String {
    format!("auth_hmac {{\n{lines}\n}}\n")
}

fn signed(lines: &str) -> Trailer {
    let (instance, told) = one("", &format!("{V4}{}", hmac(lines)));
    assert_eq!(told, "");
    match instance.unwrap().authentication {
        Some(Authentication::Trailer(trailer)) => trailer,
        other => panic!("{other:?}"),
    }
}

fn key() -> String {
    format!("key 1 hex:{DIGITS}\nactive_key 1")
}

#[test]
fn auth_type_ah_is_for_version_2_over_ipv4() {
    let ah = "authentication {\nauth_type AH\nauth_pass s3cret\n}\n";
    let (instance, told) = one("", &format!("{V4}{ah}"));
    let wanted = Authentication::Header(*b"s3cret\0\0");
    assert_eq!(
        (instance.unwrap().authentication, &*told),
        (Some(wanted), "")
    );
    for (globals, lines, said) in [
        ("vrrp_version 3", V4, "version 3 has no authentication"),
        ("vrrp_strict", V4, "strict mode has no authentication"),
        ("", V6, "version 3 has no authentication"),
    ] {
        let (instance, told) = one(globals, &format!("{lines}{ah}"));
        assert!(told.contains(said), "{told}");
        assert_eq!(instance.unwrap().authentication, None);
    }
}

#[test]
fn auth_hmac_has_keepaliveds_defaults() {
    let trailer = signed(&key());
    assert_eq!(trailer.key(1).unwrap(), (0..32).collect::<Vec<u8>>());
    assert_eq!(
        (trailer.active_key, trailer.mode),
        (1, TrailerMode::Enforce)
    );
    assert_eq!(trailer.anti_replay, AntiReplay::Time { window_s: 5 });
    let (instance, _) = one("", &format!("{V4}advert_int 10\n{}", hmac(&key())));
    let Some(Authentication::Trailer(trailer)) = instance.unwrap().authentication else {
        panic!("no trailer");
    };
    let three_intervals = AntiReplay::Time { window_s: 30 };
    assert_eq!(trailer.anti_replay, three_intervals);
}

#[test]
fn every_keyword_of_auth_hmac_counts() {
    let text = "a".repeat(64);
    for (lines, active_key, anti_replay, mode) in [
        (
            "time_window 300",
            1,
            AntiReplay::Time { window_s: 300 },
            TrailerMode::Enforce,
        ),
        (
            "anti_replay monotonic",
            1,
            AntiReplay::Monotonic,
            TrailerMode::Enforce,
        ),
        (
            "anti_replay time",
            1,
            AntiReplay::Time { window_s: 5 },
            TrailerMode::Enforce,
        ),
        (
            "mode permissive",
            1,
            AntiReplay::Time { window_s: 5 },
            TrailerMode::Permissive,
        ),
        (
            "mode receive-only",
            1,
            AntiReplay::Time { window_s: 5 },
            TrailerMode::ReceiveOnly,
        ),
        (
            "mode enforce\nactive_key 9",
            9,
            AntiReplay::Time { window_s: 5 },
            TrailerMode::Enforce,
        ),
    ] {
        let trailer = signed(&format!("{}\nkey 9 {text}\n{lines}", key()));
        assert_eq!(
            (trailer.active_key, trailer.anti_replay, trailer.mode),
            (active_key, anti_replay, mode),
            "{lines}"
        );
        assert_eq!(trailer.key(9), Some(text.as_bytes()));
    }
    let trailer = signed("key 1 file:key\nactive_key 1");
    assert_eq!(trailer.key(1).unwrap(), (0..32).collect::<Vec<u8>>());
    assert!(!format!("{trailer:?}").contains("31"), "{trailer:?}");
}

#[test]
fn auth_hmac_is_for_every_version_and_family() {
    for (globals, addresses) in [
        ("", V4),
        ("vrrp_version 3", V4),
        ("", V6),
        ("vrrp_strict", V4),
    ] {
        let (instance, told) = one(globals, &format!("{addresses}{}", hmac(&key())));
        assert!(
            matches!(
                instance.unwrap().authentication,
                Some(Authentication::Trailer(_))
            ),
            "{told}"
        );
    }
    let both = format!(
        "{V4}authentication {{\nauth_type PASS\nauth_pass x\n}}\n{}",
        hmac(&key())
    );
    let (instance, told) = one("", &both);
    assert!(
        told.contains("takes the place of `authentication`"),
        "{told}"
    );
    let found = instance.unwrap().authentication;
    assert!(
        matches!(found, Some(Authentication::Trailer(_))),
        "{found:?}"
    );
    let lax = format!("{V4}{}", hmac(&format!("{}\nmode permissive", key())));
    let (instance, told) = one("vrrp_strict", &lax);
    assert!(told.contains("only `mode enforce`"), "{told}");
    let found = instance.unwrap().authentication.unwrap();
    assert!(matches!(found, Authentication::Trailer(it) if it.mode == TrailerMode::Enforce));
}

#[test]
fn what_is_wrong_with_auth_hmac_is_said() {
    let same = format!("{}\nkey 1 hex:{DIGITS}", key());
    let other = format!("{}\nactive_key 2", key());
    let (window, replay, mode) = (
        format!("{}\ntime_window 301", key()),
        format!("{}\nanti_replay never", key()),
        format!("{}\nmode strict", key()),
    );
    for (lines, said) in [
        ("", "`auth_hmac` has no `active_key`"),
        ("active_key 1", "there is no `key 1` to send with"),
        (&other, "there is no `key 2` to send with"),
        (
            "key 1 tooshort\nactive_key 1",
            "32 to 64 octets, this one 8",
        ),
        ("key 1 hex:00zz\nactive_key 1", "not two digits from 0 to f"),
        ("key 1 hex:000\nactive_key 1", "not two digits from 0 to f"),
        ("key 256 hex:00\nactive_key 1", "256 is out of range"),
        (&same, "there is a key 1 already"),
        (&window, "301 is out of range"),
        (&replay, "`never` is not one of"),
        (&mode, "`strict` is not one of"),
        (
            "key 1 file:none\nactive_key 1",
            "cannot read the key file /keys/none",
        ),
        ("key 1 file:long\nactive_key 1", "too long for a key"),
    ] {
        let (instance, told) = one("", &format!("{V4}{}", hmac(lines)));
        assert!(instance.is_none() && told.contains(said), "{lines}: {told}");
    }
}
