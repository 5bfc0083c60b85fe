//! FIFO lines and mail, as keepalived 2.2.7 writes them.

use super::fixture::{
    Bench, advert, config, grouped, host, instance, link, ms, notify, script, tracked,
};
use crate::{
    config::model::{Config, Dbus, Fifo, Mail, MailTls},
    engine::input::{Input, Ticket},
};

fn with_fifo(mut config: Config) -> Config {
    config.global.fifos = vec![Fifo {
        path: "/run/fifo".into(),
        owner: None,
        script: None,
        script_user: None,
    }];
    config
}

fn with_mail(mut config: Config) -> Config {
    config.global.mail = Some(Mail {
        recipients: vec!["a@example.com".into()],
        from: None,
        server: "127.0.0.1".into(),
        port: 25,
        timeout: ms(30_000),
        helo: None,
        tls: MailTls::Off,
        ca_file: None,
        login: None,
    });
    config
}

/// Seen of keepalived: a group first when it starts, last in every change, and at the
/// end after every instance of every group.
#[test]
fn lines_of_a_group_and_one_alone() {
    let mut config = grouped(vec![instance(1, |_| {}), instance(2, |_| {})]);
    config.groups[0].notify = crate::config::model::Notify::default();
    config.instances.push(instance(3, |it| it.priority = 50));
    let mut bench = Bench::new(with_fifo(config));
    bench.until(ms(10_000));
    let mut down = link(2, "eth0");
    down.up = false;
    bench.link(down);
    bench.feed(Input::Shutdown);
    let want = [
        "fifo GROUP \"G\" BACKUP 0",
        "fifo INSTANCE \"VI_1\" BACKUP 100",
        "fifo INSTANCE \"VI_2\" BACKUP 100",
        "fifo INSTANCE \"VI_3\" BACKUP 50",
        "fifo INSTANCE \"VI_1\" MASTER 100",
        "fifo INSTANCE \"VI_2\" MASTER 100",
        "fifo GROUP \"G\" MASTER 0",
        "fifo INSTANCE \"VI_3\" MASTER 50",
        "fifo INSTANCE \"VI_1\" FAULT 100",
        "fifo INSTANCE \"VI_2\" FAULT 100",
        "fifo GROUP \"G\" FAULT 0",
        "fifo INSTANCE \"VI_3\" FAULT 50",
        "fifo INSTANCE \"VI_1\" STOP 100",
        "fifo INSTANCE \"VI_2\" STOP 100",
        "fifo INSTANCE \"VI_3\" STOP 50",
        "fifo GROUP \"G\" STOP 0",
    ];
    assert_eq!(bench.trace(&["fifo"]), want);
}

/// After the scripts, before the mail; none where none is configured.
#[test]
fn scripts_then_lines_then_mail() {
    let one = || {
        config(vec![instance(1, |it| {
            it.notify = notify("n");
            it.notify.mail = true;
        })])
    };
    let mut bench = Bench::new(with_mail(with_fifo(one())));
    bench.until(ms(0));
    assert_eq!(
        bench.trace(&["notify", "fifo", "mail"]),
        [
            "notify /n/backup",
            "notify /n/any INSTANCE VI_1 BACKUP 100",
            "fifo INSTANCE \"VI_1\" BACKUP 100",
            "mail VRRP Instance VI_1 - Entering BACKUP state | => VRRP Instance is no longer owning VRRP VIPs <=",
        ]
    );
    let mut bench = Bench::new(one());
    bench.until(ms(10_000));
    assert_eq!(bench.trace(&["fifo", "mail"]), [""; 0]);
}

/// By keepalived's numbers, of instances alone, and only where D-Bus is wanted.
#[test]
fn states_for_dbus() {
    let one = |wanted: bool| {
        let mut config = grouped(vec![instance(1, |_| {}), instance(2, |_| {})]);
        config.global.dbus = wanted.then(|| Dbus {
            service: "org.keepalived.Vrrp1".into(),
        });
        let mut bench = Bench::new(config);
        bench.until(ms(10_000));
        let mut down = link(2, "eth0");
        down.up = false;
        bench.link(down);
        bench.feed(Input::Shutdown);
        bench.trace(&["status"])
    };
    let each = |number| [1, 2].map(|it| format!("status VI_{it} {number}"));
    assert_eq!(one(true), [1, 2, 3, 98].map(each).concat());
    assert_eq!(one(false), [""; 0]);
}

/// What is ours is announced once more, and nothing else is.
#[test]
fn announced_on_request() {
    let ask = |bench: &mut Bench, name: &str| {
        bench.clear();
        bench.feed(Input::Announce {
            ticket: Ticket(7),
            name: name.into(),
        });
        bench.trace(&["announce", "answer"]).join("; ")
    };
    let mut bench = Bench::active(config(vec![instance(1, |_| {})]));
    let told = ask(&mut bench, "VI_1");
    assert!(
        told.starts_with("announce ") && told.ends_with("answer done"),
        "{told}"
    );
    let told = ask(&mut bench, "VI_9");
    assert!(
        told.contains("no instance VI_9") && !told.contains("announce "),
        "{told}"
    );
    let mut bench = Bench::new(config(vec![instance(1, |_| {})]));
    let told = ask(&mut bench, "VI_1");
    assert!(
        told.contains("VI_1 is not MASTER here") && !told.contains("announce "),
        "{told}"
    );
}

/// `notify_priority_changes`, while MASTER and while not.
#[test]
fn a_priority_that_changes_is_a_line() {
    for (wanted, while_backup) in [(true, true), (true, false), (false, true)] {
        let mut config = config(vec![instance(1, |it| {
            it.notify.priority_changes = wanted;
            it.track_scripts = vec![tracked("chk", 5)];
        })]);
        config.scripts = vec![script("chk")];
        let mut bench = Bench::new(with_fifo(config));
        bench.until(if while_backup { ms(0) } else { ms(10_000) });
        bench.clear();
        bench.script_done("chk", 0);
        let state = if while_backup { "BACKUP" } else { "MASTER" };
        let line = format!("fifo INSTANCE \"VI_1\" {state}_PRIORITY 105");
        let want = if wanted { vec![line] } else { vec![] };
        assert_eq!(bench.trace(&["fifo"]), want);
    }
}

/// With or without a script of its own; at most once a second.
#[test]
fn a_losing_advert_is_a_line() {
    let mut bench = Bench::active(with_fifo(config(vec![instance(1, |_| {})])));
    bench.hear_every(ms(100), ms(61_500), advert(host(1), 90));
    assert_eq!(
        bench.trace(&["fifo"]),
        ["fifo INSTANCE \"VI_1\" MASTER_RX_LOWER_PRI 100"; 2]
    );
}

/// keepalived tells a deleted instance's script FAULT, unless `notify_deleted` asks
/// for DELETED; one in FAULT hears no more of it. Groups hear nothing.
#[test]
fn a_deleted_instance() {
    for (asked, up, want) in [
        (false, true, Some("FAULT")),
        (true, true, Some("DELETED")),
        (false, false, None),
        (true, false, Some("DELETED")),
    ] {
        let gone = instance(2, |it| {
            it.interface = "eth1".into();
            it.notify = notify("n");
            it.notify.tells_deleted = asked;
            it.notify.mail = true;
        });
        let kept = instance(1, |_| {});
        let mut bench = Bench::new(with_mail(with_fifo(config(vec![kept.clone(), gone]))));
        let mut other = link(3, "eth1");
        other.up = up;
        bench.link(other);
        bench.until(ms(10_000));
        bench.clear();
        bench.configure(with_mail(with_fifo(config(vec![kept]))));
        let mails = match want {
            Some("DELETED") => "mail VRRP Instance VI_2 - Deleted | => VRRP Deleted at reload <=",
            _ => {
                "mail VRRP Instance VI_2 - Entering FAULT state | => VRRP Instance is no longer owning VRRP VIPs <="
            }
        };
        let want: Vec<String> = want
            .into_iter()
            .flat_map(|word| {
                [
                    format!("notify /n/{}", word.to_lowercase()),
                    format!("notify /n/any INSTANCE VI_2 {word} 100"),
                    format!("fifo INSTANCE \"VI_2\" {word} 100"),
                    mails.to_owned(),
                ]
            })
            .collect();
        assert_eq!(
            bench.trace(&["notify", "fifo", "mail"]),
            want,
            "{asked} {up}"
        );
    }
}

/// An instance that changes groups is not deleted, and nothing is told of it again.
#[test]
fn a_regrouped_instance_is_not_deleted() {
    let alone = || {
        vec![
            instance(1, |it| it.notify.tells_deleted = true),
            instance(2, |_| {}),
        ]
    };
    let mut bench = Bench::active(with_fifo(config(alone())));
    let mut together = with_fifo(grouped(alone()));
    together.groups[0].notify = crate::config::model::Notify::default();
    bench.configure(together);
    assert_eq!(bench.trace(&["fifo"]), ["fifo GROUP \"G\" MASTER 0"]);
}

/// `fifo_write_vrrp_states_on_reload`: what a reload leaves as it was.
#[test]
fn states_are_repeated_at_a_reload_if_asked_for() {
    for asked in [true, false] {
        let mut config = with_fifo(grouped(vec![instance(1, |_| {}), instance(2, |_| {})]));
        config.groups[0].notify = crate::config::model::Notify::default();
        config.global.fifo_states_on_reload = asked;
        let mut bench = Bench::active(config.clone());
        bench.configure(config);
        let want: &[&str] = if asked {
            &[
                "fifo GROUP \"G\" MASTER 0",
                "fifo INSTANCE \"VI_1\" MASTER 100",
                "fifo INSTANCE \"VI_2\" MASTER 100",
            ]
        } else {
            &[]
        };
        assert_eq!(bench.trace(&["fifo"]), want);
    }
}

/// keepalived: `no_email_faults` leaves FAULT out, and then the same state is not
/// mailed twice.
#[test]
fn mails_without_faults() {
    let text = |state: &str, owning: &str| {
        format!("mail VRRP Instance VI_1 - {state} | => VRRP Instance {owning} <=")
    };
    let lost = "is no longer owning VRRP VIPs";
    let (backup, fault) = (
        text("Entering BACKUP state", lost),
        text("Entering FAULT state", lost),
    );
    let stop = text("Stopping", "stopping");
    for (skipped, want) in [
        (true, vec![backup.clone(), stop.clone()]),
        (false, vec![backup.clone(), fault, backup, stop]),
    ] {
        let mut config = with_mail(config(vec![instance(1, |it| it.notify.mail = true)]));
        config.global.no_mail_on_fault = skipped;
        let mut bench = Bench::new(config);
        let mut down = link(2, "eth0");
        down.up = false;
        bench.until(ms(100));
        bench.link(down);
        bench.link(link(2, "eth0"));
        bench.until(ms(200));
        bench.feed(Input::Shutdown);
        assert_eq!(bench.trace(&["mail"]), want);
    }
}

#[test]
fn mails_of_a_group() {
    let mut config = with_mail(grouped(vec![instance(1, |_| {}), instance(2, |_| {})]));
    config.groups[0].notify = crate::config::model::Notify::default();
    config.groups[0].notify.mail = true;
    let mut bench = Bench::new(config);
    bench.until(ms(10_000));
    bench.feed(Input::Shutdown);
    let all = |what: &str, state: &str| {
        format!("mail VRRP Group G - {what} | => All VRRP group instances are now {state} <=")
    };
    assert_eq!(
        bench.trace(&["mail"]),
        [
            all("Entering BACKUP state", "in BACKUP state"),
            all("Entering MASTER state", "in MASTER state"),
            all("Stopping", "stopping"),
        ]
    );
}
