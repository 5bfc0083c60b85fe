//! `vrrp_track_tcp` and `vrrp_track_http`: services that are asked without a script.

use super::{body, named, told_twice, track, trackers::Block};
use crate::config::{
    diagnostic::{Code, Diagnostic},
    keyword::{self, Kind},
    model::{HttpRequest, Probe},
    tree::Statement,
    value::{address, bad, number, seconds, surplus},
    words::Word,
};
use core::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

/// Longest time, microseconds; a day.
const MOST_MICROS: u64 = 86_400_000_000;
/// Shortest interval and timeout, microseconds.
const LEAST_MICROS: u64 = 10_000;
const HTTP_PORT: u16 = 80;

/// As written: `None` is what the file does not say.
#[derive(Default)]
struct Draft {
    host: Option<IpAddr>,
    port: Option<u16>,
    interval: Option<Duration>,
    timeout: Option<Duration>,
    rise: Option<u32>,
    fall: Option<u32>,
    init_fail: bool,
    weight: Option<(i16, bool)>,
    path: Option<String>,
    virtual_host: Option<String>,
    good: Vec<(u16, u16)>,
}

pub(super) fn all(root: &[Statement], diagnostics: &mut Vec<Diagnostic>) -> Vec<Block<Probe>> {
    let mut out = Vec::new();
    for (kind, keyword) in [
        (Kind::TrackTcp, "vrrp_track_tcp"),
        (Kind::TrackHttp, "vrrp_track_http"),
    ] {
        for (name, statement) in named(root, keyword, diagnostics) {
            out.push(one(kind, keyword, name, statement, diagnostics));
        }
    }
    out
}

fn one(
    kind: Kind,
    keyword: &str,
    name: &Word,
    statement: &Statement,
    diagnostics: &mut Vec<Diagnostic>,
) -> Block<Probe> {
    let mut draft = Draft::default();
    let mut block = Block::new(name, (), 0);
    for inner in body(statement) {
        draft.read(kind, &mut block, inner, diagnostics);
    }
    let http = kind == Kind::TrackHttp;
    let mut lacks = |what: &str, help: &str| {
        // A value that is no value has been told already.
        if block.places.get(what).is_none() && block.places.get("url").is_none() {
            let message = format!("`{keyword} {}` has no `{what}`", name.text);
            diagnostics.push(Diagnostic::error(Code::Incomplete, name.span, message).help(help));
        }
    };
    if draft.host.is_none() {
        let help = if http {
            "write `url http://ADDRESS[:PORT]/PATH`, or `host ADDRESS`"
        } else {
            "write `host ADDRESS`, as in `host 127.0.0.1`"
        };
        lacks("host", help);
    }
    if draft.port.is_none() && !http {
        lacks("port", "write `port 1-65535`");
    }
    let (weight, reverse) = draft.weight.unwrap_or_default();
    Block {
        name: block.name,
        made: draft.finish(name, http),
        weight,
        reverse,
        places: block.places,
    }
}

impl Draft {
    fn read(
        &mut self,
        kind: Kind,
        block: &mut Block<()>,
        statement: &Statement,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let Some(keyword) = keyword::lookup(kind, statement.name()) else {
            return;
        };
        told_twice(&block.places, statement, false, diagnostics);
        block.places.set(keyword.name, statement.span());
        let words = statement.arguments();
        let Some(first) = words.first() else {
            self.init_fail |= keyword.name == "init_fail";
            return;
        };
        match keyword.name {
            "host" => self.host = host(first, diagnostics),
            "port" => self.port = port(first, diagnostics),
            "interval" => self.interval = time(first, diagnostics),
            "timeout" | "connect_timeout" => self.timeout = time(first, diagnostics),
            "rise" => self.rise = times(first, diagnostics),
            "fall" => self.fall = times(first, diagnostics),
            "weight" => {
                self.weight = track::default_weight(words, 253, diagnostics);
                return;
            }
            "url" => self.url(first, diagnostics),
            "path" => self.path = path(first, diagnostics),
            "virtualhost" => self.virtual_host = Some(first.text.clone()),
            "status_code" => {
                let codes = words.iter().filter_map(|word| codes(word, diagnostics));
                self.good = codes.collect();
                return;
            }
            _ => self.init_fail = true,
        }
        surplus(words, 1, diagnostics);
    }

    fn url(&mut self, word: &Word, diagnostics: &mut Vec<Diagnostic>) {
        let mut wrong = |message: String, help: String| {
            diagnostics.push(bad(word, message).help(help));
        };
        let text = word.text.as_str();
        let Some(rest) = text.strip_prefix("http://") else {
            if text.starts_with("https://") {
                wrong(
                    "TLS is not spoken here".to_owned(),
                    "check the port with `vrrp_track_tcp`, or the page with a `vrrp_script` that runs curl".to_owned(),
                );
            } else {
                wrong(
                    format!("`{text}` is no URL"),
                    format!("write `url http://{}`", text.trim_start_matches('/')),
                );
            }
            return;
        };
        if !rest.bytes().all(|b| b.is_ascii_graphic()) {
            wrong(
                format!("`{text}` is no URL"),
                "write it as a browser sends it, with %20 for a space".to_owned(),
            );
            return;
        }
        let (authority, path) = rest
            .split_once('/')
            .map_or((rest, "/".to_owned()), |(host, path)| {
                (host, format!("/{path}"))
            });
        let bare = authority
            .strip_prefix('[')
            .and_then(|it| it.strip_suffix(']'))
            .unwrap_or(authority);
        if let Ok(host) = bare.parse::<IpAddr>() {
            self.host = Some(host);
        } else if let Ok(with_port) = authority.parse::<SocketAddr>() {
            self.host = Some(with_port.ip());
            self.port = Some(with_port.port());
        } else {
            let name = authority.split(':').next().unwrap_or(authority);
            wrong(
                format!("`{authority}` is no address"),
                format!(
                    "write an address, so that the check does not fail with DNS, and `virtualhost {name}`"
                ),
            );
        }
        self.path = Some(path);
    }

    fn finish(self, name: &Word, http: bool) -> Probe {
        let address = self.host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let port = self.port.unwrap_or(HTTP_PORT);
        let interval = self.interval.unwrap_or(Duration::from_secs(1));
        let request = http.then(|| HttpRequest {
            host: self.virtual_host.unwrap_or_else(|| match (address, port) {
                (IpAddr::V4(address), HTTP_PORT) => address.to_string(),
                (IpAddr::V6(address), HTTP_PORT) => format!("[{address}]"),
                (address, port) => SocketAddr::new(address, port).to_string(),
            }),
            path: self.path.unwrap_or_else(|| "/".to_owned()),
            good: if self.good.is_empty() {
                vec![(200, 299)]
            } else {
                self.good
            },
        });
        Probe {
            name: name.text.clone(),
            address,
            port,
            request,
            interval,
            timeout: self.timeout.unwrap_or(interval),
            rise: self.rise.unwrap_or(1),
            fall: self.fall.unwrap_or(1),
            init_fail: self.init_fail,
        }
    }
}

fn host(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<IpAddr> {
    let letters = word.text.bytes().any(|b| b.is_ascii_alphabetic());
    if letters && !word.text.contains(':') {
        let found = bad(word, format!("`{}` is no address", word.text));
        diagnostics.push(found.help("write an address: with a name the check would fail with DNS"));
        return None;
    }
    address(word, diagnostics)
}

fn port(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<u16> {
    number(word, 1..=65535, diagnostics).and_then(|n| u16::try_from(n).ok())
}

fn time(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<Duration> {
    seconds(word, LEAST_MICROS..=MOST_MICROS, 3, diagnostics)
}

fn times(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<u32> {
    number(word, 1..=i64::from(i32::MAX), diagnostics).and_then(|n| u32::try_from(n).ok())
}

fn path(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let sound = word.text.bytes().all(|b| b.is_ascii_graphic());
    if sound && word.text.starts_with('/') {
        return Some(word.text.clone());
    }
    let (message, help) = if sound {
        (
            format!("the path `{}` does not begin with `/`", word.text),
            format!("write `path /{}`", word.text),
        )
    } else {
        (
            format!("`{}` is no path of a URL", word.text),
            "write it as a browser sends it, with %20 for a space".to_owned(),
        )
    };
    diagnostics.push(bad(word, message).help(help));
    None
}

/// `200` or `200-299`.
fn codes(word: &Word, diagnostics: &mut Vec<Diagnostic>) -> Option<(u16, u16)> {
    let (first, last) = word
        .text
        .split_once('-')
        .unwrap_or((&word.text, &word.text));
    let code = |text: &str| text.parse().ok().filter(|n| (100..=599).contains(n));
    let range = code(first).zip(code(last)).filter(|(a, b)| a <= b);
    if range.is_none() {
        let found = bad(word, format!("`{}` is no status code", word.text));
        diagnostics
            .push(found.help("write codes from 100 to 599, as in `status_code 200-299 401`"));
    }
    range
}
