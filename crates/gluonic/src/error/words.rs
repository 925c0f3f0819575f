//! Names in sentences.

use crate::name::ParamName;

pub(super) fn named(name: Option<&ParamName>) -> String {
    name.map_or_else(|| "the array".to_owned(), |name| format!("parameter `{name}`"))
}

/// Ten names, and how many more there are.
pub(crate) fn list(names: &[Box<str>]) -> String {
    let text = names.iter().take(10).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > 10 {
        return format!("{text} and {} more", names.len() - 10);
    }
    text
}

pub(crate) fn did_you_mean(nearest: &[Box<str>]) -> Option<String> {
    (!nearest.is_empty()).then(|| {
        let names: Vec<_> = nearest.iter().map(|name| format!("`{name}`")).collect();
        format!("did you mean {}?", names.join(" or "))
    })
}
