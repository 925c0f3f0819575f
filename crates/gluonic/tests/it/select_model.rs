//! Selectors of every form on parameters of every kind, against a slow evaluator of its own.

use gluonic::nn::{BlockCore, Member};
use gluonic::param::{Compare, Kind};
use gluonic::prelude::*;
use proptest::prelude::*;

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
}
