//! Any text is a selector or is refused; what is one prints, parses back to the same, and selects
//! the same parameters.
//!
//! The test `select_language` checks the same on every build.

use std::sync::LazyLock;

use gluonic::name::ParamName;
use gluonic::{Parameter, ParameterDict, Selector};

static PARAMS: LazyLock<ParameterDict> = LazyLock::new(|| {
    let mut params = ParameterDict::new("");
    for name in ["0.weight", "0.bias", "encoder.1.attn.q.weight", "a", "frozen", "a b", "é"] {
        let parameter = Parameter::new(name, (2, 3));
        parameter.tag(name);
        params.insert(&parameter).expect("names are distinct");
    }
    params
});

/// The names of what is selected, or why it cannot be told.
fn names(selector: &Selector) -> Result<Vec<ParamName>, String> {
    let selection = PARAMS.selection(selector).map_err(|error| error.to_string())?;
    assert_eq!(selection.explain().selected, selection.len());
    Ok(selection.iter().map(|parameter| parameter.name().clone()).collect())
}

pub(crate) fn check(text: &str) {
    let selector = match text.parse::<Selector>() {
        Ok(selector) => selector,
        Err(error) => {
            // Printing it must not panic either.
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let printed = selector.to_string();
    let found = names(&selector);
    // What is printed may be longer than what is read. And compiling patterns is what takes time:
    // a text that is printed as it was would be compiled to the same again.
    if printed.len() > Selector::MAX_LEN || printed == text {
        return;
    }
    let again = printed.parse::<Selector>().expect("what a selector prints parses");
    assert_eq!(again, selector);
    assert_eq!(names(&again), found);
}
