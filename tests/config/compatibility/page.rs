//! The page.

use super::{Shown, rows};
use std::fmt::Write as _;
use vrrp_user::config::{Keyword, Status};

const HEAD: &str = "\
# Compatibility

Every keyword of keepalived.conf, and what becomes of it here. Generated from the tables
that `xvrrpd check` reads and from the tests; do not edit. To write it anew:
`XVRRP_BLESS=1 cargo test -p xvrrp-tests --test config compatibility`.

- **served**: it does what it says, and the tests beside it show that. A keyword without
  a test that names it is not served; the test run holds us to that.
- **ignored**: accepted, and there is nothing here for it to rule; the row says why.
- **not yet**: accepted, reported with its line, and not done; the row says what
  therefore does not happen.
- **refused**: an error, and the file is not taken.
- **old spelling**: taken for the keyword named.

Nothing is ignored in silence: `xvrrpd check` says each of these of your own file, and
refuses words that it does not know, with what to type instead. What is different on
purpose is in [MIGRATING.md](MIGRATING.md).
";

/// All of it.
pub(crate) fn page(keywords: &[Keyword], shown: &Shown) -> String {
    let mut page = HEAD.to_owned();
    let blocks: Vec<&[Keyword]> = keywords.chunk_by(|a, b| a.block == b.block).collect();
    summary(&mut page, &blocks);
    let (done, not): (Vec<&[Keyword]>, Vec<&[Keyword]>) = blocks
        .into_iter()
        .partition(|block| count(block, |it| matches!(it, Status::Served)) > 0);
    for block in done {
        let _ = write!(page, "\n## {}\n\n", title(block));
        page.push_str("| keyword | | shown by, or why |\n|---|---|---|\n");
        for keyword in block {
            row(&mut page, keyword, shown);
        }
    }
    inside_rows(&mut page);
    page.push_str("\n## Not yet at all\n\nNo keyword of these blocks is served.\n\n");
    page.push_str("| block | keywords | what does not happen |\n|---|---|---|\n");
    for block in not {
        let names: Vec<String> = block.iter().map(|it| format!("`{}`", it.name)).collect();
        let mut why: Vec<&str> = block.iter().filter_map(reason).collect();
        why.dedup();
        let _ = writeln!(
            page,
            "| {} | {} | {} |",
            title(block),
            names.join(", "),
            cell(&why.join("; "))
        );
    }
    page
}

fn inside_rows(page: &mut String) {
    page.push_str("\n## Inside rows\n\n| of | words | | shown by, or why |\n|---|---|---|---|\n");
    for rows::Row { of, words, tests } in rows::SERVED {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        let links: Vec<String> = tests.iter().map(|test| link(test)).collect();
        let (words, links) = (words.join(", "), links.join(", "));
        let _ = writeln!(page, "| {of} | {words} | served | {links} |");
    }
    for unserved in rows::UNSERVED {
        let (fate, why) = unserved.told();
        let fate = match fate {
            rows::Fate::Refused => "refused",
            rows::Fate::Ignored => "ignored",
            rows::Fate::NotYet => "not yet",
        };
        let (of, word, why) = (unserved.of, unserved.word, cell(&why));
        let _ = writeln!(page, "| {of} | `{word}` | {fate} | {why} |");
    }
}

fn summary(page: &mut String, blocks: &[&[Keyword]]) {
    page.push_str(
        "\n| block | served | ignored | not yet | old spellings |\n|---|---|---|---|---|\n",
    );
    for block in blocks {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} |",
            title(block),
            count(block, |it| matches!(it, Status::Served)),
            count(block, |it| matches!(it, Status::Meaningless(_))),
            count(block, |it| matches!(it, Status::NotYet(_))),
            count(block, |it| matches!(it, Status::Alias(_))),
        );
    }
}

fn count(block: &[Keyword], is: impl Fn(Status) -> bool) -> usize {
    block.iter().filter(|keyword| is(keyword.status)).count()
}

fn title(block: &[Keyword]) -> &'static str {
    match block[0].block {
        "the top level" => "Top level",
        name => name,
    }
}

const fn reason(keyword: &Keyword) -> Option<&'static str> {
    match keyword.status {
        Status::NotYet(why) | Status::Meaningless(why) => Some(why),
        Status::Served | Status::Alias(_) => None,
    }
}

fn row(page: &mut String, keyword: &Keyword, shown: &Shown) {
    let (fate, why) = match keyword.status {
        Status::Served => {
            let tests = shown.get(&(keyword.block, keyword.name));
            let tests = tests.map_or(&[][..], Vec::as_slice);
            let links: Vec<String> = tests.iter().map(|test| link(test)).collect();
            ("served", links.join(", "))
        }
        Status::Meaningless(why) => ("ignored", cell(why)),
        Status::NotYet(what) => ("not yet", cell(what)),
        Status::Alias(now) => ("old spelling", format!("of `{now}`")),
    };
    let usage = cell(keyword.usage.trim_end_matches(" {"));
    let _ = writeln!(page, "| `{usage}` | {fate} | {why} |");
}

/// `FILE::FUNCTION`, from `docs`.
fn link(test: &str) -> String {
    let (file, name) = test.split_once("::").unwrap_or((test, test));
    format!("[{name}](../{file})")
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
