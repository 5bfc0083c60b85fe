//! FIFOs, mail, hooks and dump files: keywords to model, and what is wrong with them.

use super::*;
use crate::config::model::{Fifo, Global, Hook, Instance, MailLogin, MailTls, SyncGroup, User};

fn whole(globals: &str, group: &str, instance: &str) -> (Option<model::Config>, String) {
    let text = format!(
        "global_defs {{\n{globals}\n}}\nvrrp_sync_group G {{\ngroup {{\nV\n}}\n{group}\n}}\nvrrp_instance V {{\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {{\n10.0.0.1\n}}\n{instance}\n}}\n"
    );
    let loaded = read(&text);
    let told = loaded.diagnostics.iter().map(|it| {
        let help = it.help.clone().unwrap_or_default();
        format!("{:?}: {}; {help}\n", it.severity, it.message)
    });
    let told = told.collect();
    (loaded.config, told)
}

fn good(globals: &str, group: &str, instance: &str) -> (Global, SyncGroup, Instance) {
    let (config, told) = whole(globals, group, instance);
    assert_eq!(told, "");
    let config = config.expect("valid");
    let group = config.groups.into_iter().next().expect("a group");
    let instance = config.instances.into_iter().next().expect("an instance");
    (config.global, group, instance)
}

fn user(name: &str, group: Option<&str>) -> User {
    User {
        name: name.into(),
        group: group.map(str::to_owned),
        all_groups: false,
    }
}

fn argv(line: &str) -> CommandLine {
    CommandLine::Argv(line.split(' ').map(str::to_owned).collect())
}

#[test]
fn notify_fifos_with_their_scripts() {
    let (global, ..) = good(
        "notify_fifo /run/all nobody daemon\nnotify_fifo_script \"/bin/read it\" root\nvrrp_notify_fifo /run/vrrp\nfifo_write_vrrp_states_on_reload",
        "",
        "",
    );
    assert_eq!(
        global.fifos,
        [
            Fifo {
                path: "/run/all".into(),
                owner: Some(user("nobody", Some("daemon"))),
                script: Some(argv("/bin/read it")),
                script_user: Some(user("root", None)),
            },
            Fifo {
                path: "/run/vrrp".into(),
                owner: None,
                script: None,
                script_user: None,
            },
        ]
    );
    assert!(global.fifo_states_on_reload);
    let (global, ..) = good(
        "vrrp_notify_fifo /run/vrrp\nvrrp_notify_fifo_script /bin/read",
        "",
        "",
    );
    assert_eq!(global.fifos[0].script, Some(argv("/bin/read")));
}

#[test]
fn startup_and_shutdown_scripts() {
    let (global, ..) = good(
        "startup_script \"/bin/up now\" root\nshutdown_script /bin/down\nshutdown_script_timeout 1000",
        "",
        "",
    );
    let hook = |line: &str, user: Option<User>, seconds| {
        Some(Hook {
            command: argv(line),
            user,
            timeout: Duration::from_secs(seconds),
        })
    };
    assert_eq!(
        global.startup,
        hook("/bin/up now", Some(user("root", None)), 10)
    );
    assert_eq!(global.shutdown, hook("/bin/down", None, 1000));
}

#[test]
fn mail_settings() {
    let to = "notification_email {\na@example.com\n<b@example.net> c@example.org\n}\n";
    let (global, ..) = good(&format!("{to}smtp_server mail.example.com"), "", "");
    let mail = global.mail.expect("mail");
    assert_eq!(
        mail.recipients,
        ["a@example.com", "b@example.net", "c@example.org"]
    );
    assert_eq!((mail.server.as_str(), mail.port), ("mail.example.com", 25));
    assert_eq!(
        (mail.timeout, mail.tls),
        (Duration::from_secs(30), MailTls::Off)
    );
    assert!(mail.from.is_none() && mail.helo.is_none() && mail.login.is_none());
    let (global, ..) = good(
        &format!(
            "{to}smtp_server ::1\nsmtp_connect_timeout 7\nsmtp_helo_name me.example\nnotification_email_from Routers <r@example.com>\nsmtp_tls on\nsmtp_tls_ca /etc/ca.pem\nsmtp_login me secret\nno_email_faults"
        ),
        "",
        "",
    );
    assert!(global.no_mail_on_fault);
    let mail = global.mail.expect("mail");
    assert_eq!((mail.port, mail.tls), (465, MailTls::On));
    assert_eq!(mail.timeout, Duration::from_secs(7));
    assert_eq!(mail.from.as_deref(), Some("Routers <r@example.com>"));
    assert_eq!(mail.helo.as_deref(), Some("me.example"));
    assert_eq!(mail.ca_file.as_deref(), Some("/etc/ca.pem"));
    let login = MailLogin {
        user: "me".into(),
        password: "secret".into(),
    };
    assert_eq!(mail.login.as_ref(), Some(&login));
    assert!(!format!("{mail:?}").contains("secret"));
    let (global, ..) = good(
        &format!("{to}smtp_server h 2525\nsmtp_tls starttls"),
        "",
        "",
    );
    let mail = global.mail.expect("mail");
    assert_eq!((mail.port, mail.tls), (2525, MailTls::StartTls));
    // keepalived sends nothing without one of the two.
    assert!(good("smtp_server h", "", "").0.mail.is_none());
    assert!(good(to, "", "").0.mail.is_none());
}

/// Instance, then group (for priorities alone), then `global_defs`.
#[test]
fn who_says_what_is_told() {
    let to = "notification_email {\na@example.com\n}\nsmtp_server h\n";
    for (globals, group, instance, want) in [
        ("", "", "", (false, false, false)),
        ("smtp_alert", "", "", (true, true, false)),
        (
            "smtp_alert\nsmtp_alert_vrrp off",
            "",
            "",
            (false, false, false),
        ),
        (
            "smtp_alert_vrrp",
            "smtp_alert no",
            "smtp_alert off",
            (false, false, false),
        ),
        ("", "smtp_alert", "", (true, false, false)),
        ("", "", "smtp_alert true", (false, true, false)),
        ("vrrp_notify_priority_changes", "", "", (false, false, true)),
        (
            "vrrp_notify_priority_changes",
            "notify_priority_changes no",
            "",
            (false, false, false),
        ),
        ("", "notify_priority_changes", "", (false, false, true)),
        (
            "",
            "notify_priority_changes",
            "notify_priority_changes off",
            (false, false, false),
        ),
        ("", "", "notify_priority_changes on", (false, false, true)),
    ] {
        let (_, of_group, of_instance) = good(&format!("{to}{globals}"), group, instance);
        let found = (
            of_group.notify.mail,
            of_instance.notify.mail,
            of_instance.notify.priority_changes,
        );
        assert_eq!(found, want, "{globals:?} {group:?} {instance:?}");
    }
}

#[test]
fn notify_deleted_with_and_without_a_command() {
    for (line, want) in [
        ("", (false, None)),
        ("notify_deleted", (true, None)),
        (
            "notify_deleted \"/bin/gone for good\"",
            (true, Some(argv("/bin/gone for good"))),
        ),
    ] {
        let notify = good("", "", line).2.notify;
        assert_eq!((notify.tells_deleted, notify.deleted), want, "{line:?}");
    }
}

#[test]
fn dbus_is_off_unless_it_is_enabled() {
    let service = |globals| good(globals, "", "").0.dbus.map(|it| it.service);
    assert_eq!(service(""), None);
    assert_eq!(
        service("enable_dbus").as_deref(),
        Some("org.keepalived.Vrrp1")
    );
    let two = "enable_dbus\ndbus_service_name org.example.Two-2";
    assert_eq!(service(two).as_deref(), Some("org.example.Two-2"));
}

#[test]
fn what_is_wrong_with_dbus() {
    for (globals, error, want, help) in [
        (
            "enable_dbus\ndbus_service_name keepalived",
            true,
            "no name for a bus",
            "org.keepalived.Vrrp1",
        ),
        (
            "enable_dbus\ndbus_service_name org.9lives",
            true,
            "no name for a bus",
            "org.keepalived.Vrrp1",
        ),
        (
            "dbus_service_name org.example.Two",
            false,
            "without `enable_dbus`",
            "write `enable_dbus`",
        ),
    ] {
        let (config, told) = whole(globals, "", "");
        assert_eq!(config.is_none(), error, "{globals}: {told}");
        assert!(
            told.contains(want) && told.contains(help),
            "{globals}: {told}"
        );
    }
}

#[test]
fn dump_files() {
    let (global, ..) = good(
        "dump_directory /tmp\nstate_dump_file /var/a.data\nstats_dump_file b.stats\njson_dump_file c.json",
        "",
        "",
    );
    let dumps = global.dumps;
    assert_eq!(dumps.directory.as_deref(), Some("/tmp"));
    assert_eq!(dumps.data.as_deref(), Some("/var/a.data"));
    assert_eq!(dumps.stats.as_deref(), Some("b.stats"));
    assert_eq!(dumps.json.as_deref(), Some("c.json"));
}

#[test]
fn what_is_wrong_is_said_with_what_to_write() {
    let to = "notification_email {\na@example.com\n}\n";
    for (globals, error, want, help) in [
        (
            "notify_fifo keepalived.fifo",
            true,
            "no absolute path",
            "/run/keepalived.fifo",
        ),
        (
            "notify_fifo /a\nnotify_fifo /b",
            false,
            "the first counts",
            "remove",
        ),
        (
            "notify_fifo_script /bin/x",
            false,
            "without `notify_fifo`",
            "/run/keepalived.fifo",
        ),
        (
            "notify_fifo /a\nvrrp_notify_fifo /a",
            false,
            "names the same FIFO",
            "remove `vrrp_notify_fifo`",
        ),
        (
            "startup_script /bin/a\nstartup_script_timeout 0",
            true,
            "out of range",
            "1 to 1000",
        ),
        ("startup_script_timeout 5", false, "no `startup_script`", ""),
        (
            "shutdown_script /bin/a\nshutdown_script /bin/b",
            false,
            "the first counts",
            "remove",
        ),
        (
            "smtp_alert",
            false,
            "without `smtp_server` and `notification_email`",
            "smtp_server 127.0.0.1",
        ),
        (
            "smtp_server 10.0.0.1:25",
            true,
            "neither an address nor a host name",
            "a port stands by itself",
        ),
        ("smtp_server h 70000", true, "out of range", "65535"),
        ("smtp_connect_timeout 0", false, "1 second", "write `1`"),
        (
            "notification_email {\na@example.com,\n}",
            true,
            "no mail address",
            "without commas",
        ),
        (
            "notification_email {\nroot\n}",
            false,
            "root@localhost",
            "root@example.com",
        ),
        (
            "notification_email {\n}",
            false,
            "names nobody",
            "notification_email {",
        ),
        ("smtp_tls maybe", true, "no way to use TLS", "`starttls`"),
        (
            "smtp_server 192.0.2.1\nsmtp_login u p",
            true,
            "in the clear",
            "smtp_tls starttls",
        ),
        ("dump_directory tmp", true, "no absolute path", "/run/tmp"),
    ] {
        let globals = match globals {
            _ if globals.starts_with("smtp_server 192") => format!("{to}{globals}"),
            _ => globals.to_owned(),
        };
        let (config, told) = whole(&globals, "", "");
        assert_eq!(config.is_none(), error, "{globals}: {told}");
        assert!(
            told.contains(want) && told.contains(help),
            "{globals}: {told}"
        );
        assert_eq!(told.lines().count(), 1, "{globals}: {told}");
    }
    // A password need not be hidden from ourselves.
    good(
        &format!("{to}smtp_server 127.0.0.1\nsmtp_login u p"),
        "",
        "",
    );
}
