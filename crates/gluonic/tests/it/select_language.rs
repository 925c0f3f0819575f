//! The language of selectors: there and back, with every mistake, and with any text at all.

use gluonic::prelude::*;
use insta::assert_snapshot;
use proptest::prelude::*;

use crate::support::{error, variant};

/// A text that parses prints, parses back to the same, and selects the same.
fn check_text(text: &str) {
    let Ok(selector) = text.parse::<Selector>() else { return };
    let printed = selector.to_string();
    let again: Selector = printed.parse().unwrap_or_else(|e| panic!("{text:?} {printed:?}: {e}"));
    assert_eq!(again, selector, "{text:?} prints as {printed:?}");
    assert_eq!(again.to_string(), printed);
    let mut params = ParameterDict::new("");
    for name in ["0.weight", "0.bias", "encoder.1.attn.q.weight", "a", "frozen"] {
        params.insert(&Parameter::new(name, 2)).unwrap();
    }
    let names = |selector: &Selector| match params.selection(selector) {
        Ok(selection) => Ok(selection.iter().map(|p| p.name().clone()).collect::<Vec<_>>()),
        Err(error) => Err(error.to_string()),
    };
    assert_eq!(names(&again), names(&selector));
    if let Ok(selection) = params.selection(&selector) {
        let explanation = selection.explain();
        assert_eq!(explanation.selected, selection.len());
        assert!(!explanation.to_string().is_empty());
    }
}

/// Texts of every construct, to be damaged.
const VALID: [&str; 8] = [
    "encoder.*.attn.{q,k}.weight",
    r"re:.*\.(q|k)\.(?!bias)[^&|)]+ & kind:weight",
    r#"tag:"a ""b""" | tag:x & re:"a b|c""#,
    "!(frozen | tied) & trained & dtype:bfloat16",
    "size:>1e6 & rank:2 | size:<=100 & rank:>=0",
    r"name:dense?_* | **.a\ b.{c.d,e\,f}.** & \frozen",
    "((a | b) & !(c | !!d)) | e & (f & g)",
    "a . b",
];

proptest! {
    #[test]
    fn any_tag_and_any_regular_expression_come_back(text in any::<String>()) {
        let tag = Selector::tag(&text);
        prop_assert_eq!((!tag.clone() & tag.clone()).to_string().parse::<Selector>().unwrap(), !tag.clone() & tag);
        if let Ok(regex) = Selector::regex(&text) {
            let both = (regex.clone() | regex.clone()) & regex;
            prop_assert_eq!(both.to_string().parse::<Selector>().unwrap(), both);
        }
        if let Ok(glob) = Selector::path(&text) {
            prop_assert_eq!(glob.to_string().parse::<Selector>().unwrap(), glob);
        }
    }

    #[test]
    fn any_text_parses_or_is_refused_with_a_mark(text in any::<String>()) {
        check_text(&text);
        if let Err(error) = text.parse::<Selector>() {
            prop_assert!(error.to_string().ends_with('^') || text.trim().is_empty());
        }
    }

    #[test]
    fn texts_of_the_languages_own_characters_parse_or_are_refused(
        text in r#"([ab0.*?{},&|!() "\\:<>=e1]|re:|tag:|kind:|size:|name:|rank:|weight|frozen|\[|\]|\^){0,24}"#
    ) {
        check_text(&text);
    }

    #[test]
    fn damaged_texts_parse_or_are_refused(
        seeds in (0..VALID.len(), 0..VALID.len()),
        cuts in (0.0..1.0, 0.0..1.0),
        insert in r#"[ab.*?{},&|!() "\\:<>=1\[\]^]{0,3}"#,
    ) {
        let at = |text: &str, cut: f64| {
            let n = (text.len() as f64 * cut) as usize;
            text.char_indices().map(|(i, _)| i).find(|i| *i >= n).unwrap_or(text.len())
        };
        let (a, b) = (VALID[seeds.0], VALID[seeds.1]);
        check_text(&format!("{}{insert}{}", &a[..at(a, cuts.0)], &b[at(b, cuts.1)..]));
    }
}

#[test]
fn and_binds_more_than_or_and_not_more_than_both() {
    let parse = |text: &str| text.parse::<Selector>().unwrap();
    let term = |text: &str| Selector::path(text).unwrap();
    let (a, b, c) = (|| term("a"), || term("b"), || term("c"));
    assert_eq!(parse("a | b & c"), a() | (b() & c()));
    assert_eq!(parse("!a & b"), !a() & b());
    assert_eq!(parse("!!a|b|c"), (!!a() | b()) | c());
    assert_eq!(parse("a & (b & c)"), a() & (b() & c()));
    assert_ne!(parse("a & (b & c)"), parse("a & b & c"));
    assert_eq!(a() - b(), parse("a & !b"));
    let printed = [!(a() & b()) | c(), a() & (b() | c()), (a() & b()) | c(), a() | (b() | c())];
    assert_eq!(
        printed.map(|selector| selector.to_string()),
        ["!(a & b) | c", "a & (b | c)", "a & b | c", "a | (b | c)"]
    );
}

#[test]
fn each_construct_of_the_examples_prints_in_its_own_words() {
    for text in VALID.iter().take(7) {
        let printed = text.parse::<Selector>().unwrap().to_string();
        let same = printed.replace(['(', ')', ' '], "") == text.replace(['(', ')', ' '], "");
        assert!(same, "{text} prints as {printed}");
    }
    let printed = |text: &str| text.parse::<Selector>().unwrap().to_string();
    assert_eq!(printed("dtype:f32&size:>1500000"), "dtype:float32 & size:>15e5");
    assert_eq!(printed(r"\a.\b"), "a.b");
    assert_eq!(printed("re:a|b"), "re:a | b");
}

#[test]
fn nesting_of_any_depth_and_length_is_read_without_recursion() {
    let n = 10_000;
    let deep = format!("{}a{}", "(".repeat(n), ")".repeat(n));
    assert_eq!(deep.parse::<Selector>().unwrap().to_string(), "a");
    let nots = format!("{}a", "!".repeat(n));
    assert_eq!(nots.parse::<Selector>().unwrap().to_string(), nots);
    let right = format!("{}a{}", "a & (".repeat(n), ")".repeat(n));
    let selector: Selector = right.parse().unwrap();
    assert_eq!(selector.to_string().parse::<Selector>().unwrap(), selector);
    let by_hand = (0..1000).fold(Selector::frozen(), |sum, _| Selector::tied() | !sum);
    assert_eq!(by_hand.to_string().parse::<Selector>().unwrap(), by_hand);
    let mut params = ParameterDict::new("");
    params.insert(&Parameter::new("a", 1)).unwrap();
    assert_eq!(params.selection(nots).unwrap().len(), 1);
    for hostile in [
        "(".repeat(n),
        "{".repeat(n),
        "a | ".repeat(n),
        format!("re:{}", "(".repeat(n)),
        format!("re:{}a{}", "(".repeat(n), ")".repeat(n)),
        format!("re:{}", "a*".repeat(n)),
        "re:(((a{1000}){1000}){1000})".to_owned(),
        "re:(?=((a{1000}){1000}){1000})".to_owned(),
        "?".repeat(100_000),
        "*".repeat(n),
        "x".repeat(Selector::MAX_LEN + 1),
    ] {
        if let Err(error) = hostile.parse::<Selector>() {
            assert_eq!(variant(&error), "Selector");
            assert!(error.to_string().len() < 1000, "{error}");
        }
    }
}

#[test]
fn a_regular_expression_that_backtracks_without_end_is_an_error() {
    let mut params = ParameterDict::new("");
    params.insert(&Parameter::new("a".repeat(60) + "c", 1)).unwrap();
    let refused = error(params.selection("re:(a*)*\\1b"));
    assert_eq!(variant(&refused), "Pattern");
}

/// What each text is refused with, its mark included.
#[test]
fn every_mistake_is_pointed_at() {
    let told = |texts: &[&str]| {
        let of = |text: &&str| {
            let refused = error(text.parse::<Selector>());
            let hint = refused.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            format!("{refused}{hint}")
        };
        texts.iter().map(of).collect::<Vec<_>>().join("\n\n")
    };
    assert_snapshot!(told(&["", "a &", "a && b", "a b", "a and b", "& a", "(a", "a)", "()", "!"]), @r"
    cannot read the selector: expected a glob, a predicate such as `kind:weight`, `!` or `(`

    cannot read the selector: expected a glob, a predicate such as `kind:weight`, `!` or `(`
      a &
         ^

    cannot read the selector: expected a glob, a predicate such as `kind:weight`, `!` or `(`
      a && b
         ^

    cannot read the selector: expected `&`, `|` or the end
      a b
        ^

    cannot read the selector: expected `&`, `|` or the end
      a and b
        ^
    hint: did you mean `&`?

    cannot read the selector: expected a glob, a predicate such as `kind:weight`, `!` or `(`
      & a
      ^

    cannot read the selector: expected `)` for the `(` at character 1
      (a
        ^

    cannot read the selector: expected a `(` before this
      a)
       ^

    cannot read the selector: expected a glob, a predicate such as `kind:weight`, `!` or `(`
      ()
       ^

    cannot read the selector: expected a glob, a predicate such as `kind:weight`, `!` or `(`
      !
       ^
    ");
    assert_snapshot!(told(&["kind:wieght", "knd:weight & a", "dtype:float23", "kind:", "rank:two", "size:>1.5", "size>1e6", "a | size:=3", "tag:", "tag:a\"b", "tag:\"a", "re:", "a.b:c"]), @r#"
    cannot read the selector: expected a kind: `weight`, `bias`, `statistic`, `constant`
      kind:wieght
           ^
    hint: did you mean `weight`?

    cannot read the selector: expected a predicate: `dtype`, `kind`, `name`, `rank`, `re`, `size`, `tag`
      knd:weight & a
      ^
    hint: did you mean `kind`?

    cannot read the selector: expected an element type: `bool`, `uint8`, `int8`, `uint16`, `int16`, `uint32`, `int32`, `uint64`, `int64`, `float16`, `bfloat16`, `float32`, `float64`
      dtype:float23
            ^
    hint: did you mean `float32` or `float16` or `float64`?

    cannot read the selector: expected a kind: `weight`, `bias`, `statistic`, `constant`
      kind:
           ^

    cannot read the selector: expected a whole number such as `256` or `1e6`, after `<`, `<=`, `>`, `>=` or nothing
      rank:two
           ^

    cannot read the selector: expected a whole number such as `256` or `1e6`, after `<`, `<=`, `>`, `>=` or nothing
      size:>1.5
            ^

    cannot read the selector: expected `:` before a comparison, as in `size:>1e6`
      size>1e6
          ^

    cannot read the selector: expected a whole number such as `256` or `1e6`, after `<`, `<=`, `>`, `>=` or nothing
      a | size:=3
               ^

    cannot read the selector: expected a tag, in quotation marks if it is not one word
      tag:
          ^

    cannot read the selector: expected a tag, in quotation marks if it is not one word
      tag:a"b
          ^

    cannot read the selector: expected `"` at the end of the value
      tag:"a
            ^

    cannot read the selector: expected a regular expression
      re:
         ^

    cannot read the selector: expected a `\` before `:`
      a.b:c
         ^
    "#);
    assert_snapshot!(told(&["a..b", ".a", "a.", "{a,b", "a}", "a**b", "{a.**,b}", "a\\", "\"a\"", "re:(a & b", "re:a(?<n"]), @r#"
    cannot read the selector: expected a segment of a path
      a..b
        ^

    cannot read the selector: expected a segment of a path
      .a
      ^

    cannot read the selector: expected a segment of a path
      a.
        ^

    cannot read the selector: expected `,` or `}`
      {a,b
          ^

    cannot read the selector: expected a `{` before this, or a `\`
      a}
       ^

    cannot read the selector: expected `**` to be a whole segment, outside of braces
      a**b
       ^

    cannot read the selector: expected `**` to be a whole segment, outside of braces
      {a.**,b}
         ^

    cannot read the selector: expected the character that `\` makes an ordinary one
      a\
        ^

    cannot read the selector: expected a `\` before `"`
      "a"
      ^

    cannot read the selector: expected a regular expression: Opening parenthesis without closing parenthesis
      re:(a & b
           ^

    cannot read the selector: expected a regular expression: Could not parse group name
      re:a(?<n
           ^
    "#);
    let long = format!("{} & {}", "encoder.layer.weight | ".repeat(9) + "a", "b ".repeat(90));
    assert_snapshot!(told(&[&long, "a\n\t& é\u{0}} x"]), @r"
    cannot read the selector: expected `&`, `|` or the end
      …r.weight | encoder.layer.weight | a & b b b b b b b b b b b b b b b b b b b b b…
                                               ^

    cannot read the selector: expected a `{` before this, or a `\`
      a  & é } x
             ^
    ");
}
