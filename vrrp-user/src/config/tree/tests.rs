use super::*;

fn told(text: &str) -> (String, Vec<String>) {
    let mut start = 0;
    let mut lines = Vec::new();
    for line in text.lines() {
        let at = u32::try_from(start).unwrap();
        let text = Text::from_file(0, at, line).trim();
        start += line.len() + 1;
        if !text.is_empty() {
            lines.push(Line {
                text,
                glued_comment: None,
            });
        }
    }
    let mut diagnostics = Vec::new();
    let tree = parse(lines, &mut diagnostics);
    let messages = diagnostics.iter().map(|d| {
        let line = text[..d.span.map_or(0, |s| s.start as usize)]
            .matches('\n')
            .count()
            + 1;
        format!("{line}: {}", d.message)
    });
    (show(&tree), messages.collect())
}

fn show(statements: &[Statement]) -> String {
    let one = |s: &Statement| {
        let words: Vec<&str> = s.words.iter().map(|w| w.text.as_str()).collect();
        let block = s
            .block
            .as_ref()
            .map(|b| format!(" {{{}}}", show(&b.statements)));
        format!("{}{}", words.join(" "), block.unwrap_or_default())
    };
    statements.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[test]
fn blocks_nest_with_the_brace_anywhere() {
    let text = "global_defs\n{\n router_id A\n}\nvrrp_instance V{\n track_script { a\n b weight 2 } virtual_ipaddress { 10.0.0.1 dev eth0 }\n}";
    let (tree, messages) = told(text);
    assert_eq!(messages, Vec::<String>::new());
    assert_eq!(
        tree,
        "global_defs {router_id A}; vrrp_instance V {track_script {a; b weight 2}; virtual_ipaddress {10.0.0.1 dev eth0}}"
    );
}

#[test]
fn a_forgotten_close_is_found_where_the_next_block_begins() {
    let text = "vrrp_instance A {\n authentication {\n auth_type PASS\n virtual_ipaddress {\n 10.0.0.1\n }\n}\nvrrp_script s {\n interval 2\n}";
    let (tree, messages) = told(text);
    assert_eq!(
        messages,
        ["4: `}` is missing before this: `authentication` is still open"]
    );
    assert_eq!(
        tree,
        "vrrp_instance A {authentication {auth_type PASS}; virtual_ipaddress {10.0.0.1}}; vrrp_script s {interval 2}"
    );
    let (tree, messages) =
        told("vrrp_instance A {\n virtual_ipaddress {\n 10.0.0.1\nvrrp_instance B {\n}");
    assert_eq!(
        messages,
        ["4: `}` is missing before this: `virtual_ipaddress` is still open"]
    );
    assert_eq!(
        tree,
        "vrrp_instance A {virtual_ipaddress {10.0.0.1}}; vrrp_instance B {}"
    );
}

#[test]
fn a_keyword_in_the_wrong_block_of_a_balanced_file_stays_there() {
    let (tree, messages) = told("vrrp_instance A {\n authentication {\n priority 1\n }\n}");
    assert_eq!(messages, Vec::<String>::new());
    assert_eq!(tree, "vrrp_instance A {authentication {priority 1}}");
}

#[test]
fn unclosed_and_extra_braces_are_told_once() {
    assert_eq!(
        told("vrrp_instance A {\n state BACKUP\n").1,
        ["1: `vrrp_instance` is never closed"]
    );
    assert_eq!(
        told("global_defs {\n}\n}\n").1,
        ["3: a `}` too many; `global_defs` above it is already closed"]
    );
    assert_eq!(
        told("{\n global_defs {\n }\n}\n").1,
        ["1: a `{` that nothing stands before"]
    );
    let (tree, messages) = told("vrrp_instance A\n state BACKUP\n}");
    assert_eq!(messages, ["1: `{` is missing after `vrrp_instance`"]);
    assert_eq!(tree, "vrrp_instance A {state BACKUP}");
}

#[test]
fn a_misspelt_block_keeps_its_kind() {
    let text = "vrrp_instance_VI_1{\n authentication {\n auth_type PASS\n }\n}";
    let mut diagnostics = Vec::new();
    let line = |l: &str| Line {
        text: Text::from_file(0, 0, l).trim(),
        glued_comment: None,
    };
    let tree = parse(text.lines().map(line).collect(), &mut diagnostics);
    assert_eq!(tree[0].block.as_ref().map(|b| b.kind), Some(Kind::Instance));
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
}
