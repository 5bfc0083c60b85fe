//! The checkers of a `real_server`.

use super::{Keyword, Kind, UNCHECKED, block, later, old};

pub(super) const CHECKERS: &[Keyword] = &[
    block(later("TCP_CHECK", 0, "", UNCHECKED), Kind::TcpCheck),
    block(later("HTTP_GET", 0, "", UNCHECKED), Kind::Http),
    block(later("SSL_GET", 0, "", UNCHECKED), Kind::Http),
    block(later("SMTP_CHECK", 0, "", UNCHECKED), Kind::SmtpCheck),
    block(later("DNS_CHECK", 0, "", UNCHECKED), Kind::DnsCheck),
    block(later("MISC_CHECK", 0, "", UNCHECKED), Kind::MiscCheck),
    block(later("PING_CHECK", 0, "", UNCHECKED), Kind::PingCheck),
    block(later("UDP_CHECK", 0, "", UNCHECKED), Kind::UdpCheck),
    block(later("FILE_CHECK", 0, "", UNCHECKED), Kind::FileCheck),
    block(later("BFD_CHECK", 0, "", UNCHECKED), Kind::BfdCheck),
];

/// Every checker that connects to something.
pub(super) const CONNECTION: &[Keyword] = &[
    later("connect_ip", 1, "ADDRESS", UNCHECKED),
    later("connect_port", 1, "PORT", UNCHECKED),
    later("bindto", 1, "ADDRESS", UNCHECKED),
    later("bind_port", 1, "PORT", UNCHECKED),
    later("bind_if", 1, "INTERFACE", UNCHECKED),
    later("connect_timeout", 1, "SECONDS", UNCHECKED),
    later("fwmark", 1, "NUMBER", UNCHECKED),
    later("retry", 1, "NUMBER", UNCHECKED),
    old("nb_get_retry", 1, "NUMBER", "retry"),
    later("delay_before_retry", 1, "SECONDS", UNCHECKED),
    later("warmup", 1, "SECONDS", UNCHECKED),
    later("delay_loop", 1, "SECONDS", UNCHECKED),
    later("alpha", 0, "[on|off]", UNCHECKED),
    later("log_all_failures", 0, "[on|off]", UNCHECKED),
];

/// Those that do not.
pub(super) const COMMON: &[Keyword] = &[
    later("retry", 1, "NUMBER", UNCHECKED),
    later("delay_before_retry", 1, "SECONDS", UNCHECKED),
    later("warmup", 1, "SECONDS", UNCHECKED),
    later("delay_loop", 1, "SECONDS", UNCHECKED),
    later("alpha", 0, "[on|off]", UNCHECKED),
    later("log_all_failures", 0, "[on|off]", UNCHECKED),
];

pub(super) const HTTP: &[Keyword] = &[
    later("virtualhost", 1, "NAME", UNCHECKED),
    later("http_protocol", 1, "1.0|1.1|...", UNCHECKED),
    later("enable_sni", 0, "[on|off]", UNCHECKED),
    later("sni_name", 1, "NAME", UNCHECKED),
    later("fast_recovery", 0, "[on|off]", UNCHECKED),
    later("tls_compliant", 0, "[on|off]", UNCHECKED),
    block(later("url", 0, "", UNCHECKED), Kind::Url),
];

pub(super) const URL: &[Keyword] = &[
    later("path", 1, "PATH", UNCHECKED),
    later("digest", 1, "MD5", UNCHECKED),
    later("status_code", 1, "CODE ...", UNCHECKED),
    later("virtualhost", 1, "NAME", UNCHECKED),
    later("regex", 1, "PATTERN", UNCHECKED),
    later("regex_no_match", 0, "", UNCHECKED),
    later("regex_options", 1, "OPTION ...", UNCHECKED),
    later("regex_min_offset", 1, "NUMBER", UNCHECKED),
    later("regex_max_offset", 1, "NUMBER", UNCHECKED),
    later("regex_stack", 1, "START MAX", UNCHECKED),
    later("tls_compliant", 0, "[on|off]", UNCHECKED),
];

pub(super) const SMTP: &[Keyword] = &[
    later("helo_name", 1, "NAME", UNCHECKED),
    block(later("host", 0, "", UNCHECKED), Kind::SmtpHost),
];

pub(super) const DNS: &[Keyword] = &[
    later("type", 1, "A|AAAA|MX|...", UNCHECKED),
    later("name", 1, "NAME", UNCHECKED),
];

pub(super) const MISC: &[Keyword] = &[
    later("misc_path", 1, "COMMAND", UNCHECKED),
    later("misc_timeout", 1, "SECONDS", UNCHECKED),
    later("misc_dynamic", 0, "", UNCHECKED),
    later("user", 1, "USER [GROUP]", UNCHECKED),
];

pub(super) const UDP: &[Keyword] = &[
    later("payload", 1, "HEX", UNCHECKED),
    later("require_reply", 0, "[HEX]", UNCHECKED),
    later("min_reply_length", 1, "BYTES", UNCHECKED),
    later("max_reply_length", 1, "BYTES", UNCHECKED),
];

pub(super) const FILE: &[Keyword] = &[
    later("track_file", 1, "NAME", UNCHECKED),
    later("weight", 1, "NUMBER [reverse]", UNCHECKED),
];

pub(super) const BFD: &[Keyword] = &[
    later("name", 1, "NAME", UNCHECKED),
    later("alpha", 0, "[on|off]", UNCHECKED),
];
