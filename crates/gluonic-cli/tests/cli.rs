//! The program as its users run it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests write, damage and read files on purpose")]

use std::process::{Command, Output};

use insta::assert_snapshot;
use serde_json::Value;

fn gluonic(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gluonic")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Exit status, stdout and stderr on one page.
fn page(output: &Output) -> String {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    format!("status {:?}\n--- stdout\n{stdout}--- stderr\n{stderr}", output.status.code())
}

#[track_caller]
fn json(args: &[&str]) -> (Vec<u8>, Value) {
    let output = gluonic(args);
    assert_eq!(output.status.code(), Some(0), "{}", page(&output));
    assert_eq!(text(&output.stderr), "");
    let value = serde_json::from_slice(&output.stdout).unwrap();
    (output.stdout, value)
}

#[test]
fn the_tour_passes_all_of_its_checks_and_reads_the_digits() {
    let (_, report) = json(&["tour", "--json", "--seed", "3"]);
    let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["checks", "accuracy"]);
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.len() >= 40, "{}", checks.len());
    for check in checks {
        let keys: Vec<&String> = check.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["step", "what", "expected", "found", "ok"]);
        assert_eq!(check["ok"], true, "{check}");
    }
    let accuracy = &report["accuracy"];
    let keys: Vec<&String> = accuracy.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["correct", "total", "value", "seed"]);
    assert_eq!(accuracy["seed"], 3);
    let (correct, total) = (accuracy["correct"].as_f64(), accuracy["total"].as_f64());
    let value = accuracy["value"].as_f64().unwrap();
    // `serde_json` reads a number to within its last bit.
    assert!((value - correct.unwrap() / total.unwrap()).abs() < 1e-12, "{accuracy}");
    assert!(value >= 0.95, "{accuracy}");
}

#[test]
fn every_check_of_the_tour_says_something_different() {
    let (_, report) = json(&["tour", "--json"]);
    let mut claims: Vec<String> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| format!("{}: {}", check["step"], check["what"]))
        .collect();
    let n = claims.len();
    claims.sort();
    claims.dedup();
    assert_eq!(claims.len(), n);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let (first, _) = json(&["tour", "--json", "--seed", "1"]);
    let (again, _) = json(&["tour", "--json", "--seed", "1"]);
    let (other, _) = json(&["tour", "--json", "--seed", "2"]);
    assert_eq!(text(&first), text(&again));
    assert_ne!(text(&first), text(&other));
}

#[test]
fn five_seeds_read_more_than_96_of_100_digits_on_average() {
    let accuracy = |seed: &&str| {
        let (_, report) = json(&["tour", "--json", "--seed", seed]);
        report["accuracy"]["value"].as_f64().unwrap()
    };
    let mean = ["0", "1", "2", "3", "4"].iter().map(accuracy).sum::<f64>() / 5.0;
    assert!(mean >= 0.96, "{mean}");
}

#[test]
fn a_pipe_gets_plain_text_of_80_columns_and_no_bar() {
    let output = gluonic(&["tour"]);
    assert_eq!(output.status.code(), Some(0), "{}", page(&output));
    assert_eq!(text(&output.stderr), "");
    let stdout = text(&output.stdout);
    assert!(!stdout.contains('\x1b'), "escape codes in a pipe");
    assert!(stdout.contains("UCI Machine Learning Repository"), "no citation");
    for line in stdout.lines() {
        // How long the path of a temporary file is, is not ours to say.
        let fits = line.chars().count() <= 80 || line.contains("gluonic-tour-");
        assert!(fits, "longer than 80 columns: {line}");
        assert_eq!(line, line.trim_end(), "ends in a space");
    }
    for step in 1..=13 {
        let heading = format!("{step:2}  ");
        assert!(stdout.lines().any(|line| line.starts_with(&heading)), "no step {step}");
    }
}

#[test]
fn the_tour_leaves_no_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gluonic"))
        .args(["tour", "--json"])
        .envs([("TMPDIR", folder.path()), ("TMP", folder.path())])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", page(&output));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_wrong_flag_is_an_error_with_a_hint() {
    assert_snapshot!(page(&gluonic(&["tour", "--sed", "3"])), @r"
    status Some(2)
    --- stdout
    --- stderr
    error: unexpected argument '--sed' found
    hint: a similar argument exists: '--seed'
    hint: the usage is `gluonic tour --seed <N>`
    ");
    assert_snapshot!(page(&gluonic(&["tour", "--seed", "many"])), @r"
    status Some(2)
    --- stdout
    --- stderr
    error: invalid value 'many' for '--seed <N>': invalid digit found in string
    hint: `--help` tells what can be said here
    ");
    assert_snapshot!(page(&gluonic(&["tuor"])), @r"
    status Some(2)
    --- stdout
    --- stderr
    error: unrecognized subcommand 'tuor'
    hint: a similar subcommand exists: 'tour'
    hint: the usage is `gluonic <COMMAND>`
    ");
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    assert_snapshot!(page(&gluonic(&["tour-predict", "no.params", "--seed", "0"])), @r"
    status Some(2)
    --- stdout
    --- stderr
    error: cannot read `no.params`
      because No such file or directory (os error 2)
    ");
}

#[test]
fn help_goes_to_stdout_when_asked_for_and_to_stderr_when_needed() {
    assert_snapshot!(page(&gluonic(&["--help"])), @r"
    status Some(0)
    --- stdout
    Parameter management for neural networks

    Usage: gluonic <COMMAND>

    Commands:
      show     Show what a parameter file holds, without reading its values
      check    Check that a parameter file is whole, unchanged since its digests were recorded, and finite
      convert  Write a parameter file in another format, element type or number of files
      tour     Walk through parameter management on real data, and check every claim
      help     Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version
    --- stderr
    ");
    assert_snapshot!(page(&gluonic(&["tour", "--help"])), @r"
    status Some(0)
    --- stdout
    Walk through parameter management on real data, and check every claim

    Usage: gluonic tour [OPTIONS]

    Options:
          --seed <N>  The seed of every random value and of the choice of held-out digits [default: 0]
          --json      Print the checks and the accuracy as JSON, and nothing else
      -h, --help      Print help
    --- stderr
    ");
    let bare = gluonic(&[]);
    assert_eq!(bare.status.code(), Some(2));
    assert_eq!(text(&bare.stdout), "");
    assert_eq!(bare.stderr, gluonic(&["--help"]).stdout);
}

/// A folder with a file of every kind of finding, made by the library.
fn files() -> tempfile::TempDir {
    use gluonic::prelude::*;
    let folder = tempfile::tempdir().unwrap();
    let net = name::manager(|| sequential![Dense::new(3), Dense::new(1)]);
    net.initialize_with(&init::One, Reinit::Keep).unwrap();
    net.infer_shapes(&[(1, 2)]).unwrap();
    net.save_parameters(folder.path().join("net.params")).unwrap();
    net[1].bias().unwrap().data().unwrap().fill(f64::NAN).unwrap();
    net.save_parameters(folder.path().join("nan.npz")).unwrap();
    folder
}

/// The program inside a folder, so that outputs name files without it.
fn gluonic_in(folder: &std::path::Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gluonic"));
    command.current_dir(folder).args(args).output().unwrap()
}

#[test]
fn a_file_is_shown_as_a_tree_and_as_json() {
    let folder = files();
    assert_snapshot!(page(&gluonic_in(folder.path(), &["show", "net.params"])), @r"
    status Some(0)
    --- stdout
    `net.params`: MXNet params, 4 tensors, 13 elements, 52 B
    name      dtype    shape   elements  bytes
    0                                 9   36 B
      bias    float32  (3,)           3   12 B
      weight  float32  (3, 2)         6   24 B
    1                                 4   16 B
      bias    float32  (1,)           1    4 B
      weight  float32  (1, 3)         3   12 B
    --- stderr
    ");
    let output = gluonic_in(folder.path(), &["show", "--json", "nan.npz"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["format"], "npz");
    assert_eq!(value["tensors"][0]["shape"], serde_json::json!([3, 2]));
    assert_snapshot!(page(&gluonic_in(folder.path(), &["show", "no.params"])), @r"
    status Some(2)
    --- stdout
    --- stderr
    error: cannot read `no.params`
      because No such file or directory (os error 2)
    ");
}

#[test]
fn a_check_finds_what_is_no_number_and_what_was_damaged() {
    let folder = files();
    let run = |args: &[&str]| gluonic_in(folder.path(), args);
    assert_snapshot!(page(&run(&["check", "nan.npz"])), @r"
    status Some(1)
    --- stdout
    `nan.npz`: npz, 4 tensors, 13 elements, 52 B
    root b937ff3a3fac210fd78f3039d265ebb4792b47cc5a712eb2e5fc8963a870e0c9, digests not recorded
    1.bias: NaN or infinite values: 1, the first at 0
    findings: 1
    --- stderr
    ");
    let converted = run(&["convert", "net.params", "net.safetensors", "--digests"]);
    assert_eq!(converted.status.code(), Some(0), "{}", page(&converted));
    assert_eq!(run(&["check", "net.safetensors"]).status.code(), Some(0));
    let file = folder.path().join("net.safetensors");
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let damaged = run(&["check", "net.safetensors", "--json"]);
    assert_eq!(damaged.status.code(), Some(1));
    let value: Value = serde_json::from_slice(&damaged.stdout).unwrap();
    assert_eq!(value["findings"].as_array().unwrap().len(), 1, "{value}");
}

#[test]
fn a_check_says_which_record_it_used_and_when_that_is_of_another_state_of_the_file() {
    let folder = files();
    let run = |args: &[&str]| gluonic_in(folder.path(), args);
    assert_eq!(run(&["convert", "net.params", "a.params", "--digests"]).status.code(), Some(0));
    let checked = page(&run(&["check", "a.params"]));
    assert!(checked.contains("digests recorded in `a.params.digests.json`\n"), "{checked}");
    assert!(checked.contains("nothing amiss"), "{checked}");
    let at = |name: &str| folder.path().join(name);
    let other = run(&["convert", "net.params", "b.params", "--cast", "float16"]);
    assert_eq!(other.status.code(), Some(0));
    std::fs::copy(at("a.params.digests.json"), at("b.params.digests.json")).unwrap();
    let stale = page(&run(&["check", "b.params"]));
    assert!(stale.contains("`b.params.digests.json` is of another state of the file"), "{stale}");
    std::fs::write(at("a.params.digests.json"), "no record").unwrap();
    let broken = run(&["check", "a.params", "--json"]);
    assert_eq!(broken.status.code(), Some(1));
    let value: Value = serde_json::from_slice(&broken.stdout).unwrap();
    assert_eq!(value["record"], "a.params.digests.json");
    assert_eq!(value["findings"][0]["tensor"], Value::Null);
    // A conversion without digests takes the record of the file before away.
    assert_eq!(run(&["convert", "net.params", "b.params"]).status.code(), Some(0));
    assert!(!at("b.params.digests.json").exists());
}

#[test]
fn a_conversion_names_the_rules_that_take_no_key() {
    let folder = files();
    std::fs::write(
        folder.path().join("rules.toml"),
        "[[rule]]\nfrom = \"0.weigth\"\nto = \"fc.weight\"\n",
    )
    .unwrap();
    let args = ["convert", "net.params", "a.params", "--rename", "rules.toml"];
    let told = page(&gluonic_in(folder.path(), &args));
    let idle = "\nrule 1 takes no key: 0.weigth -> fc.weight; did you mean `0.weight`";
    assert!(told.contains(idle), "{told}");
    let output = gluonic_in(folder.path(), &[&args[..], &["--json"]].concat());
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["idle_rules"], serde_json::json!(["0.weigth -> fc.weight"]));
}

#[test]
fn a_file_goes_through_every_format_and_back_with_one_root() {
    let folder = files();
    let run = |args: &[&str]| {
        let output = gluonic_in(folder.path(), args);
        assert_eq!(output.status.code(), Some(0), "{}", page(&output));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        value["root"].as_str().unwrap().to_owned()
    };
    let root = run(&["check", "--json", "net.params"]);
    for [from, to] in
        [["net.params", "a.safetensors"], ["a.safetensors", "b.npz"], ["b.npz", "c.params"]]
    {
        assert_eq!(run(&["convert", "--json", from, to]), root, "{to}");
    }
    assert_eq!(run(&["convert", "--json", "c.params", "d.safetensors", "--shard", "16"]), root);
    assert_eq!(run(&["check", "--json", "d.safetensors.index.json"]), root);
    assert_eq!(run(&["convert", "--json", "d.safetensors.index.json", "e.params"]), root);
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("e.params").len(), read("net.params").len());
}

#[test]
fn a_conversion_renames_by_rules_and_casts() {
    let folder = files();
    let rules = "[[rule]]\nfrom = \"{i}.weight\"\nto = \"layers.{i}.w\"\n";
    std::fs::write(folder.path().join("rules.toml"), rules).unwrap();
    let args = ["convert", "net.params", "out.npz", "--rename", "rules.toml", "--cast", "float16"];
    assert_eq!(gluonic_in(folder.path(), &args).status.code(), Some(0));
    let shown = gluonic_in(folder.path(), &["show", "--json", "out.npz"]);
    let value: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let names: Vec<_> = value["tensors"].as_array().unwrap().iter().map(|t| &t["name"]).collect();
    assert_eq!(names, ["layers.0.w", "0.bias", "layers.1.w", "1.bias"]);
    assert_eq!(value["tensors"][0]["dtype"], "float16");
    let wrong = ["convert", "net.params", "out.npz", "--cast", "float33"];
    assert_snapshot!(page(&gluonic_in(folder.path(), &wrong)), @r"
    status Some(2)
    --- stdout
    --- stderr
    error: no element type is called `float33`
    hint: did you mean `float32` or `float16` or `float64`?
    ");
    let wrong = ["convert", "net.params", "out.h5"];
    assert_snapshot!(page(&gluonic_in(folder.path(), &wrong)), @r"
    status Some(2)
    --- stdout
    --- stderr
    error: cannot tell the format of `out.h5` from its suffix
    hint: use `.safetensors`, `.params` or `.npz`
    ");
    let wrong = ["convert", "net.params", "out.npz", "--shard", "many"];
    assert_snapshot!(page(&gluonic_in(folder.path(), &wrong)), @r"
    status Some(2)
    --- stdout
    --- stderr
    error: invalid value 'many' for '--shard <SIZE>': expected a number of bytes, such as 800, 500M or 5G
    hint: `--help` tells what can be said here
    ");
}

#[test]
fn a_conversion_says_what_can_be_said_to_it() {
    assert_snapshot!(page(&gluonic(&["convert", "--help"])), @r"
    status Some(0)
    --- stdout
    Write a parameter file in another format, element type or number of files

    Usage: gluonic convert [OPTIONS] <FROM> <TO>

    Arguments:
      <FROM>  The file to read, of any format that can be read
      <TO>    The file to write: `.safetensors`, `.params` or `.npz`

    Options:
          --rename <RULES>  Rename, split, join, permute or drop tensors by the rules of this TOML file
          --cast <DTYPE>    Convert floating-point tensors to this element type, such as float16
          --shard <SIZE>    Write several files of at most so many bytes each, and their index: 500M, 5G
          --memory <SIZE>   Hold at most so many bytes of tensors in memory at once: 64M, 2G, in powers of 1024
          --digests         Record the digests of all tensors: in the metadata, or beside the file if it has none
          --json            Print JSON
      -h, --help            Print help
    --- stderr
    ");
    let folder = files();
    for memory in ["1", "64K", "2M", "1G", "16MiB"] {
        let args = ["convert", "net.params", "out.npz", "--memory", memory];
        assert_eq!(gluonic_in(folder.path(), &args).status.code(), Some(0), "{memory}");
    }
    for memory in ["0", "many", "64T", "", "1.5G", "99999999999G"] {
        let args = ["convert", "net.params", "out.npz", "--memory", memory];
        let output = gluonic_in(folder.path(), &args);
        assert_eq!(output.status.code(), Some(2), "{memory}");
    }
    let wrong = ["convert", "net.params", "out.npz", "--memory", "64T"];
    assert_snapshot!(page(&gluonic_in(folder.path(), &wrong)), @r"
    status Some(2)
    --- stdout
    --- stderr
    error: invalid value '64T' for '--memory <SIZE>': expected a number of bytes of 1 or more, alone or with K, M or G, such as 64M
    hint: `--help` tells what can be said here
    ");
}

/// The most memory that a process had, in bytes, looked at until it ends.
#[cfg(target_os = "linux")]
fn peak_of(mut child: std::process::Child, status: i32) -> u64 {
    let place = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&place).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kib) = line.and_then(|line| line.trim().strip_suffix(" kB")) {
            peak = peak.max(kib.trim().parse::<u64>().unwrap() << 10);
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(status), "{}", page(&output));
    peak
}

/// A file of 256 MiB, of which one tensor has 192, is turned, cast and copied within 16 MiB.
#[test]
#[cfg(target_os = "linux")]
fn a_conversion_keeps_to_its_memory_whatever_the_size_of_a_tensor() {
    use std::io::Write;
    const MEMORY: u64 = 16 << 20;
    /// The program itself, its threads, and what it buffers on the way to the disk.
    const BESIDE: u64 = 16 << 20;
    let folder = tempfile::tempdir().unwrap();
    let header = r#"{"turned":{"dtype":"F32","shape":[6144,8192],"data_offsets":[0,201326592]},
        "cast":{"dtype":"F32","shape":[4096,2048],"data_offsets":[201326592,234881024]},
        "copied":{"dtype":"I64","shape":[4194304],"data_offsets":[234881024,268435456]}}"#;
    let mut file = std::fs::File::create(folder.path().join("a.safetensors")).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    let mut piece: Vec<u8> = vec![0; 1 << 20];
    for i in 0..256_usize {
        piece.iter_mut().enumerate().for_each(|(j, byte)| *byte = ((i + j) * 31 % 117) as u8);
        file.write_all(&piece).unwrap();
    }
    drop(file);
    let rules = "[[rule]]\nfrom = \"turned\"\nto = \"turned\"\ntranspose = true\n";
    std::fs::write(folder.path().join("rules.toml"), rules).unwrap();
    let run = |args: &[&str], status| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gluonic"));
        command.current_dir(folder.path()).args(args);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        peak_of(command.spawn().unwrap(), status)
    };
    let base = run(&["show", "a.safetensors"], 0);
    let convert = |to, memory| {
        let mut args = vec!["convert", "a.safetensors", to, "--rename", "rules.toml"];
        args.extend(["--cast", "float16", "--memory", memory]);
        run(&args, 0)
    };
    let peak = convert("b.safetensors", "16M");
    let mib = |bytes: u64| bytes >> 20;
    eprintln!(
        "peak {} MiB of {} + {} MiB; `show` alone {} MiB",
        mib(peak),
        mib(MEMORY),
        mib(BESIDE),
        mib(base)
    );
    assert!(peak > 0 && peak <= MEMORY + BESIDE, "{} MiB", mib(peak));
    // Some values are too large for float16.
    let checked = run(&["check", "b.safetensors"], 1);
    assert!(checked <= MEMORY + BESIDE, "{} MiB", mib(checked));
    convert("c.safetensors", "1G");
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(read("b.safetensors") == read("c.safetensors"));
}

#[test]
#[cfg(not(target_os = "linux"))]
fn a_conversion_keeps_to_its_memory_whatever_the_size_of_a_tensor() {
    eprintln!("skipped: the most memory of a process is only looked at on Linux");
}
