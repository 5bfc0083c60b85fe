//! `global_defs`: FIFOs, mail, scripts at the start and at the end.

use super::{Places, body, dbus, global, told_twice};
use crate::config::{
    command::{self, Command},
    diagnostic::{Code, Diagnostic},
    keyword::{self, Kind},
    model::{Fifo, Global, Hook, Mail, MailLogin, MailTls, User},
    tree::Statement,
    value::{absolute_guess, number, seconds, surplus, switch},
    words::Word,
};
use core::{net::IpAddr, time::Duration};

const SMTP_PORT: u16 = 25;
const SMTPS_PORT: u16 = 465;
/// keepalived's `smtp_connect_timeout`.
const MAIL_TIMEOUT: Duration = Duration::from_secs(30);
/// keepalived's timeout for the scripts at the start and at the end.
const HOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// Most keepalived takes for them.
const MOST_HOOK_SECONDS: i64 = 1000;

/// What `global_defs` says of it, as far as it has been read.
#[derive(Debug)]
pub(super) struct Telling {
    places: Places,
    fifo: FifoWords,
    vrrp_fifo: FifoWords,
    startup: HookWords,
    shutdown: HookWords,
    states_on_reload: bool,
    recipients: Vec<String>,
    from: Option<String>,
    server: Option<(String, Option<u16>)>,
    timeout: Option<Duration>,
    helo: Option<String>,
    tls: MailTls,
    ca_file: Option<String>,
    login: Option<MailLogin>,
    no_mail_on_fault: bool,
    mail: Option<bool>,
    mail_vrrp: Option<bool>,
    pub(super) priority_changes: bool,
    dbus: dbus::Words,
}

#[derive(Debug, Default)]
struct FifoWords {
    path: Option<(String, Option<User>)>,
    script: Option<Command>,
}

#[derive(Debug, Default)]
struct HookWords {
    command: Option<Command>,
    timeout: Option<Duration>,
}

impl Telling {
    pub(super) fn new(places: Places) -> Self {
        Self {
            places,
            fifo: FifoWords::default(),
            vrrp_fifo: FifoWords::default(),
            startup: HookWords::default(),
            shutdown: HookWords::default(),
            states_on_reload: false,
            recipients: Vec::new(),
            from: None,
            server: None,
            timeout: None,
            helo: None,
            tls: MailTls::Off,
            ca_file: None,
            login: None,
            no_mail_on_fault: false,
            mail: None,
            mail_vrrp: None,
            priority_changes: false,
            dbus: dbus::Words::default(),
        }
    }

    /// `smtp_alert` where neither instance nor group says.
    pub(super) fn mails(&self) -> bool {
        self.mail_vrrp.or(self.mail).unwrap_or(false)
    }

    /// Takes a keyword; false if it is none of these.
    pub(super) fn read(
        &mut self,
        statement: &Statement,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> bool {
        let Some(keyword) = keyword::lookup(Kind::Global, statement.name()) else {
            return false;
        };
        let first_wins = keyword.name.ends_with("fifo") || keyword.name.ends_with("_script");
        let again = self.places.get(keyword.name).is_some();
        let words = statement.arguments();
        let first = words.first();
        match keyword.name {
            _ if first_wins && again => {}
            "notify_fifo" => self.fifo.path = fifo(statement, diagnostics),
            "vrrp_notify_fifo" => self.vrrp_fifo.path = fifo(statement, diagnostics),
            "notify_fifo_script" => self.fifo.script = command::command(statement, diagnostics),
            "vrrp_notify_fifo_script" => {
                self.vrrp_fifo.script = command::command(statement, diagnostics);
            }
            "startup_script" => self.startup.command = command::command(statement, diagnostics),
            "shutdown_script" => self.shutdown.command = command::command(statement, diagnostics),
            "startup_script_timeout" => self.startup.timeout = hook_timeout(first, diagnostics),
            "shutdown_script_timeout" => self.shutdown.timeout = hook_timeout(first, diagnostics),
            "fifo_write_vrrp_states_on_reload" => self.states_on_reload = true,
            "vrrp_notify_priority_changes" => {
                global::set(&mut self.priority_changes, switch(first, diagnostics));
            }
            "notification_email" => self.recipients(statement, diagnostics),
            "notification_email_from" => self.from = sender(words, diagnostics),
            "smtp_server" => self.server = server(words, diagnostics),
            "smtp_connect_timeout" => self.timeout = mail_timeout(first, diagnostics),
            "smtp_helo_name" => self.helo = first.map(|word| word.text.clone()),
            "smtp_tls" => self.tls = tls(first, diagnostics).unwrap_or(self.tls),
            "smtp_tls_ca" => self.ca_file = first.and_then(|word| absolute(word, diagnostics)),
            "smtp_login" => self.login = login(words, diagnostics),
            "no_email_faults" => self.no_mail_on_fault = true,
            "smtp_alert" => self.mail = switch(first, diagnostics).or(self.mail),
            "smtp_alert_vrrp" => self.mail_vrrp = switch(first, diagnostics).or(self.mail_vrrp),
            "enable_dbus" => self.dbus.enabled = true,
            "dbus_service_name" => self.dbus.service = dbus::service(first, diagnostics),
            _ => return false,
        }
        if keyword.name != "notification_email" {
            told_twice(&self.places, statement, first_wins, diagnostics);
        }
        self.places.set(keyword.name, statement.span());
        true
    }

    fn recipients(&mut self, statement: &Statement, diagnostics: &mut Vec<Diagnostic>) {
        let rows = body(statement).iter().flat_map(|row| &row.words);
        self.recipients
            .extend(rows.filter_map(|word| recipient(word, diagnostics)));
        if body(statement).is_empty() {
            let found = Diagnostic::warning(
                Code::Incomplete,
                statement.span(),
                "`notification_email` names nobody",
            );
            diagnostics.push(found.help("write `notification_email { admin@example.com }`"));
        }
    }

    /// Once everything is read: what belongs together, and what lacks its other half.
    pub(super) fn settle(&mut self, global: &mut Global, diagnostics: &mut Vec<Diagnostic>) {
        let fifos = [
            ("notify_fifo", core::mem::take(&mut self.fifo)),
            ("vrrp_notify_fifo", core::mem::take(&mut self.vrrp_fifo)),
        ];
        for (keyword, words) in fifos {
            self.settle_fifo(keyword, words, global, diagnostics);
        }
        global.fifo_states_on_reload = self.states_on_reload;
        let hooks = [
            ("startup_script", core::mem::take(&mut self.startup)),
            ("shutdown_script", core::mem::take(&mut self.shutdown)),
        ];
        let [startup, shutdown] = hooks.map(|(keyword, words)| {
            let timeout = format!("{keyword}_timeout");
            if let Some(at) = self.places.get(&timeout)
                && self.places.get(keyword).is_none()
            {
                let message = format!("there is no `{keyword}` for this to limit");
                diagnostics.push(Diagnostic::warning(Code::Incomplete, at, message));
            }
            words.command.map(|command| Hook {
                command: command.line,
                user: command.user,
                timeout: words.timeout.unwrap_or(HOOK_TIMEOUT),
            })
        });
        (global.startup, global.shutdown) = (startup, shutdown);
        global.no_mail_on_fault = self.no_mail_on_fault;
        global.mail = self.settle_mail(diagnostics);
        let dbus = core::mem::take(&mut self.dbus);
        global.dbus = dbus.settle(&self.places, diagnostics);
    }

    fn settle_fifo(
        &self,
        keyword: &str,
        words: FifoWords,
        global: &mut Global,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let Some((path, owner)) = words.path else {
            let script = format!("{keyword}_script");
            if let Some(at) = self.places.get(&script)
                && self.places.get(keyword).is_none()
            {
                let message = format!("`{script}` without `{keyword}`: it is not run");
                let found = Diagnostic::warning(Code::Incomplete, at, message);
                diagnostics.push(found.help(format!("write `{keyword} /run/keepalived.fifo`")));
            }
            return;
        };
        if global.fifos.iter().any(|other| other.path == path) {
            let message = "`notify_fifo` names the same FIFO: each line is written to it once";
            let found = Diagnostic::warning(Code::Overruled, self.places.at(keyword), message);
            diagnostics.push(found.help(format!("remove `{keyword}` and its script")));
            return;
        }
        let (script, script_user) = match words.script {
            Some(script) => (Some(script.line), script.user),
            None => (None, None),
        };
        global.fifos.push(Fifo {
            path,
            owner,
            script,
            script_user,
        });
    }

    fn settle_mail(&mut self, diagnostics: &mut Vec<Diagnostic>) -> Option<Mail> {
        let wanted = ["smtp_alert", "smtp_alert_vrrp"];
        let wanted = wanted.iter().find_map(|keyword| self.places.get(keyword));
        let lacks = |keyword: &str| self.places.get(keyword).is_none();
        if let Some(at) = wanted.filter(|_| self.mails()) {
            let missing = ["smtp_server", "notification_email"]
                .into_iter()
                .filter(|keyword| lacks(keyword))
                .collect::<Vec<_>>();
            if !missing.is_empty() {
                let message = format!("no mail can be sent without `{}`", missing.join("` and `"));
                let found = Diagnostic::warning(Code::Incomplete, at, message);
                diagnostics.push(found.help(
                    "write `smtp_server 127.0.0.1` and `notification_email { admin@example.com }`",
                ));
            }
        }
        let (server, port) = self.server.take()?;
        let login = self.login.take();
        let local = server == "localhost"
            || server
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        if login.is_some() && self.tls == MailTls::Off && !local {
            let found = Diagnostic::error(
                Code::BadValue,
                self.places.at("smtp_login"),
                format!("the password would travel to {server} in the clear"),
            );
            diagnostics
                .push(found.help("write `smtp_tls starttls`, or `smtp_tls on` for port 465"));
        }
        if self.recipients.is_empty() {
            return None;
        }
        let usual = if self.tls == MailTls::On {
            SMTPS_PORT
        } else {
            SMTP_PORT
        };
        Some(Mail {
            recipients: core::mem::take(&mut self.recipients),
            from: self.from.take(),
            server,
            port: port.unwrap_or(usual),
            timeout: self.timeout.unwrap_or(MAIL_TIMEOUT),
            helo: self.helo.take(),
            tls: self.tls,
            ca_file: self.ca_file.take(),
            login,
        })
    }
}

/// `PATH [USER [GROUP]]`.
fn fifo(
    statement: &Statement,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(String, Option<User>)> {
    let words = statement.arguments();
    let path = absolute(words.first()?, diagnostics)?;
    let owner = global::user(words.get(1..).unwrap_or_default(), diagnostics);
    Some((path, owner))
}

pub(super) fn absolute(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    if word.text.starts_with('/') {
        return Some(word.text.clone());
    }
    let message = format!("`{}` is no absolute path", word.text);
    let found = Diagnostic::error(Code::BadValue, word.span, message);
    diagnostics.push(found.help(format!(
        "write `{}`, or where it is",
        absolute_guess(&word.text)
    )));
    None
}

fn hook_timeout(word: Option<&Word>, diagnostics: &mut Vec<Diagnostic>) -> Option<Duration> {
    let value = number(word?, 1..=MOST_HOOK_SECONDS, diagnostics)?;
    u64::try_from(value).ok().map(Duration::from_secs)
}

/// keepalived takes 0 for 1.
fn mail_timeout(word: Option<&Word>, diagnostics: &mut Vec<Diagnostic>) -> Option<Duration> {
    let word = word?;
    let time = seconds(word, 0..=global::MOST_MICROS, 0, diagnostics)?;
    if time.is_zero() {
        let message = "no server answers in no time; 1 second is used";
        let found = Diagnostic::warning(Code::BadValue, word.span, message);
        diagnostics.push(found.help("write `1`"));
        return Some(Duration::from_secs(1));
    }
    Some(time)
}

/// Servers want a domain; keepalived leaves it to them to add one.
fn recipient(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let text = word.text.as_str();
    let bare = text.trim_start_matches('<').trim_end_matches('>');
    let (local, domain) = bare.rsplit_once('@').unwrap_or((bare, "localhost"));
    let odd = |c: char| c.is_whitespace() || c.is_control() || ",;<>\"".contains(c);
    if local.is_empty() || domain.is_empty() || bare.contains(odd) {
        let message = format!("`{text}` is no mail address");
        let found = Diagnostic::error(Code::BadValue, word.span, message);
        diagnostics
            .push(found.help("write `admin@example.com`, one address a line, without commas"));
        return None;
    }
    if !bare.contains('@') {
        let message = format!("`{text}` has no domain: mail goes to {local}@{domain}");
        let found = Diagnostic::warning(Code::BadValue, word.span, message);
        diagnostics.push(found.help(format!("write `{local}@example.com`")));
    }
    Some(format!("{local}@{domain}"))
}

/// `NAME@DOMAIN`, or with a name before it: `Routers <NAME@DOMAIN>`.
fn sender(words: &[Word], diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let (last, name) = words.split_last()?;
    let address = recipient(last, diagnostics)?;
    if name.is_empty() {
        return Some(address);
    }
    let name: Vec<&str> = name.iter().map(|word| word.text.as_str()).collect();
    Some(format!("{} <{address}>", name.join(" ")))
}

/// `ADDRESS [PORT]`.
fn server(words: &[Word], diagnostics: &mut Vec<Diagnostic>) -> Option<(String, Option<u16>)> {
    surplus(words, 2, diagnostics);
    let host = words.first()?;
    let named = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if host.text.parse::<IpAddr>().is_err() && !host.text.chars().all(named) {
        let message = format!("`{}` is neither an address nor a host name", host.text);
        let found = Diagnostic::error(Code::BadValue, host.span, message);
        diagnostics.push(found.help("write `smtp_server 192.0.2.25 25`: a port stands by itself"));
        return None;
    }
    let port = match words.get(1) {
        None => None,
        Some(word) => {
            let port = number(word, 1..=i64::from(u16::MAX), diagnostics)?;
            u16::try_from(port).ok()
        }
    };
    Some((host.text.clone(), port))
}

fn tls(word: Option<&Word>, diagnostics: &mut Vec<Diagnostic>) -> Option<MailTls> {
    let word = word?;
    Some(match word.text.as_str() {
        "off" => MailTls::Off,
        "starttls" => MailTls::StartTls,
        "on" => MailTls::On,
        text => {
            let message = format!("`{text}` is no way to use TLS");
            let found = Diagnostic::error(Code::BadValue, word.span, message);
            diagnostics.push(found.help("write `off`, `starttls` or `on`"));
            return None;
        }
    })
}

fn login(words: &[Word], diagnostics: &mut Vec<Diagnostic>) -> Option<MailLogin> {
    surplus(words, 2, diagnostics);
    Some(MailLogin {
        user: words.first()?.text.clone(),
        password: words.get(1)?.text.clone(),
    })
}
