//! `~SEQ(NAME, FIRST, STEP, LAST) TEXT`, `~SEQx`, `~LST(NAME, VALUE, ...) TEXT`:
//! the text once for each value.

use crate::config::text::Text;
use std::collections::VecDeque;

/// What is left to produce.
#[derive(Debug)]
pub(super) struct Sequence {
    names: Vec<String>,
    values: Values,
    text: Text,
}

#[derive(Debug)]
enum Values {
    Numbers {
        next: Option<i64>,
        step: i64,
        last: i64,
        hex: bool,
    },
    List(VecDeque<Vec<String>>),
}

impl Sequence {
    /// `head` ends with the closing parenthesis.
    pub(super) fn parse(head: &str, text: Text) -> Result<Self, &'static str> {
        let (kind, rest) = head.split_once('(').ok_or("`(` is missing")?;
        let inner = rest.trim_end().strip_suffix(')').ok_or("`)` is missing")?;
        let (names, values) = match kind.trim() {
            "~SEQ" => numbers(inner, false)?,
            "~SEQx" => numbers(inner, true)?,
            "~LST" => list(inner)?,
            _ => return Err("only ~SEQ, ~SEQx and ~LST exist"),
        };
        Ok(Self {
            names,
            values,
            text,
        })
    }
}

impl Iterator for Sequence {
    type Item = (Vec<(String, String)>, Text);

    /// Values of the variables, and the line to read with them.
    fn next(&mut self) -> Option<Self::Item> {
        let values = match &mut self.values {
            Values::Numbers {
                next,
                step,
                last,
                hex,
            } => {
                let value = (*next)?;
                *next = value
                    .checked_add(*step)
                    .filter(|&n| if *step > 0 { n <= *last } else { n >= *last });
                vec![if *hex {
                    format!("{value:x}")
                } else {
                    value.to_string()
                }]
            }
            Values::List(sets) => sets.pop_front()?,
        };
        let missing = core::iter::repeat(String::new());
        Some((
            self.names
                .iter()
                .cloned()
                .zip(values.into_iter().chain(missing))
                .collect(),
            self.text.clone(),
        ))
    }
}

fn numbers(inner: &str, hex: bool) -> Result<(Vec<String>, Values), &'static str> {
    let mut parts = inner.split(',').map(str::trim);
    let name = parts
        .next()
        .filter(|n| !n.is_empty())
        .ok_or("the name is missing")?;
    let numbers = parts
        .map(number)
        .collect::<Option<Vec<i64>>>()
        .ok_or("that is no number")?;
    let (first, step, last) = match numbers[..] {
        [last] => {
            let sign = if last < 1 { -1 } else { 1 };
            (if last < 0 { -1 } else { 1 }, sign, last)
        }
        [first, last] => (first, if first <= last { 1 } else { -1 }, last),
        [first, step, last] => (first, step, last),
        _ => return Err("one to three numbers follow the name"),
    };
    if step == 0 || (first < last && step < 0) || (first > last && step > 0) {
        return Err("the step leads away from the last number");
    }
    if hex && (first < 0 || last < 0) {
        return Err("~SEQx has no negative numbers");
    }
    Ok((
        vec![name.to_owned()],
        Values::Numbers {
            next: Some(first),
            step,
            last,
            hex,
        },
    ))
}

fn number(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |d| (-1, d));
    let value = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    value.ok().filter(|n| *n >= 0).map(|n| sign * n)
}

fn list(inner: &str) -> Result<(Vec<String>, Values), &'static str> {
    let mut sets = VecDeque::new();
    let mut rest = inner.trim();
    while !rest.is_empty() {
        let (set, after) = match rest.strip_prefix('{') {
            Some(open) => open.split_once('}').ok_or("`}` is missing")?,
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        sets.push_back(
            set.split(',')
                .map(|v| v.trim().to_owned())
                .collect::<Vec<_>>(),
        );
        rest = match after.trim_start() {
            "" => "",
            more => more.strip_prefix(',').ok_or("`,` is missing")?.trim_start(),
        };
    }
    let names = sets.pop_front().ok_or("the name is missing")?;
    if sets.is_empty() {
        return Err("the values are missing");
    }
    if sets.iter().any(|set| set.len() > names.len()) {
        return Err("a set has more values than there are names");
    }
    Ok((names, Values::List(sets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(head: &str) -> Result<Vec<String>, &'static str> {
        let sequence = Sequence::parse(head, Text::from_file(0, 0, "t"))?;
        let line = |set: Vec<(String, String)>| {
            set.into_iter()
                .map(|(n, v)| format!("{n}={v}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        Ok(sequence.take(100).map(|(set, _)| line(set)).collect())
    }

    #[test]
    fn numbers_count_as_keepalived_counts() {
        for (head, expected) in [
            ("~SEQ(A, 3)", "A=1 A=2 A=3"),
            ("~SEQ(A, -2)", "A=-1 A=-2"),
            ("~SEQ(A,2,0)", "A=2 A=1 A=0"),
            ("~SEQ(A, 1, 2, 6)", "A=1 A=3 A=5"),
            ("~SEQx(A, 0x9, 12)", "A=9 A=a A=b A=c"),
            ("~SEQ (A, 5, 5)", "A=5"),
            ("~LST(A, x, y)", "A=x A=y"),
        ] {
            assert_eq!(
                all(head).map(|v| v.join(" ")),
                Ok(expected.to_owned()),
                "{head}"
            );
        }
        assert_eq!(
            all("~LST({A, B}, {1,2}, {3})"),
            Ok(vec!["A=1 B=2".into(), "A=3 B=".into()])
        );
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        for head in [
            "~SEQ",
            "~SEQ(A",
            "~SEQ(A)",
            "~SEQ(A,1,-1,5)",
            "~SEQ(A,x)",
            "~SEQx(A,-2)",
            "~LST(A)",
            "~LST(A,{1,2})",
            "~FOO(A,1)",
            "~SEQ(,1)",
        ] {
            assert!(all(head).is_err(), "{head}");
        }
        let huge = all("~SEQ(A, 9223372036854775806, 2, 9223372036854775807)");
        assert_eq!(
            huge.map(|v| v.len()),
            Ok(1),
            "the end of the numbers is the end"
        );
    }
}
