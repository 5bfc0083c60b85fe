//! The checkers of a `real_server`.

use super::{Keyword, Kind, block, later, old};

const NO_CHECK: &str = "nothing is checked";

pub(super) const CHECKERS: &[Keyword] = &[
    block(later("TCP_CHECK", 0, "", NO_CHECK), Kind::TcpCheck),
    block(later("HTTP_GET", 0, "", NO_CHECK), Kind::Http),
    block(later("SSL_GET", 0, "", NO_CHECK), Kind::Http),
    block(later("SMTP_CHECK", 0, "", NO_CHECK), Kind::SmtpCheck),
    block(later("DNS_CHECK", 0, "", NO_CHECK), Kind::DnsCheck),
    block(later("MISC_CHECK", 0, "", NO_CHECK), Kind::MiscCheck),
    block(later("PING_CHECK", 0, "", NO_CHECK), Kind::PingCheck),
    block(later("UDP_CHECK", 0, "", NO_CHECK), Kind::UdpCheck),
    block(later("FILE_CHECK", 0, "", NO_CHECK), Kind::FileCheck),
    block(later("BFD_CHECK", 0, "", NO_CHECK), Kind::BfdCheck),
];

/// Every checker that connects to something.
pub(super) const CONNECTION: &[Keyword] = &[
    later("connect_ip", 1, "ADDRESS", NO_CHECK),
    later("connect_port", 1, "PORT", NO_CHECK),
    later("bindto", 1, "ADDRESS", NO_CHECK),
    later("bind_port", 1, "PORT", NO_CHECK),
    later("bind_if", 1, "INTERFACE", NO_CHECK),
    later("connect_timeout", 1, "SECONDS", NO_CHECK),
    later("fwmark", 1, "NUMBER", NO_CHECK),
    later("retry", 1, "NUMBER", NO_CHECK),
    old("nb_get_retry", 1, "NUMBER", "retry"),
    later("delay_before_retry", 1, "SECONDS", NO_CHECK),
    later("warmup", 1, "SECONDS", NO_CHECK),
    later("delay_loop", 1, "SECONDS", NO_CHECK),
    later("alpha", 0, "[on|off]", NO_CHECK),
    later("log_all_failures", 0, "[on|off]", NO_CHECK),
];

/// Those that do not.
pub(super) const COMMON: &[Keyword] = &[
    later("retry", 1, "NUMBER", NO_CHECK),
    later("delay_before_retry", 1, "SECONDS", NO_CHECK),
    later("warmup", 1, "SECONDS", NO_CHECK),
    later("delay_loop", 1, "SECONDS", NO_CHECK),
    later("alpha", 0, "[on|off]", NO_CHECK),
    later("log_all_failures", 0, "[on|off]", NO_CHECK),
];

pub(super) const HTTP: &[Keyword] = &[
    later("virtualhost", 1, "NAME", NO_CHECK),
    later("http_protocol", 1, "1.0|1.1|...", NO_CHECK),
    later("enable_sni", 0, "[on|off]", NO_CHECK),
    later("sni_name", 1, "NAME", NO_CHECK),
    later("fast_recovery", 0, "[on|off]", NO_CHECK),
    later("tls_compliant", 0, "[on|off]", NO_CHECK),
    block(later("url", 0, "", NO_CHECK), Kind::Url),
];

pub(super) const URL: &[Keyword] = &[
    later("path", 1, "PATH", NO_CHECK),
    later("digest", 1, "MD5", NO_CHECK),
    later("status_code", 1, "CODE ...", NO_CHECK),
    later("virtualhost", 1, "NAME", NO_CHECK),
    later("regex", 1, "PATTERN", NO_CHECK),
    later("regex_no_match", 0, "", NO_CHECK),
    later("regex_options", 1, "OPTION ...", NO_CHECK),
    later("regex_min_offset", 1, "NUMBER", NO_CHECK),
    later("regex_max_offset", 1, "NUMBER", NO_CHECK),
    later("regex_stack", 1, "START MAX", NO_CHECK),
    later("tls_compliant", 0, "[on|off]", NO_CHECK),
];

pub(super) const SMTP: &[Keyword] = &[
    later("helo_name", 1, "NAME", NO_CHECK),
    block(later("host", 0, "", NO_CHECK), Kind::SmtpHost),
];

pub(super) const DNS: &[Keyword] = &[
    later("type", 1, "A|AAAA|MX|...", NO_CHECK),
    later("name", 1, "NAME", NO_CHECK),
];

pub(super) const MISC: &[Keyword] = &[
    later("misc_path", 1, "COMMAND", NO_CHECK),
    later("misc_timeout", 1, "SECONDS", NO_CHECK),
    later("misc_dynamic", 0, "", NO_CHECK),
    later("user", 1, "USER [GROUP]", NO_CHECK),
];

pub(super) const UDP: &[Keyword] = &[
    later("payload", 1, "HEX", NO_CHECK),
    later("require_reply", 0, "[HEX]", NO_CHECK),
    later("min_reply_length", 1, "BYTES", NO_CHECK),
    later("max_reply_length", 1, "BYTES", NO_CHECK),
];

pub(super) const FILE: &[Keyword] = &[
    later("track_file", 1, "NAME", NO_CHECK),
    later("weight", 1, "NUMBER [reverse]", NO_CHECK),
];

pub(super) const BFD: &[Keyword] = &[
    later("name", 1, "NAME", NO_CHECK),
    later("alpha", 0, "[on|off]", NO_CHECK),
];
