//! Mail to `notification_email`: what keepalived says, and a server that is none.

use std::time::Duration;

use xvrrp_tests::{
    capture::Stamp,
    conf::Conf,
    daemon::Daemon::{self, Keepalived, Xvrrpd},
    net::Lab,
    observe,
    smtp::{Mail, Manners, Server, authority},
    trial::{HIGH, PATIENCE, Profile},
    wait::eventually,
};

const PROFILE: Profile = Profile::V3At100ms;

fn conf(server: &str) -> Conf {
    let mut conf = PROFILE.conf(HIGH);
    conf.globals = vec![
        "notification_email {\n one@example.com\n two@example.net\n }".into(),
        "notification_email_from router@example.org".into(),
        format!("smtp_server {server}"),
        "smtp_connect_timeout 1".into(),
        "smtp_helo_name router.example.org".into(),
        "smtp_alert".into(),
    ];
    conf
}

fn await_mails(server: &Server, wanted: usize) -> Vec<Mail> {
    eventually(PATIENCE, &format!("{wanted} mails"), || {
        let mails = server.mails();
        if mails.len() >= wanted {
            Ok(mails)
        } else {
            Err(format!("{mails:?}"))
        }
    })
}

/// BACKUP, MASTER and the end; as (from, to, subject, text).
fn one_life(daemon: Daemon) -> Vec<(String, Vec<String>, String, Vec<String>)> {
    let lab = Lab::new(1);
    let node = lab.router(0);
    let server = Server::start(node, Manners::Good);
    let mut running = daemon.start(node, &conf(&server.address()));
    await_mails(&server, 2);
    running.terminate();
    running.left();
    let told = |mail: Mail| {
        let subject = mail.header("Subject").unwrap_or_default().to_owned();
        assert_eq!(mail.header("From"), Some("router@example.org"), "{mail:?}");
        assert_eq!(
            mail.header("To"),
            Some("one@example.com, two@example.net"),
            "{mail:?}"
        );
        assert!(mail.header("Date").is_some(), "{mail:?}");
        let body = mail.body().iter().filter(|line| !line.is_empty()).cloned();
        let body = body.collect();
        (mail.from, mail.to, subject, body)
    };
    server.mails().into_iter().map(told).collect()
}

#[test]
fn xvrrpd_writes_what_keepalived_writes() {
    let ours = one_life(Xvrrpd);
    let theirs = one_life(Keepalived);
    // keepalived does not wait for its last one to be sent.
    assert_eq!(ours[..2], theirs[..2]);
    let subjects: Vec<&str> = ours
        .iter()
        .map(|(_, _, subject, _)| subject.as_str())
        .collect();
    assert_eq!(
        subjects,
        [
            "[eth0] VRRP Instance VI_1 - Entering BACKUP state",
            "[eth0] VRRP Instance VI_1 - Entering MASTER state",
            "[eth0] VRRP Instance VI_1 - Stopping",
        ]
    );
    assert_eq!(ours[2].3, ["=> VRRP Instance stopping <="]);
}

/// The daemon is MASTER when it would be without mail, and gone when asked.
fn delays_nothing(server: &str, what: &str) {
    let lab = Lab::new(1);
    let node = lab.router(0);
    node.ns.ip("link set lo up");
    let own = (server.is_empty()).then(|| match what {
        "slow" => Server::start(node, Manners::Slow(Duration::from_millis(400))),
        "refusing" => Server::start(node, Manners::Refusing),
        _ => Server::start(node, Manners::Hanging),
    });
    let address = own.as_ref().map_or(server.to_owned(), Server::address);
    let mut running = Xvrrpd.start(node, &conf(&address));
    let log = running.log().clone();
    let start = Stamp::default();
    log.wait(PATIENCE, start, "(VI_1) Entering BACKUP STATE");
    let backup = Stamp::now();
    log.wait(PATIENCE, start, "(VI_1) Entering MASTER STATE");
    let took = Stamp::now().since(backup);
    assert!(
        took < PROFILE.down(HIGH) + Duration::from_millis(300),
        "{what}: {took:?}"
    );
    eventually(PATIENCE, "its address", || {
        if observe::has(node, PROFILE.vip()) {
            Ok(())
        } else {
            Err("not there".into())
        }
    });
    if what == "refusing" {
        log.wait(PATIENCE, start, "not sent to ");
        eventually(PATIENCE, "both were tried", || {
            match own.as_ref().map(Server::clients) {
                Some(2..) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }
    let asked = running.terminate();
    running.left();
    let took = Stamp::now().since(asked);
    assert!(took < Duration::from_millis(4500), "{what}: {took:?}");
    assert!(!observe::has(node, PROFILE.vip()), "{what}");
    let said = log.since(start);
    let complaints = said.iter().filter(|line| line.contains("not sent to "));
    let complaints = complaints.count();
    assert!(complaints <= 1, "{what}: {said:?}");
    assert!(what != "refusing" || complaints == 1, "{said:?}");
}

#[test]
fn a_server_that_is_down_delays_nothing() {
    // Nobody listens there.
    delays_nothing("127.0.0.1 9", "down");
}

#[test]
fn a_server_that_hangs_delays_nothing() {
    delays_nothing("", "hanging");
}

#[test]
fn a_server_that_is_slow_delays_nothing() {
    delays_nothing("", "slow");
}

#[test]
fn a_server_that_refuses_is_told_of_once() {
    delays_nothing("", "refusing");
}

/// TLS and a login, which are ours; nothing is sent without the TLS that is asked for.
#[test]
fn mail_by_tls_with_a_login() {
    for (manners, word) in [(Manners::StartTls, "starttls"), (Manners::Tls, "on")] {
        let lab = Lab::new(1);
        let node = lab.router(0);
        let server = Server::start(node, manners);
        let mut conf = conf(&server.address());
        conf.globals.extend([
            format!("smtp_tls {word}"),
            format!("smtp_tls_ca {}", authority().display()),
            "smtp_login me secret".into(),
        ]);
        let mut running = Xvrrpd.start(node, &conf);
        for mail in await_mails(&server, 2) {
            // NUL, the user, NUL, the password.
            assert_eq!(mail.login.as_deref(), Some("AG1lAHNlY3JldA=="), "{word}");
            assert_eq!(mail.from, "router@example.org");
        }
        running.terminate();
        running.left();
        let said = running.log().since(Stamp::default());
        assert!(!said.iter().any(|line| line.contains("secret")), "{said:?}");
    }
}

#[test]
fn a_server_without_tls_or_trust_gets_no_mail() {
    for (manners, ca) in [(Manners::Good, true), (Manners::StartTls, false)] {
        let lab = Lab::new(1);
        let node = lab.router(0);
        let server = Server::start(node, manners);
        let mut conf = conf(&server.address());
        conf.globals.push("smtp_tls starttls".into());
        if ca {
            let line = format!("smtp_tls_ca {}", authority().display());
            conf.globals.push(line);
        }
        let mut running = Xvrrpd.start(node, &conf);
        running
            .log()
            .wait(PATIENCE * 2, Stamp::default(), "not sent to ");
        // Three attempts at the first, and the next one may have begun.
        let clients = server.clients();
        assert!((3..=4).contains(&clients), "{clients}");
        running.terminate();
        running.left();
        assert_eq!(server.mails(), []);
    }
}
