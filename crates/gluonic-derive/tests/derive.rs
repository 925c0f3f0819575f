//! What `derive(Block)` writes, seen through the public API.

// `no_forward` blocks hold parts that no test calls.
#![allow(dead_code)]

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use gluonic::nn::{Activation, DenseConfig, Member};
use gluonic::prelude::*;

/// The keys that a block shows, a parameter with a `*`.
#[track_caller]
fn check_keys(block: &dyn Block, expected: &[&str]) {
    let mut keys = Vec::new();
    block.visit(&mut |key, member| {
        keys.push(match member {
            Member::Parameter(_) => format!("*{key}"),
            Member::Block(_) | Member::Draws(_) => key.to_owned(),
        });
    });
    assert_eq!(keys, expected);
}

fn parameter(core: &BlockCore, short: &str) -> Parameter {
    core.get(short, &ParamSpec::new((2, 2))).expect("the name is new")
}

macro_rules! forward_is_identity {
    ($($type:ty),*) => {$(
        impl Forward for $type {
            fn forward(&self, x: &NdArray) -> Result<NdArray> {
                Ok(x.clone())
            }
        }
    )*};
}

#[derive(Block)]
struct Every {
    last: Dense,
    core: BlockCore,
    scale: Parameter,
    none: Option<Dense>,
    some: Option<Dense>,
    some_parameter: Option<Parameter>,
    list: Vec<Dense>,
    parameters: Vec<Parameter>,
    array: [Dense; 2],
    pair: (Dense, Parameter),
    nested: Vec<Option<Vec<Dense>>>,
    counted: Arc<Dense>,
    dynamic: Arc<dyn Block>,
    boxed: Box<dyn Block>,
    net: Sequential,
    units: usize,
    rate: f32,
    label: String,
    fixed: &'static str,
    activation: Activation,
    first: Dense,
}
forward_is_identity!(Every);

fn every() -> Every {
    let core = BlockCore::new("Every");
    let dense = || Dense::new(1);
    Every {
        last: dense(),
        scale: parameter(&core, "scale"),
        none: None,
        some: Some(dense()),
        some_parameter: Some(parameter(&core, "some")),
        list: vec![dense(), dense()],
        parameters: vec![parameter(&core, "p0"), parameter(&core, "p1")],
        array: [dense(), dense()],
        pair: (dense(), parameter(&core, "pair")),
        nested: vec![None, Some(vec![dense()])],
        counted: Arc::new(dense()),
        dynamic: Arc::new(dense()),
        boxed: Box::new(dense()),
        net: Sequential::new(),
        units: 3,
        rate: 0.5,
        label: "label".into(),
        fixed: "fixed",
        activation: Activation::Relu,
        first: dense(),
        core,
    }
}

#[test]
fn fields_are_shown_in_the_order_of_their_declaration_and_plain_data_is_not() {
    check_keys(
        &every(),
        &[
            "last",
            "*scale",
            "some",
            "*some_parameter",
            "list.0",
            "list.1",
            "*parameters.0",
            "*parameters.1",
            "array.0",
            "array.1",
            "pair.0",
            "*pair.1",
            "nested.1.0",
            "counted",
            "dynamic",
            "boxed",
            "net",
            "first",
        ],
    );
}

#[test]
fn a_derived_block_is_itself_a_field() {
    #[derive(Block)]
    struct Outer {
        core: BlockCore,
        inner: Every,
        more: Vec<Every>,
    }
    forward_is_identity!(Outer);

    let outer =
        Outer { core: BlockCore::new("Outer"), inner: every(), more: vec![every(), every()] };
    check_keys(&outer, &["inner", "more.0", "more.1"]);
    assert!(outer.find_param("more.1.nested.1.0.weight").is_ok());
    assert!(outer.find_param("inner.scale").is_ok());
}

#[test]
fn skip_hides_a_field_and_takes_it_of_any_type() {
    struct Unknown;

    #[derive(Block)]
    struct Net {
        core: BlockCore,
        #[block(skip)]
        hidden: Dense,
        #[block(skip)]
        unknown: Unknown,
        shown: Dense,
    }
    forward_is_identity!(Net);

    let net = Net {
        core: BlockCore::new("Net"),
        hidden: Dense::new(1),
        unknown: Unknown,
        shown: Dense::new(1),
    };
    check_keys(&net, &["shown"]);
    assert_eq!(net.collect_params().unwrap().len(), 2);
}

#[test]
fn key_renames_and_a_raw_identifier_is_its_word() {
    #[derive(Block)]
    struct Net {
        core: BlockCore,
        #[block(key = "0")]
        body: Dense,
        #[block(key = "layers")]
        blocks: Vec<Dense>,
        r#type: Dense,
    }
    forward_is_identity!(Net);

    let net = Net {
        core: BlockCore::new("Net"),
        body: Dense::new(1),
        blocks: vec![Dense::new(1)],
        r#type: Dense::new(1),
    };
    check_keys(&net, &["0", "layers.0", "type"]);
}

#[test]
fn a_key_of_something_skipped_is_free() {
    #[derive(Block)]
    struct Net {
        core: BlockCore,
        #[block(key = "core")]
        hidden: Dense,
        #[block(key = "out")]
        last: Dense,
        #[block(skip)]
        out: Dense,
    }
    forward_is_identity!(Net);

    let net = Net {
        core: BlockCore::new("Net"),
        hidden: Dense::new(1),
        last: Dense::new(1),
        out: Dense::new(1),
    };
    check_keys(&net, &["core", "out"]);
}

#[test]
fn a_tuple_struct_has_numbers_as_keys() {
    #[derive(Block)]
    struct Net(Dense, BlockCore, #[block(key = "out")] Dense, Parameter);
    forward_is_identity!(Net);

    let core = BlockCore::new("Net");
    let weight = parameter(&core, "weight");
    check_keys(&Net(Dense::new(1), core, Dense::new(1), weight), &["0", "out", "*3"]);
}

#[test]
fn the_core_is_found_by_its_type_or_by_its_mark() {
    type Core = BlockCore;

    #[derive(Block)]
    struct Alias {
        #[block(core)]
        heart: Core,
    }
    #[derive(Block)]
    struct Path {
        heart: gluonic::nn::BlockCore,
    }
    #[derive(Block)]
    struct Marked {
        other: BlockCore,
        #[block(core)]
        own: BlockCore,
    }
    #[derive(Block)]
    struct Counted {
        #[block(core)]
        own: Arc<BlockCore>,
    }
    #[derive(Block)]
    struct Skipped {
        #[block(skip)]
        other: BlockCore,
        own: BlockCore,
    }
    forward_is_identity!(Alias, Path, Marked, Counted, Skipped);

    let [own, other] = ["Own", "Other"].map(BlockCore::new);
    let blocks: [Box<dyn Block>; 5] = [
        Box::new(Alias { heart: own.clone() }),
        Box::new(Path { heart: own.clone() }),
        Box::new(Marked { other: other.clone(), own: own.clone() }),
        Box::new(Counted { own: Arc::new(own.clone()) }),
        Box::new(Skipped { other, own: own.clone() }),
    ];
    for block in blocks {
        assert!(block.core().ptr_eq(&own));
        check_keys(&*block, &[]);
    }
}

#[derive(Block)]
struct Residual<B> {
    core: BlockCore,
    body: B,
}

impl<B: Block> Forward for Residual<B> {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        self.body.call(x)
    }
}

#[test]
fn a_type_parameter_needs_no_bounds_on_the_struct() {
    #[derive(Block)]
    #[block(no_forward)]
    struct Generic<A, B, C, S, const N: usize>
    where
        S: Default,
    {
        core: BlockCore,
        one: A,
        list: Vec<Option<B>>,
        array: [(C, usize); N],
        #[block(skip)]
        state: S,
        #[block(skip)]
        phantom: PhantomData<S>,
    }

    let core = BlockCore::new("Generic");
    let weight = parameter(&core, "weight");
    let net: Generic<Dense, Parameter, Dense, Vec<f64>, 2> = Generic {
        core,
        one: Dense::new(1),
        list: vec![Some(weight)],
        array: [(Dense::new(1), 0), (Dense::new(1), 1)],
        state: Vec::new(),
        phantom: PhantomData,
    };
    check_keys(&net, &["one", "*list.0", "array.0.0", "array.1.0"]);
}

#[test]
fn generic_blocks_nest() {
    #[derive(Block)]
    #[block(no_forward)]
    struct Twice<B: Block> {
        core: BlockCore,
        one: Residual<B>,
        two: Vec<Residual<Residual<B>>>,
    }

    let core = || BlockCore::new("Residual");
    let inner = || Residual { core: core(), body: Dense::new(1) };
    let two = vec![Residual { core: core(), body: inner() }];
    let net = Twice { core: core(), one: inner(), two };
    check_keys(&net, &["one", "two.0"]);
    assert!(net.find_param("two.0.body.body.weight").is_ok());
}

#[test]
fn a_pointer_to_a_type_parameter_may_hold_a_block_of_any_size() {
    #[derive(Block)]
    #[block(no_forward)]
    struct Shared<B: Block + ?Sized> {
        core: BlockCore,
        body: Arc<B>,
        more: Vec<Arc<B>>,
    }

    let body: Arc<dyn Block> = Arc::new(Dense::new(1));
    let net = Shared { core: BlockCore::new("Shared"), body: body.clone(), more: vec![body] };
    check_keys(&net, &["body", "more.0"]);
    let body = Arc::new(Dense::new(1));
    let net = Shared { core: BlockCore::new("Shared"), body: body.clone(), more: vec![body] };
    assert_eq!(net.named_parameters().len(), 4);
}

#[test]
fn forward_is_that_of_the_trait_forward() {
    let net = Residual { core: BlockCore::new("Residual"), body: Dense::new(3) };
    net.initialize().unwrap();
    let x = NdArray::ones((2, 4), DType::F32).unwrap();
    let y = net.call(&x).unwrap();
    assert_eq!(y.dims().to_string(), "(2, 3)");
    assert_eq!(y.to_vec::<f32>().unwrap(), net.body.call(&x).unwrap().to_vec::<f32>().unwrap());
}

#[test]
fn no_forward_is_an_error_with_the_class() {
    #[derive(Block)]
    #[block(no_forward)]
    struct Attention {
        core: BlockCore,
        query: Dense,
    }

    let block = Attention { core: BlockCore::new("Attention"), query: Dense::new(1) };
    let x = NdArray::ones(2, DType::F32).unwrap();
    match block.call(&x) {
        Err(Error::NoForward { block }) => assert_eq!(&*block, "Attention"),
        other => panic!("expected NoForward, found {other:?}"),
    }
}

#[test]
fn display_is_the_tree() {
    let net = Residual { core: BlockCore::new("Residual"), body: sequential![Dense::new(3)] };
    let expected = "Residual(\n  (body): Sequential(\n    (0): Dense(None -> 3, linear)\n  )\n)";
    assert_eq!(net.to_string(), expected);
    assert_eq!((&net as &dyn Block).to_string(), expected);
}

mod functions {
    use super::*;

    pub(crate) fn fmt(net: &Custom, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Custom({})", net.n)
    }
}

/// A function with the name of a parameter of the written method.
#[allow(clippy::result_large_err)] // the size of the error is gluonic's matter
fn params(net: &Custom, params: &mut ParameterDict) -> Result<()> {
    params.insert(&net.weight)
}

#[derive(Block)]
#[block(display = "functions::fmt", collect = "params")]
struct Custom {
    core: BlockCore,
    weight: Parameter,
    body: Dense,
    n: usize,
}
forward_is_identity!(Custom);

#[test]
fn display_and_collect_name_functions() {
    let core = BlockCore::new("Custom");
    let net = Custom { weight: parameter(&core, "weight"), core, body: Dense::new(1), n: 7 };
    assert_eq!(net.to_string(), "Custom(7)");
    assert_eq!((&net as &dyn Block).to_string(), "Custom(7)");
    let names: Vec<_> = net
        .collect_params()
        .unwrap()
        .iter()
        .map(|parameter| parameter.name().to_string())
        .collect();
    assert_eq!(names, [net.weight.name().to_string()]);
    assert_eq!(net.named_parameters().len(), 3, "only the collection hides");
}

#[test]
fn functions_may_be_associated_or_come_from_a_macro() {
    macro_rules! layer {
        ($type:ident, $ty:ty, $fmt:ident) => {
            #[derive(Block)]
            #[block(display = $fmt)]
            struct $type {
                core: BlockCore,
                part: $ty,
            }
            forward_is_identity!($type);
        };
    }
    fn fmt_layer(_: &Layer, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("layer")
    }
    layer!(Layer, Vec<Dense>, fmt_layer);

    #[derive(Block)]
    #[block(display = "Self::fmt_me", no_forward)]
    struct Associated {
        core: BlockCore,
    }
    impl Associated {
        fn fmt_me(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.core.class())
        }
    }

    let layer = Layer { core: BlockCore::new("Layer"), part: vec![Dense::new(1)] };
    assert_eq!(layer.to_string(), "layer");
    check_keys(&layer, &["part.0"]);
    assert_eq!(Associated { core: BlockCore::new("Associated") }.to_string(), "Associated");
}

#[test]
fn a_block_that_names_no_prelude_item_compiles() {
    // What the macro writes means gluonic's and the standard library's items, whatever is in scope.
    mod shadowed {
        #![allow(non_camel_case_types)]
        struct Result;
        struct Option;
        struct NdArray;
        struct Forward;
        trait Walk {}
        trait Block {}
        struct FnMut;
        mod std {}
        mod gluonic {}

        #[derive(::gluonic::Block)]
        #[block(no_forward)]
        pub(super) struct Net {
            pub(super) core: ::gluonic::nn::BlockCore,
            pub(super) visit: ::gluonic::nn::Dense,
            pub(super) key: ::gluonic::nn::Dense,
        }
    }
    let net = shadowed::Net {
        core: BlockCore::new("Net"),
        visit: Dense::new(1),
        key: Dense::with(DenseConfig::default()).unwrap(),
    };
    check_keys(&net, &["visit", "key"]);
}
