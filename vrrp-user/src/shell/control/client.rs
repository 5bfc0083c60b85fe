//! The asking end of the control socket, for the command line.

use super::{Command, VERSION};
use serde_json::{Value, json};
use std::{
    fmt,
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// Longest answer: some thousand instances.
const ANSWER_MAX_BYTES: u64 = 64 << 20;

/// Why there is no answer.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody listens there.
    NotRunning(io::Error),
    /// It is not answered within the time given: stopped, hung or starved.
    Silent,
    /// The daemon refused, in its own words.
    Refused(String),
    /// What came back makes no sense.
    Garbled(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning(error) => write!(f, "no xvrrpd answers here: {error}"),
            Self::Silent => f.write_str("xvrrpd does not answer"),
            Self::Refused(why) => f.write_str(why),
            Self::Garbled(why) => write!(f, "the answer makes no sense: {why}"),
        }
    }
}

impl std::error::Error for ClientError {}

/// Asks the daemon at `path`, and waits at most `limit` for each part of the answer.
pub fn ask(path: &Path, command: &Command, limit: Duration) -> Result<Value, ClientError> {
    let stream = UnixStream::connect(path).map_err(ClientError::NotRunning)?;
    exchange(stream, command, limit).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ClientError::Silent,
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => {
            ClientError::Refused("xvrrpd hung up: it is ending, or has too many clients".into())
        }
        _ => ClientError::Garbled(error.to_string()),
    })?
}

fn exchange(
    mut stream: UnixStream,
    command: &Command,
    limit: Duration,
) -> io::Result<Result<Value, ClientError>> {
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    let mut request = serde_json::to_value(command)?;
    request["v"] = json!(VERSION);
    writeln!(stream, "{request}")?;
    let mut line = Vec::new();
    let mut answer = BufReader::new(io::Read::take(stream, ANSWER_MAX_BYTES));
    if answer.read_until(b'\n', &mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut answer: Value = serde_json::from_slice(&line)?;
    Ok(if let Some(ok) = answer.get_mut("ok") {
        Ok(ok.take())
    } else if let Some(why) = answer.get("error").and_then(Value::as_str) {
        Err(ClientError::Refused(why.to_owned()))
    } else {
        Err(ClientError::Garbled(answer.to_string()))
    })
}
