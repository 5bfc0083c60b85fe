//! Path patterns: `{a,b}`, `*`, `?`, `[a-z]`, `\`, as glob(3) with `GLOB_BRACE`.

/// Every alternative of `{a,b}`; `{}` stays as it is.
pub(super) fn expand_braces(pattern: &str) -> Vec<String> {
    // Nested braces multiply; nobody needs that many files.
    const MOST: usize = 1000;
    let Some((before, alternatives, after)) = first_group(pattern) else {
        return vec![pattern.to_owned()];
    };
    let mut out = Vec::new();
    for alternative in alternatives {
        for rest in expand_braces(&format!("{before}{alternative}{after}")) {
            if out.len() < MOST {
                out.push(rest);
            }
        }
    }
    out
}

/// Whether a path component needs matching at all.
pub(super) fn has_wildcard(component: &str) -> bool {
    component.contains(['*', '?', '['])
}

/// A name against one component of a pattern. A leading dot matches only itself.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // Greedy with one place to come back to: linear enough for any file name.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, n));
            p += 1;
        } else if let Some(next) = one(&pattern, p, name[n]) {
            p = next;
            n += 1;
        } else if let Some((star_p, star_n)) = star {
            p = star_p + 1;
            n = star_n + 1;
            star = Some((star_p, n));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// Where the pattern goes on if `c` matches what stands at `at`.
fn one(pattern: &[char], at: usize, c: char) -> Option<usize> {
    match *pattern.get(at)? {
        '?' => Some(at + 1),
        '[' => {
            let Some(len) = pattern
                .get(at + 2..)
                .and_then(|rest| rest.iter().position(|&x| x == ']'))
            else {
                return (c == '[').then_some(at + 1);
            };
            let close = at + 2 + len;
            let mut set = &pattern[at + 1..close];
            let negated = matches!(set.first(), Some('!' | '^'));
            if negated {
                set = &set[1..];
            }
            let mut hit = false;
            while let Some(&low) = set.first() {
                if let [_, '-', high, ..] = set {
                    hit |= (low..=*high).contains(&c);
                    set = &set[3..];
                } else {
                    hit |= low == c;
                    set = &set[1..];
                }
            }
            (hit != negated).then_some(close + 1)
        }
        '\\' => (pattern.get(at + 1) == Some(&c)).then_some(at + 2),
        literal => (literal == c).then_some(at + 1),
    }
}

fn first_group(pattern: &str) -> Option<(&str, Vec<&str>, &str)> {
    let mut open = None;
    let mut depth = 0_usize;
    let mut parts = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, c) in pattern.char_indices() {
        if core::mem::take(&mut escaped) {
            continue;
        }
        match c {
            '\\' => escaped = true,
            '{' if pattern[at..].starts_with("{}") => {}
            '{' => {
                if depth == 0 {
                    open = Some(at);
                    start = at + 1;
                }
                depth += 1;
            }
            ',' if depth == 1 => {
                parts.push(&pattern[start..at]);
                start = at + 1;
            }
            '}' if depth == 1 => {
                parts.push(&pattern[start..at]);
                return Some((&pattern[..open?], parts, &pattern[at + 1..]));
            }
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_give_every_alternative() {
        for (pattern, expected) in [
            ("a.conf", "a.conf"),
            ("{a,b}.conf", "a.conf b.conf"),
            ("x{1,2{3,4}}y{,z}", "x1y x1yz x23y x23yz x24y x24yz"),
            ("a{}b", "a{}b"),
            ("a{b", "a{b"),
        ] {
            assert_eq!(expand_braces(pattern).join(" "), expected, "{pattern}");
        }
        let nested = "{a,b}".repeat(30);
        assert!(expand_braces(&nested[..50]).len() <= 1000);
    }

    #[test]
    fn wildcards_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".a.conf", false),
            (".*", ".a", true),
            ("*.conf", "a.config", false),
            ("a*b*c", "axxbyyc", true),
            ("v?_[0-9].conf", "v1_7.conf", true),
            ("v[!0-9]", "v1", false),
            ("v[!0-9]", "va", true),
            ("[", "[", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
