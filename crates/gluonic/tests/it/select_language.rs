//! The language of selectors: against a slow evaluator of its own, there and back, with every
//! mistake, and with any text at all.

use gluonic::nn::{BlockCore, Member};
use gluonic::param::{Compare, Kind};
use gluonic::prelude::*;
use insta::assert_snapshot;
use proptest::prelude::*;

use crate::support::{error, variant};

/// Parameters under any paths; one may have several.
#[derive(Debug)]
struct Flat {
    core: BlockCore,
    members: Vec<(String, Parameter)>,
}

impl Block for Flat {
    fn core(&self) -> &BlockCore {
        &self.core
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        for (path, parameter) in &self.members {
            visit(path, Member::Parameter(parameter));
        }
    }

    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }

    fn as_dyn(&self) -> &dyn Block {
        self
    }
}

/// One piece of a glob, to be matched by trying everything.
#[derive(Clone, Debug)]
enum Piece {
    Char(char),
    One,
    Any,
    Either(Vec<Vec<Piece>>),
}

/// `None` is `**`.
type Segments = Vec<Option<Vec<Piece>>>;

fn glob_text(segments: &Segments) -> String {
    fn pieces(list: &[Piece], separator: char) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Char(c) if *c == separator || "\\*?{}!&|():<>=\" \n".contains(*c) => {
                format!("\\{c}")
            }
            Piece::Char(c) => c.to_string(),
            Piece::One => "?".to_owned(),
            Piece::Any => "*".to_owned(),
            Piece::Either(list) => {
                let inner: Vec<String> = list.iter().map(|list| pieces(list, ',')).collect();
                format!("{{{}}}", inner.join(","))
            }
        };
        list.iter().map(text).collect()
    }
    let segment = |segment: &Option<Vec<Piece>>| match segment {
        Some(list) => pieces(list, '.'),
        None => "**".to_owned(),
    };
    segments.iter().map(segment).collect::<Vec<_>>().join(".")
}

/// Every rest of `text` that a list of pieces can leave.
fn rests<'a>(list: &[Piece], text: &'a str) -> Vec<&'a str> {
    let Some((first, more)) = list.split_first() else { return vec![text] };
    let next = || text.chars().next().map(|c| (c, &text[c.len_utf8()..]));
    let after: Vec<&str> = match first {
        Piece::Char(wanted) => {
            next().filter(|(c, _)| c == wanted).map(|(_, rest)| rest).into_iter().collect()
        }
        Piece::One => next().filter(|(c, _)| *c != '.').map(|(_, rest)| rest).into_iter().collect(),
        Piece::Any => {
            let end = text.find('.').unwrap_or(text.len());
            (0..=end).filter(|i| text.is_char_boundary(*i)).map(|i| &text[i..]).collect()
        }
        Piece::Either(list) => list.iter().flat_map(|list| rests(list, text)).collect(),
    };
    after.into_iter().flat_map(|rest| rests(more, rest)).collect()
}

/// Whether a glob matches segments joined by dots; `start` says that no dot is due.
fn glob_matches(segments: &[Option<Vec<Piece>>], text: Option<&str>) -> bool {
    let Some((first, more)) = segments.split_first() else { return text.is_none() };
    match (first, text) {
        (None, None) => glob_matches(more, None),
        (None, Some(text)) => {
            let rest = text.split_once('.').map(|(_, rest)| rest);
            glob_matches(more, Some(text)) || glob_matches(segments, rest)
        }
        (Some(_), None) => false,
        (Some(list), Some(text)) => rests(list, text).into_iter().any(|rest| match rest {
            "" => glob_matches(more, None),
            rest => rest.strip_prefix('.').is_some_and(|rest| glob_matches(more, Some(rest))),
        }),
    }
}

#[derive(Clone, Debug)]
enum Expr {
    Path(Segments),
    Name(Segments),
    Regex(usize),
    Kind(Kind),
    DType(DType),
    Rank(Compare, u64),
    Size(Compare, u64),
    Tag(String),
    Frozen,
    Tied,
    Trained,
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
}

/// A regular expression, and what it says.
type Saying = (&'static str, fn(&str) -> bool);

const REGEXES: [Saying; 5] = [
    (".*w", |text| text.ends_with('w')),
    (r"(a|0)\..*", |text| text.starts_with("a.") || text.starts_with("0.")),
    (".*(?<!w)", |text| !text.ends_with('w')),
    ("a|.*&.*", |text| text == "a" || text.contains('&')),
    ("p1 \"x\"", |text| text == "p1 \"x\""),
];

impl Expr {
    fn by_hand(&self) -> Selector {
        match self {
            Expr::Path(segments) => Selector::path(&glob_text(segments)).unwrap(),
            Expr::Name(segments) => Selector::name(&glob_text(segments)).unwrap(),
            Expr::Regex(i) => Selector::regex(REGEXES[*i].0).unwrap(),
            Expr::Kind(kind) => Selector::kind(*kind),
            Expr::DType(dtype) => Selector::dtype(*dtype),
            Expr::Rank(compare, value) => Selector::rank(*compare, *value),
            Expr::Size(compare, value) => Selector::size(*compare, *value),
            Expr::Tag(tag) => Selector::tag(tag),
            Expr::Frozen => Selector::frozen(),
            Expr::Tied => Selector::tied(),
            Expr::Trained => Selector::trained(),
            Expr::Not(a) => !a.by_hand(),
            Expr::And(a, b) => a.by_hand() & b.by_hand(),
            Expr::Or(a, b) => a.by_hand() | b.by_hand(),
        }
    }

    /// The text with every pair of parentheses that there could be.
    fn text(&self) -> String {
        match self {
            Expr::Path(segments) => match glob_text(segments).as_str() {
                word @ ("frozen" | "tied" | "trained") => format!("\\{word}"),
                text => text.to_owned(),
            },
            Expr::Name(segments) => format!("name:{}", glob_text(segments)),
            Expr::Regex(i) => format!("re:\"{}\"", REGEXES[*i].0.replace('"', "\"\"")),
            Expr::Kind(kind) => format!("kind:{kind}"),
            Expr::DType(dtype) => format!("dtype: {dtype}"),
            Expr::Rank(compare, value) => format!("rank:{compare}{value}"),
            Expr::Size(compare, value) => format!("size: {compare} {value}"),
            Expr::Tag(tag) => format!("tag:\"{}\"", tag.replace('"', "\"\"")),
            Expr::Frozen => "frozen".to_owned(),
            Expr::Tied => "tied".to_owned(),
            Expr::Trained => "trained".to_owned(),
            Expr::Not(a) => format!("!( {})", a.text()),
            Expr::And(a, b) => format!("({})&({} )", a.text(), b.text()),
            Expr::Or(a, b) => format!("( {} ) | \n({})", a.text(), b.text()),
        }
    }

    fn holds(&self, paths: &[&str], p: &Parameter) -> bool {
        let compare = |compare: Compare, found: u64, value: u64| match compare {
            Compare::Equal => found == value,
            Compare::Less => found < value,
            Compare::LessOrEqual => found <= value,
            Compare::Greater => found > value,
            Compare::GreaterOrEqual => found >= value,
        };
        let shape = p.shape();
        match self {
            Expr::Path(glob) => paths.iter().any(|path| glob_matches(glob, Some(path))),
            Expr::Name(glob) => glob_matches(glob, Some(p.name())),
            Expr::Regex(i) => paths.iter().copied().chain([&**p.name()]).any(REGEXES[*i].1),
            Expr::Kind(kind) => p.kind() == *kind,
            Expr::DType(dtype) => p.dtype() == *dtype,
            Expr::Rank(c, value) => shape.is_some_and(|s| compare(*c, s.len() as u64, *value)),
            Expr::Size(c, value) => shape
                .and_then(|shape| shape.dims())
                .is_some_and(|dims| compare(*c, dims.elem_count() as u64, *value)),
            Expr::Tag(tag) => p.tags().iter().any(|own| **own == **tag),
            Expr::Frozen => p.is_frozen(),
            Expr::Tied => paths.len() > 1,
            Expr::Trained => p.grad_req() != GradReq::Null,
            Expr::Not(a) => !a.holds(paths, p),
            Expr::And(a, b) => a.holds(paths, p) && b.holds(paths, p),
            Expr::Or(a, b) => a.holds(paths, p) || b.holds(paths, p),
        }
    }
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Weight, Kind::Bias, Kind::Statistic, Kind::Constant])
}

fn any_compare() -> impl Strategy<Value = Compare> {
    use Compare::*;
    prop::sample::select(vec![Equal, Less, LessOrEqual, Greater, GreaterOrEqual])
}

fn any_dtype() -> impl Strategy<Value = DType> {
    prop::sample::select(vec![DType::F16, DType::F32, DType::I64])
}

const TAGS: [&str; 4] = ["head", "", "a \"b\"", "x|y"];

fn any_tag() -> impl Strategy<Value = String> {
    prop::sample::select(TAGS.map(str::to_owned).to_vec())
}

fn any_glob() -> impl Strategy<Value = Segments> {
    let letter = prop::sample::select("abw01é &{,\\*".chars().collect::<Vec<_>>());
    let piece = prop_oneof![
        4 => letter.prop_map(Piece::Char),
        1 => Just(Piece::One),
        2 => Just(Piece::Any),
    ];
    // Two stars in a row would read as one of another kind.
    let tidy = |mut list: Vec<Piece>| {
        list.dedup_by(|a, b| matches!((a, b), (Piece::Any, Piece::Any)));
        list
    };
    let piece = piece.prop_recursive(2, 6, 3, move |inner| {
        let list = prop::collection::vec(inner, 0..3).prop_map(tidy);
        prop::collection::vec(list, 1..3).prop_map(Piece::Either)
    });
    let segment = prop_oneof![
        3 => prop::collection::vec(piece, 1..4).prop_map(move |list| Some(tidy(list))),
        1 => Just(None),
    ];
    prop::collection::vec(segment, 1..4)
}

fn any_expr() -> impl Strategy<Value = Expr> {
    let term = prop_oneof![
        6 => any_glob().prop_map(Expr::Path),
        1 => any_glob().prop_map(Expr::Name),
        2 => (0..REGEXES.len()).prop_map(Expr::Regex),
        1 => any_kind().prop_map(Expr::Kind),
        1 => any_dtype().prop_map(Expr::DType),
        1 => (any_compare(), 0..4_u64).prop_map(|(c, n)| Expr::Rank(c, n)),
        1 => (any_compare(), 0..9_u64).prop_map(|(c, n)| Expr::Size(c, n)),
        1 => any_tag().prop_map(Expr::Tag),
        1 => Just(Expr::Frozen),
        1 => Just(Expr::Tied),
        1 => Just(Expr::Trained),
    ];
    term.prop_recursive(4, 12, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        let boxed = |(a, b): (Expr, Expr)| (Box::new(a), Box::new(b));
        prop_oneof![
            inner.prop_map(|a| Expr::Not(Box::new(a))),
            pair.clone().prop_map(move |pair| {
                let (a, b) = boxed(pair);
                Expr::And(a, b)
            }),
            pair.prop_map(move |pair| {
                let (a, b) = boxed(pair);
                Expr::Or(a, b)
            }),
        ]
    })
}

type Facts = (Kind, DType, Option<Vec<Option<usize>>>, Option<String>, (bool, bool));

/// Parameters with any of the facts that a selector can ask for.
fn any_net() -> impl Strategy<Value = Flat> {
    let facts = (
        any_kind(),
        any_dtype(),
        prop::option::of(prop::collection::vec(prop::option::of(0..3_usize), 0..3)),
        prop::option::of(any_tag()),
        (any::<bool>(), any::<bool>()),
    );
    let segment = prop::sample::select(vec!["a", "b", "w", "0", "1", "aw", "é", "a &", "{,\\*"]);
    let path = prop::collection::vec(segment, 1..4).prop_map(|list| list.join("."));
    let paths = prop::collection::vec((path, 0..6_usize), 0..10);
    (prop::collection::vec(facts, 6), paths).prop_map(|(facts, paths)| {
        let parameter = |(i, facts): (usize, Facts)| {
            let (kind, dtype, shape, tag, (null, frozen)) = facts;
            let spec = match shape {
                Some(sizes) => ParamSpec::new(Shape::from(sizes)),
                None => ParamSpec::of_any_shape(),
            };
            let req = if null { GradReq::Null } else { GradReq::Write };
            let name = ["aw", "p1 \"x\"", "dense0_w", "a.b", "b", "a&b"][i];
            let spec = spec.kind(kind).dtype(dtype).grad_req(req);
            let parameter = Parameter::with_spec(name, &spec);
            if let Some(tag) = tag {
                parameter.tag(&tag);
            }
            if frozen {
                parameter.freeze();
            }
            parameter
        };
        let parameters: Vec<Parameter> = (0..).zip(facts).map(parameter).collect();
        let members = paths.into_iter().map(|(path, i)| (path, parameters[i].clone())).collect();
        Flat { core: BlockCore::with_prefix("Flat", "flat_"), members }
    })
}

/// The positions in the walk of what is selected, by the first path.
fn selected(net: &Flat, selector: &Selector) -> Vec<Vec<String>> {
    let selection = net.select(selector).unwrap();
    selection.paths().map(|paths| paths.iter().map(ToString::to_string).collect()).collect()
}

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
    fn a_selector_selects_what_a_slow_evaluator_selects(expr in any_expr(), net in any_net()) {
        let selector = expr.by_hand();
        let mut expected: Vec<(Parameter, Vec<&str>)> = Vec::new();
        for (path, parameter) in &net.members {
            match expected.iter_mut().find(|(known, _)| known.ptr_eq(parameter)) {
                Some((_, paths)) => paths.push(path),
                None => expected.push((parameter.clone(), vec![path])),
            }
        }
        expected.retain(|(parameter, paths)| expr.holds(paths, parameter));
        let expected: Vec<Vec<&str>> = expected.into_iter().map(|(_, paths)| paths).collect();
        prop_assert_eq!(selected(&net, &selector), expected, "{}", selector);
    }

    #[test]
    fn what_is_built_by_hand_is_what_its_text_parses_to(expr in any_expr()) {
        let by_hand = expr.by_hand();
        prop_assert_eq!(&expr.text().parse::<Selector>().unwrap(), &by_hand);
        let printed = by_hand.to_string();
        prop_assert_eq!(&printed.parse::<Selector>().unwrap(), &by_hand, "{}", printed);
        let json = serde_json::to_string(&by_hand).unwrap();
        prop_assert_eq!(&json, &serde_json::Value::from(printed).to_string());
        prop_assert_eq!(serde_json::from_str::<Selector>(&json).unwrap(), by_hand);
    }

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
