//! The direction of dependencies inside `gluonic`: a module may use the modules of its own line
//! of [`LAYERS`] and of the lines below it, never above.
//!
//! Paths from `crate`, `super` and `gluonic` count, in `use` and elsewhere; a name that `lib.rs`
//! re-exports counts as its module. Tests may use everything.

use std::collections::HashMap;

use super::Finding;
use super::source::{Source, paths};

/// The modules of `gluonic` from top to bottom, as ARCHITECTURE.md draws them.
const LAYERS: &[&[&str]] = &[
    &["run"],
    &["average", "watch", "inspect"],
    &["trainer"],
    &["optim", "checkpoint"],
    &["nn", "loss", "metric"],
    &["param"],
    &["init"],
    &["ops", "data"],
    &["array", "autograd", "random"],
    &["storage"],
    &["cpu"],
    &["error", "suggest", "excerpt", "shape", "name", "context", "progress"],
];

/// Modules that hold facts of every layer, and so may name the types of all.
const FREE: &[&str] = &["error"];

const FOLDER: &str = "crates/gluonic/src/";

pub(super) fn check(sources: &[Source], findings: &mut Vec<Finding>) {
    let root = sources.iter().find(|source| source.path == format!("{FOLDER}lib.rs"));
    let exports = root.map(|root| exports(&root.shipped)).unwrap_or_default();
    for source in sources {
        let Some(module) = source.path.strip_prefix(FOLDER).map(module_path) else { continue };
        let Some(own) = module.first() else { continue };
        let Some(rank) = layer(own) else {
            let message = format!(
                "module `{own}` has no layer: add it to `LAYERS` in xtask/src/tidy/layers.rs and \
                 to ARCHITECTURE.md"
            );
            findings.push(Finding::new(&source.path, 1, message));
            continue;
        };
        if FREE.contains(&own.as_str()) {
            continue;
        }
        for path in paths(&source.shipped) {
            let Some(name) = from_root(&path.segments, &module) else { continue };
            let target = exports.get(name).map_or(name, String::as_str);
            if layer(target).is_some_and(|target_rank| target_rank < rank) {
                let message = format!("`{own}` may not use `{target}`, which stands above it");
                findings.push(Finding::new(&source.path, path.line, message));
            }
        }
    }
}

/// The line of [`LAYERS`] a module stands on, from the top.
fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|line| line.contains(&module))
}

/// `nn/dense.rs` is `nn::dense`, `nn/mod.rs` is `nn`, `lib.rs` is the root.
fn module_path(file: &str) -> Vec<String> {
    let parts = file.trim_end_matches(".rs").split('/').map(str::to_owned);
    parts.filter(|part| part != "mod" && part != "lib").collect()
}

/// The first name below the root of the crate that a path in `module` goes through, if the path
/// is one from the root or goes up to it.
fn from_root<'a>(segments: &'a [String], module: &[String]) -> Option<&'a str> {
    let rest = match segments.first()?.as_str() {
        "crate" | "gluonic" => &segments[1..],
        "super" => {
            let ups = segments.iter().take_while(|segment| *segment == "super").count();
            if ups < module.len() {
                return None;
            }
            &segments[ups..]
        }
        _ => return None,
    };
    rest.first().map(String::as_str)
}

/// The names that the root re-exports, with the module each comes from.
fn exports(root: &str) -> HashMap<String, String> {
    let mut exports = HashMap::new();
    for path in paths(root) {
        let skip = usize::from(matches!(path.segments[0].as_str(), "crate" | "self"));
        if let Some(module) = path.segments.get(skip).filter(|module| layer(module).is_some())
            && layer(&path.name).is_none()
        {
            exports.insert(path.name, module.clone());
        }
    }
    exports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_file(file: &str, code: &str, expected: &[&str]) {
        let root =
            "pub mod nn;\npub use nn::{Block, Dense as Linear};\npub use self::shape::Shape;";
        let sources = [
            Source::new("crates/gluonic/src/lib.rs", root),
            Source::new(&format!("{FOLDER}{file}"), code),
        ];
        let mut findings = Vec::new();
        check(&sources, &mut findings);
        let shown: Vec<_> = findings.iter().map(ToString::to_string).collect();
        let expected: Vec<_> = expected.iter().map(|rest| format!("{FOLDER}{rest}")).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn modules_use_their_own_line_and_those_below() {
        check_file("nn/dense.rs", "use crate::{error::Error, loss, nn::Block, ops::cpu};", &[]);
        check_file("error.rs", "use crate::shape::Shape;", &[]);
    }

    #[test]
    fn modules_above_are_refused_wherever_they_are_named() {
        let message = |line: usize| {
            format!("ops/conv.rs:{line}: `ops` may not use `param`, which stands above it")
        };
        check_file("ops/conv.rs", "use crate::{\n    param::Parameter,\n};", &[&message(2)]);
        check_file("ops/conv.rs", "use super::super::param;", &[&message(1)]);
        check_file("ops/conv.rs", "fn f(x: &crate::param::Parameter) {}", &[&message(1)]);
        check_file("ops/conv.rs", "use super::param;", &[]); // `ops::param`
    }

    #[test]
    fn names_of_the_root_count_as_their_module() {
        let message = "ops/conv.rs:1: `ops` may not use `nn`, which stands above it";
        check_file("ops/conv.rs", "use crate::Linear;", &[message]);
        check_file("ops/conv.rs", "use crate::Shape;", &[]);
    }

    #[test]
    fn tests_and_comments_may_name_everything() {
        check_file("ops/conv.rs", "#[cfg(test)]\nmod tests {\n    use crate::nn::Dense;\n}", &[]);
        check_file("ops/conv.rs", "/// See [`crate::nn`].\nfn f() {}", &[]);
    }

    #[test]
    fn a_module_without_a_layer_is_refused() {
        let message = "widget/mod.rs:1: module `widget` has no layer: add it to `LAYERS` in \
                       xtask/src/tidy/layers.rs and to ARCHITECTURE.md";
        check_file("widget/mod.rs", "", &[message]);
    }
}
