//! The words of `lvs`.

use crate::shell::control::BalanceEdit;
use clap::{Args, Subcommand, ValueEnum};
use std::net::{IpAddr, SocketAddr};

/// What `lvs` is to show or to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LvsOptions {
    /// Show it.
    Show(Show),
    /// Change it until the next reload.
    Edit(BalanceEdit),
}

/// What is shown, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Show {
    /// Which page.
    pub page: Page,
    /// For programs.
    pub json: bool,
    /// Every figure of large numbers.
    pub exact: bool,
}

/// ipvsadm's pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// `-ln`.
    #[default]
    Servers,
    /// `--stats`.
    Stats,
    /// `--rate`.
    Rate,
    /// `-c`.
    Connections,
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a word on the command line"
)]
pub(in crate::cli) struct Words {
    #[command(subcommand)]
    edit: Option<Edit>,
    /// As ipvsadm has it; this is the default
    #[arg(short = 'l', long, visible_short_alias = 'L', hide = true)]
    list: bool,
    /// As ipvsadm has it; there are only numbers
    #[arg(short = 'n', long, hide = true)]
    numeric: bool,
    /// Connections, packets and octets in all
    #[arg(long, group = "page")]
    stats: bool,
    /// The same a second
    #[arg(long, group = "page")]
    rate: bool,
    /// The connections
    #[arg(short = 'c', long, group = "page")]
    connection: bool,
    /// Every figure of large numbers
    #[arg(long)]
    exact: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Edit {
    /// No new connections for a server; those there are go on
    Drain {
        /// ADDRESS:PORT, or as `xvrrpd lvs --json` names it
        service: String,
        /// ADDRESS or ADDRESS:PORT
        #[arg(value_parser = server)]
        server: (IpAddr, u16),
    },
    /// Another weight for a server
    Weight {
        /// ADDRESS:PORT, or as `xvrrpd lvs --json` names it
        service: String,
        /// ADDRESS or ADDRESS:PORT
        #[arg(value_parser = server)]
        server: (IpAddr, u16),
        /// 0 to 65535
        #[arg(value_parser = clap::value_parser!(u32).range(0..=65535))]
        weight: u32,
    },
    /// One server more
    Add {
        /// ADDRESS:PORT, or as `xvrrpd lvs --json` names it
        service: String,
        /// ADDRESS or ADDRESS:PORT
        #[arg(value_parser = server)]
        server: (IpAddr, u16),
        /// 0 to 65535
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=65535))]
        weight: u32,
        /// How packets are forwarded to it; as to the others by default
        #[arg(long)]
        method: Option<MethodWord>,
    },
    /// One server less
    Remove {
        /// ADDRESS:PORT, or as `xvrrpd lvs --json` names it
        service: String,
        /// ADDRESS or ADDRESS:PORT
        #[arg(value_parser = server)]
        server: (IpAddr, u16),
    },
    /// As the file has it: all edits of a service undone
    Restore {
        /// ADDRESS:PORT, or as `xvrrpd lvs --json` names it
        service: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum MethodWord {
    Dr,
    Nat,
    Tun,
}

impl MethodWord {
    const fn word(self) -> &'static str {
        match self {
            Self::Dr => "dr",
            Self::Nat => "nat",
            Self::Tun => "tun",
        }
    }
}

/// `10.0.0.1`, `10.0.0.1:80`, `2001:db8::1` or `[2001:db8::1]:80`; port 0 if it has none.
fn server(text: &str) -> Result<(IpAddr, u16), String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok((address, 0));
    }
    text.parse::<SocketAddr>()
        .map(|it| (it.ip(), it.port()))
        .map_err(|_| "write 10.0.0.1, 10.0.0.1:80, or [2001:db8::1]:80".into())
}

impl From<Words> for LvsOptions {
    fn from(words: Words) -> Self {
        let Some(edit) = words.edit else {
            let page = match (words.stats, words.rate, words.connection) {
                (true, _, _) => Page::Stats,
                (_, true, _) => Page::Rate,
                (_, _, true) => Page::Connections,
                _ => Page::Servers,
            };
            return Self::Show(Show {
                page,
                json: words.json,
                exact: words.exact,
            });
        };
        Self::Edit(match edit {
            Edit::Drain { service, server } => BalanceEdit::Drain { service, server },
            Edit::Weight {
                service,
                server,
                weight,
            } => BalanceEdit::Weight {
                service,
                server,
                weight,
            },
            Edit::Add {
                service,
                server,
                weight,
                method,
            } => BalanceEdit::Add {
                service,
                server,
                weight,
                method: method.map(|it| it.word().to_owned()),
            },
            Edit::Remove { service, server } => BalanceEdit::Remove { service, server },
            Edit::Restore { service } => BalanceEdit::Restore { service },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::server;

    #[test]
    fn a_server_is_an_address_with_or_without_a_port() {
        for (text, want) in [
            ("10.0.0.1", Some(("10.0.0.1", 0))),
            ("10.0.0.1:80", Some(("10.0.0.1", 80))),
            ("2001:db8::1", Some(("2001:db8::1", 0))),
            ("[2001:db8::1]:80", Some(("2001:db8::1", 80))),
            ("10.0.0.1:", None),
            ("web1", None),
        ] {
            let want = want.map(|(address, port)| (address.parse().expect("an address"), port));
            assert_eq!(server(text).ok(), want, "{text}");
        }
    }
}
