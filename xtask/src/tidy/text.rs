//! Rules about any text file: whitespace, paths of somebody's machine, what the README promises.

use super::{File, Finding};

/// Top folders that exist on one machine only.
const MACHINE_FOLDERS: &[&str] = &["home", "root", "work"];

/// Commands that a reader of the README must find.
const README_COMMANDS: &[&str] = &["cargo run --release -- tour", "cargo xtask test"];

/// Printed output kept word for word, whose whitespace is not ours to change.
const RECORDINGS: &[&str] = &[".snap", ".stderr", ".stdout"];

pub(super) fn check(file: &File, findings: &mut Vec<Finding>) {
    let File { path, text } = file;
    let data = path.starts_with("fixtures/") || path.starts_with("fuzz/corpus/");
    if data && path != "fixtures/README.md" {
        return;
    }
    let recorded = RECORDINGS.iter().any(|ending| path.ends_with(ending));
    let mut report = |line: usize, message: &str| {
        findings.push(Finding::new(path, line, message));
    };
    for (n, line) in (1..).zip(text.split('\n')) {
        if !recorded && line.trim_end() != line {
            report(n, "trailing whitespace");
        }
        if !recorded && line.contains('\t') {
            report(n, "tab: indent with spaces");
        }
        if names_machine_path(line) {
            report(n, "path of one machine");
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        report(text.split('\n').count(), "no newline at the end of the file");
    }
}

/// True if the line names a path below one of these folders; `docs/home/…` is not.
fn names_machine_path(line: &str) -> bool {
    MACHINE_FOLDERS.iter().any(|folder| {
        line.match_indices(&format!("/{folder}/")).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '*'))
        })
    })
}

pub(super) fn check_readme(files: &[File], findings: &mut Vec<Finding>) {
    let Some(readme) = files.iter().find(|file| file.path == "README.md") else {
        findings.push(Finding::new("README.md", 1, "there is no README.md"));
        return;
    };
    for command in README_COMMANDS {
        if !readme.text.contains(command) {
            findings.push(Finding::new("README.md", 1, format!("does not mention `{command}`")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(path: &str, text: &str, expected: &[&str]) {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        let mut findings = Vec::new();
        check(&file, &mut findings);
        let shown: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn whitespace_is_checked_line_by_line() {
        check_text("a.md", "x\ny\n", &[]);
        check_text("a.md", "x\ny \n", &["a.md:2: trailing whitespace"]);
        check_text("a.md", "\tx\n", &["a.md:1: tab: indent with spaces"]);
        check_text("a.md", "x\r\n", &["a.md:1: trailing whitespace"]);
        check_text("a.md", "x\ny", &["a.md:2: no newline at the end of the file"]);
        check_text("a.snap", "x \n", &[]);
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        let path = |folder: &str| format!("see /{folder}/me\n");
        for folder in MACHINE_FOLDERS {
            check_text("a.md", &path(folder), &["a.md:1: path of one machine"]);
        }
        check_text("a.md", &format!("docs{}", &path("home")[4..]), &[]);
        check_text("fixtures/semantics.json", &path("home"), &[]);
    }

    #[test]
    fn readme_must_name_the_commands() {
        let mut findings = Vec::new();
        check_readme(&[], &mut findings);
        assert_eq!(findings.len(), 1);
        let text = "`cargo xtask test`".to_owned();
        findings.clear();
        check_readme(&[File { path: "README.md".to_owned(), text }], &mut findings);
        assert_eq!(
            findings[0].to_string(),
            "README.md:1: does not mention `cargo run --release -- tour`"
        );
    }
}
