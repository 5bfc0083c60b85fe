//! `lb_kind`, `lvs_method`, with a tunnel's options.

use crate::config::{
    diagnostic::{Code, Diagnostic},
    model::balance::{Method, Tunnel},
    value::{bad, number, surplus},
    words::Word,
};

const TUNNELS: &str = "write `TUN`, `TUN type gue port 6080 [csum]` or `TUN type gre [csum]`";

/// `NAT`, `DR` or `TUN [type {ipip|gue port NUM|gre} [nocsum|csum|remcsum]]`.
pub(super) fn method(
    keyword: &str,
    words: &[Word],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Method> {
    let (first, rest) = words.split_first()?;
    let method = match first.text.as_str() {
        "NAT" => Method::Nat,
        "DR" => Method::Dr,
        "TUN" => return tunnel(rest, diagnostics).map(Method::Tun),
        text => {
            let found = bad(first, format!("`{text}` is no way to forward packets"));
            let upper = text.to_ascii_uppercase();
            diagnostics.push(
                found.help(if ["NAT", "DR", "TUN"].contains(&upper.as_str()) {
                    format!("write `{keyword} {upper}`")
                } else {
                    format!("write `{keyword} DR`, `{keyword} NAT` or `{keyword} TUN`")
                }),
            );
            return None;
        }
    };
    surplus(words, 1, diagnostics);
    Some(method)
}

#[derive(Default)]
struct Options<'a> {
    kind: Option<&'a Word>,
    port: Option<u16>,
    port_word: Option<&'a Word>,
    checksum: Option<&'a Word>,
}

fn tunnel(words: &[Word], diagnostics: &mut Vec<Diagnostic>) -> Option<Tunnel> {
    let options = options(words, diagnostics)?;
    let kind = options.kind.map_or("ipip", |word| word.text.as_str());
    let checksum = match options.checksum {
        Some(word) if kind == "ipip" && word.text != "nocsum" => {
            let found = bad(word, "a tunnel of type ipip has no checksum".to_owned());
            diagnostics.push(found.help(format!("remove `{}`", word.text)));
            return None;
        }
        Some(word) if word.text == "remcsum" => {
            diagnostics.push(
                Diagnostic::warning(
                    Code::NotServed,
                    word.span,
                    "`remcsum` is not served: the checksum is filled in, as with `csum`",
                )
                .help("write `csum`, or `nocsum`"),
            );
            true
        }
        Some(word) => word.text == "csum",
        None => false,
    };
    if let (Some(word), "ipip" | "gre") = (options.port_word, kind) {
        let found = bad(word, format!("a tunnel of type {kind} has no port"));
        diagnostics.push(found.help("remove `port` and the number"));
        return None;
    }
    match kind {
        "ipip" => Some(Tunnel::Ipip),
        "gre" => Some(Tunnel::Gre { checksum }),
        _ => {
            let Some(port) = options.port else {
                let span = options.kind?.span;
                let message = "a tunnel of type gue needs a port";
                let found = Diagnostic::error(Code::MissingParameter, span, message);
                diagnostics.push(found.help("write `TUN type gue port 6080`"));
                return None;
            };
            Some(Tunnel::Gue { port, checksum })
        }
    }
}

fn options<'a>(words: &'a [Word], diagnostics: &mut Vec<Diagnostic>) -> Option<Options<'a>> {
    let mut options = Options::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match word.text.as_str() {
            option @ ("type" | "port") => {
                let Some(value) = rest.next() else {
                    let message = format!("nothing follows `{option}`");
                    let found = Diagnostic::error(Code::MissingParameter, word.span, message);
                    diagnostics.push(found.help(TUNNELS));
                    return None;
                };
                if option == "port" {
                    let port = number(value, 1..=65535, diagnostics)?;
                    options.port = u16::try_from(port).ok();
                    options.port_word = Some(word);
                } else if ["ipip", "gue", "gre"].contains(&value.text.as_str()) {
                    options.kind = Some(value);
                } else {
                    let found = bad(value, format!("`{}` is no type of tunnel", value.text));
                    diagnostics.push(found.help(TUNNELS));
                    return None;
                }
            }
            "csum" | "nocsum" | "remcsum" => options.checksum = Some(word),
            text => {
                let found = bad(word, format!("`{text}` is no option of a tunnel"));
                diagnostics.push(found.help(if ["ipip", "gue", "gre"].contains(&text) {
                    format!("write `TUN type {text}`")
                } else {
                    TUNNELS.to_owned()
                }));
                return None;
            }
        }
    }
    Some(options)
}
