//! What somebody may have meant by a word that is no keyword here.

use super::{KINDS, Keyword, Kind, all};

/// The likeliest meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Suggestion {
    /// A keyword and its first word without the space between them.
    Glued(&'static Keyword, String),
    /// A keyword of this block, misspelt.
    Near(&'static Keyword),
    /// A keyword of another block.
    Elsewhere(Kind, &'static Keyword),
}

/// `followed`: words stand behind it.
pub(crate) fn suggest(kind: Kind, word: &str, followed: bool) -> Option<Suggestion> {
    // Longer than any keyword with its argument: not worth the time.
    if word.len() > 200 {
        return None;
    }
    // `global_defs` says `vrrp_version` where an instance says `version`.
    let renamed = match kind {
        Kind::Global => super::lookup(kind, &format!("vrrp_{word}")),
        _ => word
            .strip_prefix("vrrp_")
            .and_then(|rest| super::lookup(kind, rest)),
    };
    if let Some(keyword) = renamed {
        return Some(Suggestion::Near(keyword));
    }
    let (near, distance) = nearest(kind, word).unzip();
    let distance = distance.unwrap_or(usize::MAX);
    let not_glued = near.filter(|k| !word.starts_with(k.name));
    if let Some(keyword) = not_glued.filter(|_| distance <= 1 && word.len() >= 4) {
        return Some(Suggestion::Near(keyword));
    }
    if let Some((kind, keyword)) = exact_elsewhere(kind, word) {
        return Some(Suggestion::Elsewhere(kind, keyword));
    }
    if let Some(keyword) = not_glued.filter(|_| distance <= 2 && word.len() >= 8) {
        return Some(Suggestion::Near(keyword));
    }
    if let Some((keyword, rest)) = glued(kind, word, followed) {
        return Some(Suggestion::Glued(keyword, rest));
    }
    if let Some(keyword) = near.filter(|_| distance <= (word.chars().count() / 4).max(1)) {
        return Some(Suggestion::Near(keyword));
    }
    let whole = |k: &&Keyword| {
        let (short, long) = if k.name.len() < word.len() {
            (k.name, word)
        } else {
            (word, k.name)
        };
        short.len() >= 6 && long.starts_with(short)
    };
    if let Some(keyword) = all(kind).find(whole) {
        return Some(Suggestion::Near(keyword));
    }
    let other = KINDS.iter().filter(|&&k| k != kind);
    let mut close = other.filter_map(|&k| {
        nearest(k, word)
            .filter(|&(_, d)| d <= 1)
            .map(|(w, _)| (k, w))
    });
    close
        .next()
        .filter(|_| word.len() >= 5)
        .map(|(kind, keyword)| Suggestion::Elsewhere(kind, keyword))
}

fn exact_elsewhere(here: Kind, word: &str) -> Option<(Kind, &'static Keyword)> {
    let mut other = KINDS.into_iter().filter(|&kind| kind != here);
    other.find_map(|kind| Some((kind, super::lookup(kind, word)?)))
}

/// The longest keyword that `word` begins with, and what follows it there.
fn glued(kind: Kind, word: &str, followed: bool) -> Option<(&'static Keyword, String)> {
    let starts =
        all(kind).filter(|k| k.least > 0 && word.len() > k.name.len() && word.starts_with(k.name));
    let keyword = starts.max_by_key(|k| k.name.len())?;
    let rest = &word[keyword.name.len()..];
    if followed && !rest.starts_with(|c: char| c.is_ascii_digit() || c == '/') {
        return None;
    }
    let rest = rest.trim_start_matches(['_', '=', ':']);
    let dashes = rest.trim_start_matches('-');
    let rest = if dashes.starts_with(|c: char| c.is_ascii_digit()) {
        rest
    } else {
        dashes
    };
    (!rest.is_empty()).then(|| (keyword, rest.to_owned()))
}

fn nearest(kind: Kind, word: &str) -> Option<(&'static Keyword, usize)> {
    let wanted: Vec<char> = normal(word).collect();
    // Nobody asks for more slips than this; the difference in length is a lower bound.
    let most = (wanted.len() / 4).max(2);
    let close = all(kind).filter(|k| k.name.len().abs_diff(wanted.len()) <= most);
    let measured = close.map(|k| (k, distance(&wanted, &normal(k.name).collect::<Vec<_>>())));
    measured.min_by_key(|&(_, d)| d)
}

/// Case and dashes are the commonest slips of all.
fn normal(word: &str) -> impl Iterator<Item = char> {
    word.chars().map(|c| {
        if c == '-' {
            '_'
        } else {
            c.to_ascii_lowercase()
        }
    })
}

/// Insertions, deletions, substitutions and swaps of neighbours between two words.
pub(crate) fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = core::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// The one of `names` that `word` is nearest to, if it is near at all.
pub(crate) fn nearest_name<'a>(
    names: impl Iterator<Item = &'a str>,
    word: &str,
) -> Option<&'a str> {
    let wanted: Vec<char> = normal(word).collect();
    let measured = names.map(|name| (distance(&wanted, &normal(name).collect::<Vec<_>>()), name));
    let (best, name) = measured.min_by_key(|&(d, _)| d)?;
    (best <= (wanted.len() / 3).max(1)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: Kind, word: &str, followed: bool) -> String {
        match suggest(kind, word, followed) {
            Some(Suggestion::Glued(keyword, rest)) => format!("{} {rest}", keyword.name),
            Some(Suggestion::Near(keyword)) => keyword.name.to_owned(),
            Some(Suggestion::Elsewhere(kind, keyword)) => format!("{} in {kind:?}", keyword.name),
            None => "-".to_owned(),
        }
    }

    #[test]
    fn slips_of_real_files_are_understood() {
        for (kind, word, followed, expected) in [
            (
                Kind::Root,
                "vrrp_instance_VI_1",
                false,
                "vrrp_instance VI_1",
            ),
            (Kind::Root, "vrrp_instanceVI_1", false, "vrrp_instance VI_1"),
            (Kind::Root, "vrrp-instance", true, "vrrp_instance"),
            (Kind::Root, "global_def", false, "global_defs"),
            (
                Kind::Root,
                "virtual_server10.0.0.1",
                true,
                "virtual_server 10.0.0.1",
            ),
            (Kind::Root, "state", true, "state in Instance"),
            (Kind::Instance, "priority100", false, "priority 100"),
            (Kind::Instance, "priorty", true, "priority"),
            (Kind::Instance, "Priority", true, "priority"),
            (Kind::Instance, "interfaceens33", false, "interface ens33"),
            (
                Kind::Instance,
                "virtual_ipaddres",
                false,
                "virtual_ipaddress",
            ),
            (
                Kind::Instance,
                "virtual_ip_address",
                false,
                "virtual_ipaddress",
            ),
            (
                Kind::Instance,
                "virtual_route_id",
                true,
                "virtual_router_id",
            ),
            (Kind::Instance, "advert_interval", true, "advert_int"),
            (Kind::Instance, "virtual_ip", false, "virtual_ipaddress"),
            (Kind::Instance, "notify_mastr", false, "notify_master"),
            (Kind::Instance, "no_preempt", false, "nopreempt"),
            (
                Kind::Instance,
                "auth_pass",
                true,
                "auth_pass in Authentication",
            ),
            (Kind::Script, "weight-20", false, "weight -20"),
            (Kind::Script, "weight=-20", false, "weight -20"),
            (Kind::RealServer, "weight1", false, "weight 1"),
            (Kind::VirtualServer, "lb_algowlc", false, "lb_algo wlc"),
            (Kind::VirtualServer, "protocolTCP", false, "protocol TCP"),
            (
                Kind::Url,
                "connect_timeout",
                true,
                "connect_timeout in VirtualServer",
            ),
            (
                Kind::Global,
                "garp_master_delay",
                true,
                "vrrp_garp_master_delay",
            ),
            (Kind::Instance, "vrrp_version", true, "version"),
            (Kind::Instance, "xyzzy", true, "-"),
            (Kind::Root, "", false, "-"),
        ] {
            assert_eq!(told(kind, word, followed), expected, "{kind:?} {word}");
        }
    }

    #[test]
    fn distance_counts_slips() {
        let d = |a: &str, b: &str| {
            distance(
                &a.chars().collect::<Vec<_>>(),
                &b.chars().collect::<Vec<_>>(),
            )
        };
        assert_eq!(d("", "abc"), 3);
        assert_eq!(d("priority", "priority"), 0);
        assert_eq!(d("pirority", "priority"), 1);
        assert_eq!(d("kitten", "sitting"), 3);
    }
}
