//! What `cargo metadata` knows about the members of the workspace.

use serde_json::Value;

use crate::steps::cargo;

/// One member of the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Features without `default`, sorted.
    pub(crate) features: Vec<String>,
    pub(crate) examples: Vec<Example>,
}

/// One example of a member.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Example {
    pub(crate) name: String,
    pub(crate) required_features: Vec<String>,
}

/// Reads the members of the workspace, sorted by name.
pub(crate) fn packages() -> Result<Vec<Package>, String> {
    let output = cargo(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .map_err(|err| format!("cannot run `cargo metadata`: {err}"))?;
    if !output.status.success() {
        return Err(format!("`cargo metadata`: {}", String::from_utf8_lossy(&output.stderr)));
    }
    parse(&output.stdout)
}

fn parse(json: &[u8]) -> Result<Vec<Package>, String> {
    let metadata: Value = serde_json::from_slice(json)
        .map_err(|err| format!("cannot read the answer of `cargo metadata`: {err}"))?;
    let mut packages: Vec<_> = list(&metadata["packages"]).map(package).collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

fn package(value: &Value) -> Package {
    let features = value["features"].as_object().into_iter().flatten();
    let mut features: Vec<_> =
        features.map(|(name, _)| name.clone()).filter(|name| name != "default").collect();
    features.sort();
    let is_example = |target: &&Value| list(&target["kind"]).any(|kind| kind == "example");
    let examples = list(&value["targets"]).filter(is_example).map(|target| Example {
        name: text(&target["name"]),
        required_features: list(&target["required-features"]).map(text).collect(),
    });
    Package { name: text(&value["name"]), features, examples: examples.collect() }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_gives_examples_and_features_without_default() {
        let json = br#"{"packages": [
            {"name": "b", "features": {"default": ["x"], "x": []}, "targets": [
                {"name": "b", "kind": ["lib"]},
                {"name": "mlp", "kind": ["example"], "required-features": ["x"]}]},
            {"name": "a", "features": {}, "targets": []}]}"#;
        let mlp = Example { name: "mlp".into(), required_features: vec!["x".into()] };
        let a = Package { name: "a".into(), features: vec![], examples: vec![] };
        let b = Package { name: "b".into(), features: vec!["x".into()], examples: vec![mlp] };
        assert_eq!(parse(json), Ok(vec![a, b]));
    }
}
