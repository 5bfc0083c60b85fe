//! A mail server of few words, good or bad, for what daemons send.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{net::Node, place};

/// Made once for these tests, good for 127.0.0.1 for a hundred years.
const AUTHORITY: &str = include_str!("smtp/ca.pem");
const CERTIFICATE: &str = include_str!("smtp/server.pem");
const KEY: &str = include_str!("smtp/server.key");

/// How it treats its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// Takes every mail.
    Good,
    /// Takes every mail, and this long over each answer.
    Slow(Duration),
    /// Refuses every sender for good.
    Refusing,
    /// Accepts the connection and never says a word.
    Hanging,
    /// Takes mail by TLS alone, after STARTTLS, of whoever has logged in.
    StartTls,
    /// The same, by TLS from the first octet.
    Tls,
}

/// One mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// What `AUTH PLAIN` said, as it was said.
    pub login: Option<String>,
    /// Of `MAIL FROM`.
    pub from: String,
    /// Of each `RCPT TO`.
    pub to: Vec<String>,
    /// Header lines and text, without the final dot.
    pub lines: Vec<String>,
}

impl Mail {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self.lines.iter().take_while(|line| !line.is_empty());
        headers
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    /// What follows the headers.
    #[must_use]
    pub fn body(&self) -> &[String] {
        let headers = self.lines.iter().position(String::is_empty);
        &self.lines[headers.map_or(self.lines.len(), |at| at + 1)..]
    }
}

/// A server that runs as long as the test process.
pub struct Server {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
    clients: Arc<Mutex<usize>>,
}

impl Server {
    /// Listens on a node's own loopback address.
    #[must_use]
    pub fn start(node: &Node, manners: Manners) -> Self {
        node.ns.ip("link set lo up");
        let listener = node
            .ns
            .run(|| TcpListener::bind("127.0.0.1:0").expect("a port"));
        let address = listener.local_addr().expect("bound");
        let (mails, clients) = (Arc::<Mutex<Vec<Mail>>>::default(), Arc::default());
        let (all, count) = (Arc::clone(&mails), Arc::clone(&clients));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                *Mutex::lock(&count).unwrap_or_else(PoisonError::into_inner) += 1;
                let all = Arc::clone(&all);
                thread::spawn(move || talk(&stream, manners, &all));
            }
        });
        Self {
            address,
            mails,
            clients,
        }
    }

    /// As `smtp_server` takes it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{} {}", self.address.ip(), self.address.port())
    }

    /// What it has taken so far.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        let mails = self.mails.lock();
        mails.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connections so far.
    #[must_use]
    pub fn clients(&self) -> usize {
        *self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the certificate is that those who trust the server trust.
#[must_use]
pub fn authority() -> PathBuf {
    let path = place::scratch("smtp").join("ca.pem");
    std::fs::write(&path, AUTHORITY).expect("the scratch directory");
    path
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// One connection.
struct Talk {
    stream: Box<dyn Stream>,
    pause: Option<Duration>,
}

impl Talk {
    fn say(&mut self, text: &str) -> Option<()> {
        if let Some(pause) = self.pause {
            thread::sleep(pause);
        }
        self.stream
            .write_all(format!("{text}\r\n").as_bytes())
            .and_then(|()| self.stream.flush())
            .ok()
    }

    /// Octet by octet: what follows STARTTLS is not this one's to read.
    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        loop {
            let mut octet = [0];
            match self.stream.read(&mut octet) {
                Ok(1) if octet[0] == b'\n' => break,
                Ok(1) => line.push(octet[0]),
                _ => return None,
            }
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        Some(line.trim_end_matches('\r').to_owned())
    }
}

fn encrypted(stream: TcpStream) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).expect("our own");
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("our own");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they belong together");
    let connection = ServerConnection::new(Arc::new(config)).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}

/// To its end or the client's.
fn talk(tcp: &TcpStream, manners: Manners, all: &Mutex<Vec<Mail>>) -> Option<()> {
    let stream: Box<dyn Stream> = match manners {
        Manners::Tls => Box::new(encrypted(tcp.try_clone().ok()?).ok()?),
        _ => Box::new(tcp.try_clone().ok()?),
    };
    let pause = match manners {
        Manners::Slow(pause) => Some(pause),
        _ => None,
    };
    let mut talk = Talk { stream, pause };
    if manners == Manners::Hanging {
        // Until the client hangs up.
        while talk.line().is_some() {}
        return None;
    }
    talk.say("220 server of a test")?;
    let mut secure = manners == Manners::Tls;
    let guarded = matches!(manners, Manners::Tls | Manners::StartTls);
    let mut mail = Mail::default();
    loop {
        let line = talk.line()?;
        let address = || {
            let inner = line.split_once('<')?.1.split_once('>')?.0;
            Some(inner.to_owned())
        };
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" if guarded && secure => talk.say("250-well\r\n250 AUTH PLAIN")?,
            "EHLO" if guarded => talk.say("250-well\r\n250 STARTTLS")?,
            "STARTTLS" if guarded && !secure => {
                talk.say("220 go on")?;
                talk.stream = Box::new(encrypted(tcp.try_clone().ok()?).ok()?);
                secure = true;
            }
            "AUTH" if guarded && secure => {
                mail.login = line.strip_prefix("AUTH PLAIN ").map(str::to_owned);
                talk.say("235 it is you")?;
            }
            "EHLO" | "HELO" | "RSET" | "NOOP" => talk.say("250 well")?,
            "MAIL" if manners == Manners::Refusing => talk.say("554 not you")?,
            "MAIL" if guarded && (!secure || mail.login.is_none()) => talk.say("530 who?")?,
            "MAIL" => {
                mail.from = address()?;
                talk.say("250 well")?;
            }
            "RCPT" => {
                mail.to.push(address()?);
                talk.say("250 well")?;
            }
            "DATA" => {
                talk.say("354 go on")?;
                mail.lines.clear();
                loop {
                    match talk.line()? {
                        line if line == "." => break,
                        line => mail.lines.push(line),
                    }
                }
                let done = std::mem::take(&mut mail);
                all.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(done);
                talk.say("250 taken")?;
            }
            "QUIT" => {
                talk.say("221 bye")?;
                return None;
            }
            _ => talk.say("502 what?")?,
        }
    }
}
