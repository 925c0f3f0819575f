//! `cargo xtask gradcheck`: the gradient of every operation, layer and loss against central
//! differences, as a table.
//!
//! The cases are the rows of the tables in `crates/gluonic/tests/it/gradients*.rs`: one list for the
//! tests and for this chore, which runs them and shows the largest relative error of each by the
//! layout of its inputs. A row that is not there is a finding of `cargo xtask tidy`, shown here too.

use std::process::Stdio;

use crate::steps::cargo;
use crate::tidy;
use crate::{Answer, Verdict, no_arguments};

/// What the tests print for each row, when `GLUONIC_GRADCHECK` is set, before its columns.
const MARK: &str = "gradcheck|";

/// The columns, as `Layout` of the tests has them.
const LAYOUTS: [&str; 5] = ["contiguous", "transposed", "sliced", "reversed", "broadcast"];

pub(crate) fn run(args: &[String]) -> Answer {
    no_arguments(args)?;
    let mut command = cargo(["test", "--quiet", "--package", "gluonic", "--test", "it"]);
    command.args(["gradients", "--", "--nocapture"]).env("GLUONIC_GRADCHECK", "1");
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr);
    let rows = rows(&text);
    let missing = tidy::untested_gradients()?;
    for line in table(&rows).iter().chain(&missing) {
        println!("{line}");
    }
    if !output.status.success() {
        // Without the rows, what is left is what the failed tests say.
        let rest: Vec<_> = text.lines().filter(|line| !line.contains(MARK)).collect();
        println!("{}\n{}", String::from_utf8_lossy(&output.stdout), rest.join("\n"));
    }
    println!("gradcheck: {} rows, {} operations without one", rows.len(), missing.len());
    let clean = output.status.success() && missing.is_empty() && !rows.is_empty();
    Ok(if clean { Verdict::Clean } else { Verdict::Findings })
}

/// The rows, by name; those of one name as one, with the larger errors.
fn rows(text: &str) -> Vec<(String, Vec<f64>)> {
    let mut rows: Vec<(String, Vec<f64>)> = Vec::new();
    for line in text.lines() {
        // The test runner may have begun the line.
        let Some(at) = line.find(MARK) else { continue };
        let mut cells = line[at + MARK.len()..].split('|');
        let name = cells.next().unwrap_or_default().to_owned();
        let errors: Vec<f64> = cells.filter_map(|cell| cell.trim().parse().ok()).collect();
        match rows.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => {
                known.iter_mut().zip(errors).for_each(|(known, error)| *known = known.max(error));
            }
            None => rows.push((name, errors)),
        }
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

fn table(rows: &[(String, Vec<f64>)]) -> Vec<String> {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |name: &str, cells: Vec<String>| {
        let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:>12}")).collect();
        format!("{name:width$}{}", cells.concat())
    };
    let head = line("", LAYOUTS.map(str::to_owned).to_vec());
    let body = rows.iter().map(|(name, errors)| {
        line(name, errors.iter().map(|error| format!("{error:.1e}")).collect())
    });
    std::iter::once(head).chain(body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_name_become_one_with_the_larger_errors() {
        let text = "gradcheck|mul|1e-9|2e-9\ntest a ... gradcheck|add|0|0\ngradcheck|mul|3e-9|1e-9";
        let rows = rows(text);
        assert_eq!(rows, [("add".into(), vec![0.0, 0.0]), ("mul".into(), vec![3e-9, 2e-9])]);
        assert_eq!(table(&rows)[2], "mul      3.0e-9      2.0e-9");
    }
}
