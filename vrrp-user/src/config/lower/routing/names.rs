//! Names that iproute2's files give to tables, protocols and the like.

use crate::config::source::Source;
use std::{collections::BTreeMap, path::Path};

/// One of iproute2's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Of {
    Tables,
    Protocols,
    Scopes,
    Realms,
    DsFields,
    Groups,
}

impl Of {
    const ALL: [Self; 6] = [
        Self::Tables,
        Self::Protocols,
        Self::Scopes,
        Self::Realms,
        Self::DsFields,
        Self::Groups,
    ];

    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Tables => "rt_tables",
            Self::Protocols => "rt_protos",
            Self::Scopes => "rt_scopes",
            Self::Realms => "rt_realms",
            Self::DsFields => "rt_dsfield",
            Self::Groups => "group",
        }
    }

    /// What keepalived knows without a file.
    const fn built_in(self) -> &'static [(&'static str, u32)] {
        match self {
            Self::Tables => &[("default", 253), ("main", 254), ("local", 255)],
            Self::Protocols => &[
                ("none", 0),
                ("redirect", 1),
                ("kernel", 2),
                ("boot", 3),
                ("static", 4),
                ("gated", 8),
                ("ra", 9),
                ("mrt", 10),
                ("zebra", 11),
                ("bird", 12),
                ("dnrouted", 13),
                ("xorp", 14),
                ("ntk", 15),
                ("dhcp", 16),
                ("keepalived", 18),
                ("babel", 42),
            ],
            Self::Scopes => &[
                ("global", 0),
                ("universe", 0),
                ("site", 200),
                ("link", 253),
                ("host", 254),
                ("nowhere", 255),
            ],
            Self::Realms | Self::DsFields | Self::Groups => &[],
        }
    }

    /// What it is called in a message.
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Tables => "routing table",
            Self::Protocols => "routing protocol",
            Self::Scopes => "scope",
            Self::Realms => "realm",
            Self::DsFields => "type of service",
            Self::Groups => "interface group",
        }
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(BTreeMap<Of, BTreeMap<String, u32>>);

impl Names {
    /// What the files in these directories say, the later overruling; without them, what keepalived has built in.
    pub(crate) fn read(source: &mut dyn Source, directories: &[String]) -> Self {
        let mut all = BTreeMap::new();
        for of in Of::ALL {
            let built_in = of.built_in().iter();
            let mut names: BTreeMap<String, u32> =
                built_in.map(|&(name, id)| (name.to_owned(), id)).collect();
            for directory in directories {
                let directory = Path::new(directory);
                let file = directory.join(of.file());
                take(&mut names, source.read(&file));
                let more = directory.join(format!("{}.d", of.file()));
                let mut inside = source.list(&more).unwrap_or_default();
                inside.retain(|name| {
                    Path::new(name)
                        .extension()
                        .is_some_and(|extension| extension == "conf")
                });
                inside.sort();
                for name in inside {
                    take(&mut names, source.read(&more.join(name)));
                }
            }
            all.insert(of, names);
        }
        Self(all)
    }

    /// The number a name stands for.
    pub(super) fn id(&self, of: Of, name: &str) -> Option<u32> {
        self.0.get(&of)?.get(name).copied()
    }

    pub(super) fn all(&self, of: Of) -> impl Iterator<Item = &str> {
        self.0
            .get(&of)
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
    }
}

fn take(names: &mut BTreeMap<String, u32>, file: Result<Vec<u8>, String>) {
    let Ok(bytes) = file else {
        return;
    };
    for line in String::from_utf8_lossy(&bytes).lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        if let (Some(id), Some(name)) = (words.next().and_then(number), words.next()) {
            names.insert(name.to_owned(), id);
        }
    }
}

/// Decimal, or with `0x` hexadecimal.
pub(super) fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok().filter(|_| !text.starts_with('+')),
    }
}
