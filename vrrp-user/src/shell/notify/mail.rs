//! Alerts by mail, from a thread of their own: a server that is slow holds up nobody
//! but the next mail.

use super::backlog::Backlog;
use crate::config::model::{Mail, MailTls};
use lettre::{
    Message, SmtpTransport, Transport as _,
    message::{
        Mailbox, Mailboxes,
        header::{Header, HeaderName, HeaderValue, To},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
        extension::ClientId,
    },
};
use serde_json::{Value, json};
use std::{
    error::Error as _,
    fs,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Mails kept for a server that is down.
const MAILS_MAX: usize = 100;
/// Pauses between the attempts at one mail.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];
/// How often the end of a mail is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Sends mail, or does nothing where none is configured.
#[derive(Debug, Default)]
pub struct Mailer {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Debug)]
struct State {
    config: Option<Arc<Sender>>,
    backlog: Backlog<Letter>,
    busy: bool,
    sent: u64,
    failed: u64,
    /// Why the last one failed, until one is sent.
    outage: Option<String>,
    ending: bool,
}

impl State {
    fn is_idle(&self) -> bool {
        !self.busy && self.backlog.len() == 0
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            config: None,
            backlog: Backlog::new(MAILS_MAX),
            busy: false,
            sent: 0,
            failed: 0,
            outage: None,
            ending: false,
        }
    }
}

/// Where mail goes, and under which name.
#[derive(Debug)]
struct Sender {
    mail: Mail,
    router_id: String,
}

#[derive(Clone, Debug)]
struct Letter {
    subject: String,
    body: String,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailer {
    /// For all mails that follow. An empty `router_id` stands for the host's name.
    pub fn configure(&mut self, mail: Option<&Mail>, router_id: &str) {
        let router_id = match router_id {
            "" => host_name(),
            name => name.to_owned(),
        };
        self.shared.lock().config = mail
            .cloned()
            .map(|mail| Arc::new(Sender { mail, router_id }));
    }

    /// Sends it as soon as can be. Returns at once.
    pub fn send(&mut self, subject: String, body: String) {
        let mut state = self.shared.lock();
        if state.config.is_none() {
            return;
        }
        if state.backlog.push(Letter { subject, body }) && state.backlog.lost() == 1 {
            tracing::warn!(
                "more than {MAILS_MAX} alerts wait for the SMTP server; the oldest are lost"
            );
        }
        drop(state);
        self.shared.news.notify_one();
        if self.thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let thread = thread::Builder::new().name("xvrrpd-mail".into());
            match thread.spawn(move || work(&shared)) {
                Ok(handle) => self.thread = Some(handle),
                Err(error) => tracing::error!("no thread to send mail: {error}"),
            }
        }
    }

    /// Waits until all is sent, without further attempts; gives up after `limit`.
    pub async fn drained(&self, limit: Duration) -> bool {
        self.shared.lock().ending = true;
        self.shared.news.notify_one();
        let idle = async {
            loop {
                if self.shared.lock().is_idle() {
                    return;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(limit, idle).await.is_ok()
    }

    /// For `status`.
    #[must_use]
    pub fn describe(&self) -> Value {
        let state = self.shared.lock();
        let Some(sender) = &state.config else {
            return Value::Null;
        };
        json!({
            "server": address(&sender.mail),
            "sent": state.sent,
            "waiting": state.backlog.len() + usize::from(state.busy),
            "failed": state.failed,
            "lost": state.backlog.lost(),
            "error": state.outage,
        })
    }
}

/// The thread. It ends with the process.
fn work(shared: &Shared) {
    loop {
        let (letter, sender) = next(shared);
        let Some(sender) = sender else {
            shared.lock().busy = false;
            continue;
        };
        let result = try_hard(shared, &sender, &letter);
        let mut state = shared.lock();
        state.busy = false;
        match result {
            Ok(()) => {
                state.sent += 1;
                tracing::debug!("SMTP alert sent: {}", letter.subject);
                if state.outage.take().is_some() {
                    tracing::info!(
                        "SMTP server {}: alerts are sent again",
                        address(&sender.mail)
                    );
                }
            }
            Err(why) => {
                state.failed += 1;
                // Once an outage: a server that is down says the same each time.
                if state.outage.is_none() {
                    tracing::error!(
                        "SMTP alert {:?} not sent to {}: {why}",
                        letter.subject,
                        address(&sender.mail)
                    );
                }
                state.outage = Some(why);
            }
        }
    }
}

fn next(shared: &Shared) -> (Letter, Option<Arc<Sender>>) {
    let mut state = shared.lock();
    loop {
        if let Some(letter) = state.backlog.pop() {
            state.busy = true;
            return (letter, state.config.clone());
        }
        state = shared
            .news
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

/// A few times, unless it would be refused again or there is no time.
fn try_hard(shared: &Shared, sender: &Sender, letter: &Letter) -> Result<(), String> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let failure = match deliver(sender, letter) {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        let pause = pauses.next().filter(|_| !failure.permanent);
        match pause {
            Some(pause) if !rest(shared, pause) => {}
            _ => return Err(failure.why),
        }
    }
}

/// `true`: we are to end meanwhile.
fn rest(shared: &Shared, pause: Duration) -> bool {
    let state = shared.lock();
    let waited = shared
        .news
        .wait_timeout_while(state, pause, |state| !state.ending);
    waited.unwrap_or_else(PoisonError::into_inner).0.ending
}

struct Failure {
    why: String,
    permanent: bool,
}

impl Failure {
    fn permanent(why: &impl ToString) -> Self {
        Self {
            why: why.to_string(),
            permanent: true,
        }
    }
}

fn deliver(sender: &Sender, letter: &Letter) -> Result<(), Failure> {
    let message = message(sender, letter).map_err(|why| Failure::permanent(&why))?;
    let transport = transport(&sender.mail).map_err(|why| Failure::permanent(&why))?;
    transport.send(&message).map(drop).map_err(|error| Failure {
        permanent: error.is_permanent(),
        why: in_full(&error),
    })
}

/// An error with what caused it.
fn in_full(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// With keepalived's headers and text.
fn message(sender: &Sender, letter: &Letter) -> Result<Message, String> {
    let Sender { mail, router_id } = sender;
    let from = mail.from.clone().unwrap_or_else(default_sender);
    let mailbox = |address: &String| {
        address
            .parse::<Mailbox>()
            .map_err(|error| format!("{address}: {error}"))
    };
    let to = mail
        .recipients
        .iter()
        .map(mailbox)
        .collect::<Result<Mailboxes, _>>()?;
    Message::builder()
        .date_now()
        .from(mailbox(&from)?)
        .subject(format!("[{router_id}] {}", letter.subject))
        .header(Mailed)
        .mailbox(To::from(to))
        .body(format!("{}\r\n", letter.body))
        .map_err(|error| error.to_string())
}

/// `X-Mailer`, where keepalived names itself.
#[derive(Clone)]
struct Mailed;

impl Header for Mailed {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("X-Mailer")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "xvrrpd".into())
    }
}

fn transport(mail: &Mail) -> Result<SmtpTransport, String> {
    let tls = match mail.tls {
        MailTls::Off => Tls::None,
        MailTls::StartTls => Tls::Required(trust(mail)?),
        MailTls::On => Tls::Wrapper(trust(mail)?),
    };
    let helo = mail.helo.clone().unwrap_or_else(host_name);
    let mut builder = SmtpTransport::builder_dangerous(&mail.server)
        .port(mail.port)
        .timeout(Some(mail.timeout))
        .hello_name(ClientId::Domain(helo))
        .tls(tls);
    if let Some(login) = &mail.login {
        builder = builder.credentials(Credentials::new(login.user.clone(), login.password.clone()));
    }
    Ok(builder.build())
}

fn trust(mail: &Mail) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(mail.server.clone());
    if let Some(path) = &mail.ca_file {
        let pem = fs::read(path).map_err(|error| format!("smtp_tls_ca {path}: {error}"))?;
        let certificate =
            Certificate::from_pem(&pem).map_err(|error| format!("smtp_tls_ca {path}: {error}"))?;
        builder = builder
            .certificate_store(CertificateStore::None)
            .add_root_certificate(certificate);
    }
    builder.build().map_err(|error| error.to_string())
}

fn address(mail: &Mail) -> String {
    if mail.server.contains(':') {
        format!("[{}]:{}", mail.server, mail.port)
    } else {
        format!("{}:{}", mail.server, mail.port)
    }
}

/// keepalived's: our user at our host.
fn default_sender() -> String {
    let uid = nix::unistd::Uid::effective();
    let user = nix::unistd::User::from_uid(uid).ok().flatten();
    let name = user.map_or_else(|| uid.to_string(), |user| user.name);
    format!("{name}@{}", host_name())
}

fn host_name() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    match name.to_string_lossy() {
        name if name.is_empty() => "localhost".to_owned(),
        name => name.into_owned(),
    }
}
