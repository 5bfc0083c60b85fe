use super::*;
use crate::config::Severity;
use std::path::Path;

/// Files by absolute path.
struct Memory(BTreeMap<PathBuf, Vec<u8>>);

impl Source for Memory {
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| "No such file or directory".to_owned())
    }

    fn list(&mut self, directory: &Path) -> Result<Vec<String>, String> {
        let inside = self
            .0
            .keys()
            .filter_map(|path| path.strip_prefix(directory).ok());
        let first = inside.filter_map(|rest| rest.iter().next());
        Ok(first
            .map(|name| name.to_string_lossy().into_owned())
            .collect())
    }
}

fn context() -> Context {
    Context {
        config_id: "high".into(),
        working_directory: "/etc/keepalived".into(),
        environment: BTreeMap::from([("VIP".to_owned(), "10.0.0.1".to_owned())]),
        random_seed: 7,
        strict_includes: false,
    }
}

fn read(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let all = files.iter().map(|(path, text)| {
        (
            PathBuf::from("/etc/keepalived").join(path),
            text.as_bytes().to_vec(),
        )
    });
    let mut source = Memory(all.collect());
    let (mut table, mut diagnostics) = (Files::default(), Vec::new());
    let context = context();
    let mut reader = Reader::new(&mut source, &context, &mut table, &mut diagnostics);
    let lines = reader.lines(files[0].0);
    let texts = lines
        .iter()
        .map(|line| line.text.as_str().to_owned())
        .collect();
    (
        texts,
        diagnostics.iter().map(|d| d.message.clone()).collect(),
    )
}

fn lines(text: &str) -> Vec<String> {
    let (lines, messages) = read(&[("k.conf", text)]);
    assert_eq!(messages, Vec::<String>::new(), "{text}");
    lines
}

#[test]
fn conditional_lines_follow_the_config_id() {
    let text = "@high a 1\n@low b\n@^low c\n@^high d\n@ e\n@high";
    assert_eq!(lines(text), ["a 1", "c"]);
}

#[test]
fn macros_are_late_and_recursive() {
    let text = "$A=${B}1\n$B=x\nw $A\n$B=y\nw $A\nw ${A}z $NONE \"${HOME}\" a$A";
    assert_eq!(lines(text), ["w x1", "w y1", "w y1z $NONE \"${HOME}\" ay1"]);
}

#[test]
fn a_bare_macro_ends_at_white_space_comma_or_parenthesis() {
    let (got, messages) = read(&[("k.conf", "$V=1.1.1.1\nx $V/24\ny $V,$V)")]);
    assert_eq!(got, ["x $V/24", "y 1.1.1.1,1.1.1.1)"]);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].contains("`$V` is not replaced"), "{messages:?}");
}

#[test]
fn a_macro_of_several_lines_follows_its_use() {
    let text = "$I= \\\nvrrp_instance v${N} { \\\n  priority ${N} # p\\\n\n}\n$N=5\n$I\n$N=6\n$I";
    // The comment swallowed the backslash, so the definition ends there.
    assert_eq!(lines("$I=a \\\nb \\\n\nc\n$I\nd"), ["c", "a", "b", "d"]);
    assert_eq!(
        lines(text),
        [
            "}",
            "",
            "vrrp_instance v5 {",
            "priority 5",
            "",
            "vrrp_instance v6 {",
            "priority 6"
        ]
        .iter()
        .filter(|l| !l.is_empty())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
    );
}

#[test]
fn sequences_nest_and_take_macros() {
    assert_eq!(
        lines("$N=2\n~SEQ(A,$N) ~SEQx(B,10,11) v ${A}.${B}"),
        ["v 1.a", "v 1.b", "v 2.a", "v 2.b"]
    );
    assert_eq!(lines("$S=~SEQ(A,2)\n$S x$A"), ["x1", "x2"]);
    assert_eq!(
        lines("$I=i ${A} \\\nj ${A} \\\n\n~SEQ(A,2) $I"),
        ["i 1", "j 1", "i 2", "j 2"]
    );
    assert_eq!(lines("~LST({A,B},{1,2},{3,4}) ${A}-${B}"), ["1-2", "3-4"]);
}

#[test]
fn standard_macros() {
    assert_eq!(
        lines("a ${_PWD} ${_INSTANCE} ${_ENV VIP} ${_ENV NONE}. \\#x${_HASH}y${_BANG}"),
        ["a /etc/keepalived high 10.0.0.1 . #x#y!"]
    );
    let random = lines("r ${_RANDOM 5 7}");
    assert!(
        ["r 5", "r 6", "r 7"].contains(&random[0].as_str()),
        "{random:?}"
    );
}

#[test]
fn includes_are_relative_sorted_and_nested() {
    let (got, messages) = read(&[
        (
            "k.conf",
            "a\ninclude conf.d/*.conf\nz\ninclude \"{x,y}.inc\"",
        ),
        ("conf.d/2.conf", "two\ninclude sub/../3.txt"),
        ("conf.d/1.conf", "one ${_PWD}"),
        ("conf.d/.h.conf", "hidden"),
        ("conf.d/sub/../3.txt", "three"),
        ("x.inc", "x"),
        ("y.inc", "y"),
    ]);
    assert_eq!(messages, Vec::<String>::new());
    assert_eq!(
        got,
        [
            "a",
            "one /etc/keepalived/conf.d",
            "two",
            "three",
            "z",
            "x",
            "y"
        ]
    );
}

#[test]
fn a_missing_include_is_told_by_its_letter() {
    let told = |line: &str| read(&[("k.conf", line), ("x.inc", "")]).1.len();
    assert_eq!(told("include none.conf"), 1, "a warning");
    assert_eq!(told("include none*.conf"), 0);
    assert_eq!(told("includew none*.conf"), 1);
    assert_eq!(told("include {x,none}.inc"), 0);
    assert_eq!(told("includeb {x,none}.inc"), 1);
    assert_eq!(told("includes x.inc"), 0, "another word");
}

/// `include_check`, which changes what stands behind it, in the file it stands in.
#[test]
fn what_is_checked_of_every_include() {
    let strict = |line: &str| {
        let files = [
            ("k.conf", line),
            ("x.inc", ""),
            ("lax.inc", "include_check -match\ninclude none.conf"),
            ("hard.inc", "include_check"),
        ];
        let all = files.iter().map(|(name, text)| {
            (
                PathBuf::from("/etc/keepalived").join(name),
                text.as_bytes().to_vec(),
            )
        });
        let mut source = Memory(all.collect());
        let (mut table, mut diagnostics) = (Files::default(), Vec::new());
        let context = context();
        let mut reader = Reader::new(&mut source, &context, &mut table, &mut diagnostics);
        reader.lines("/etc/keepalived/k.conf");
        diagnostics
            .iter()
            .filter(|it| it.severity == Severity::Error)
            .count()
    };
    for (text, errors) in [
        ("include none.conf", 0),
        ("include_check\ninclude none.conf", 1),
        ("include none.conf\ninclude_check", 0),
        (
            "include_check match\ninclude none.conf\ninclude none*.conf",
            1,
        ),
        (
            "include_check wildcard_match\ninclude none.conf\ninclude none*.conf",
            1,
        ),
        (
            "include_check match wildcard_match\ninclude none.conf\ninclude none*.conf",
            2,
        ),
        ("include_check brace_match\ninclude {x,none}.inc", 1),
        (
            "include_check +match -wildcard_match\ninclude none.conf\ninclude none*.conf",
            1,
        ),
        ("include_check\ninclude_check -match\ninclude none.conf", 0),
        ("include_check\ninclude_check read\ninclude none.conf", 0),
        (
            "include_check\ninclude_check readable\ninclude none*.conf",
            0,
        ),
        // Restored where the file ends that changed it.
        ("include_check\ninclude lax.inc", 0),
        ("include_check\ninclude lax.inc\ninclude none.conf", 1),
        ("include hard.inc\ninclude none.conf", 0),
        ("include_check mach", 1),
        ("include_checks x", 0),
    ] {
        assert_eq!(strict(text), errors, "{text}");
    }
}

#[test]
fn what_never_ends_is_stopped() {
    let (_, messages) = read(&[("k.conf", "$A=$A $A\nx $A")]);
    assert!(messages[0].contains("contains itself"), "{messages:?}");
    let (_, messages) = read(&[("k.conf", "include k.conf")]);
    assert!(messages[0].contains("includes itself"), "{messages:?}");
    let (_, messages) = read(&[("k.conf", "~SEQ(A,1,9000000000) ")]);
    assert!(messages[0].contains("a million"), "{messages:?}");
    let (_, messages) = read(&[("k.conf", "x ${NONE}")]);
    assert!(
        messages[0].contains("`NONE` is not defined"),
        "{messages:?}"
    );
    assert_eq!(lines("$A=$A\nx $A"), ["x $A"]);
}

#[test]
fn spans_survive_macros() {
    let mut source = Memory(BTreeMap::from([(
        "/k".into(),
        b"$V=10.0.0.1\n  v ${V}/24 z".to_vec(),
    )]));
    let (mut table, mut diagnostics) = (Files::default(), Vec::new());
    let context = context();
    let got = Reader::new(&mut source, &context, &mut table, &mut diagnostics).lines("/k");
    let text = &got[0].text;
    assert_eq!(text.as_str(), "v 10.0.0.1/24 z");
    assert_eq!(table.text(text.span(2..13)), "${V}/24");
    assert_eq!(table.text(text.span(14..15)), "z");
}
