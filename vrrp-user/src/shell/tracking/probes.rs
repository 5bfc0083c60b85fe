//! Asks a service: a connection, or one GET over HTTP/1.1.

use crate::{
    config::model::{HttpRequest, Probe},
    engine::input::Answer,
};
use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Octets in which a head must have come.
const HEAD_OCTETS: usize = 16 * 1024;
/// Octets of a page that are taken at most.
const PAGE_OCTETS: usize = 256 * 1024;
/// Header lines that are understood.
const HEADERS: usize = 128;

/// One question, and its answer within the probe's timeout.
pub(super) async fn ask(probe: &Probe) -> Answer {
    match timeout(probe.timeout, answer(probe)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Answer::Failed(error.to_string()),
        Err(_) => Answer::TimedOut,
    }
}

async fn answer(probe: &Probe) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(SocketAddr::new(probe.address, probe.port)).await?;
    let Some(request) = &probe.request else {
        return Ok(Answer::Good);
    };
    stream.write_all(get(request).as_bytes()).await?;
    let mut page = Vec::new();
    let code = loop {
        if stream.read_buf(&mut page).await? == 0 {
            return Err(io::Error::other("closed without an answer"));
        }
        if let Some(code) = status(&page)? {
            break code;
        }
        if page.len() > HEAD_OCTETS {
            return Err(io::Error::other("its answer is not HTTP"));
        }
    };
    tokio::spawn(timeout(probe.timeout, drain(stream)));
    let good = |&(first, last): &(u16, u16)| (first..=last).contains(&code);
    Ok(if request.good.iter().any(good) {
        Answer::Good
    } else {
        Answer::Status(code)
    })
}

/// Takes what follows, which changes nothing, so that the server is not cut off.
async fn drain(mut stream: TcpStream) {
    let mut left = PAGE_OCTETS;
    let mut page = [0; 4096];
    while left > 0 {
        match stream.read(&mut page).await {
            Ok(0) | Err(_) => return,
            Ok(read) => left = left.saturating_sub(read),
        }
    }
}

fn get(request: &HttpRequest) -> String {
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: xvrrpd/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        request.path,
        request.host,
        env!("CARGO_PKG_VERSION"),
    )
}

/// The status code, once its line is there.
fn status(page: &[u8]) -> io::Result<Option<u16>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(page);
    match (response.code, parsed) {
        (Some(code), _) => Ok(Some(code)),
        (None, Ok(_)) => Ok(None),
        (None, Err(error)) => Err(io::Error::other(format!("its answer is not HTTP: {error}"))),
    }
}
