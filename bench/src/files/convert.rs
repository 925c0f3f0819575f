//! `files --convert [--mib 512] [--gluonic PROGRAM]`: how much memory `gluonic convert --memory`
//! takes, in a process of its own, for a file with one tensor that is larger than the budget.
//!
//! `gluonic` is the program of `cargo build --release` in the workspace above, or the one given.
//! What is shown are the peaks of `/proc/PID/status`, looked at every millisecond: `VmHWM`, all that
//! was resident at one time, parts of mapped files included, and `RssAnon`, the process's own. Each
//! output is then read by `gluonic check`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use gluonic::checkpoint::SaveLoad;

use super::{Options, Values, beside_program, ours};

const BUDGET: &str = "64M";

/// What each output is called, and what is asked for besides its memory.
const OUTPUTS: [(&str, &[&str]); 5] = [
    ("copy.safetensors", &[]),
    ("half.safetensors", &["--cast", "float16"]),
    ("half.params", &["--cast", "float16"]),
    ("half.npz", &["--cast", "float16"]),
    ("sharded.safetensors", &["--cast", "bfloat16", "--shard", "100M"]),
];

/// What a process took.
#[derive(Debug, Default)]
struct Peak {
    resident_kib: u64,
    own_kib: u64,
    time: Duration,
    success: bool,
}

pub fn run(options: &Options) -> Result<(), String> {
    let Some(program) = options.gluonic.clone().or_else(built).filter(|path| path.is_file()) else {
        println!("not run: there is no `gluonic`; `cargo build --release` makes it");
        return Ok(());
    };
    let help = Command::new(&program).args(["convert", "--help"]).output();
    let help = help.map_err(|err| format!("`{}`: {err}", program.display()))?;
    if !String::from_utf8_lossy(&help.stdout).contains("--memory") {
        println!("not run: `gluonic convert` knows no `--memory`");
        return Ok(());
    }
    let folder = options.folders.first().cloned().or_else(beside_program);
    let folder = folder.ok_or("there is no folder to write to")?;
    let folder = folder.join(format!("gluonic-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|err| format!("`{}`: {err}", folder.display()))?;
    let done = measure(&program, &folder, options.mib.unwrap_or(512));
    let removed = fs::remove_dir_all(&folder).map_err(|err| err.to_string());
    done.and(removed)
}

fn measure(program: &Path, folder: &Path, mib: usize) -> Result<(), String> {
    // Half of it is one tensor, a quarter another, and the rest a hundred.
    let elements = (mib << 20) / 4;
    let parts = [(1, elements / 2), (1, elements / 4), (100, elements / 400)];
    for (from, ending) in [("from.safetensors", "safetensors"), ("from.params", "params")] {
        let from = folder.join(from);
        write(&from, &parts)?;
        for (to, more) in OUTPUTS {
            let to = folder.join(to);
            let mut command = Command::new(program);
            command.arg("convert").args([&from, &to]).args(["--memory", BUDGET]).args(more);
            let peak = peak(&mut command)?;
            let name = to.file_name().unwrap_or_default().to_string_lossy();
            let to = if more.contains(&"--shard") { index_of(&to) } else { to.clone() };
            let check = Command::new(program).arg("check").arg(&to).output();
            let whole = check.is_ok_and(|output| output.status.success());
            println!(
                "{{\"case\":\"convert_{mib}MiB_{ending}_{name}\",\"budget\":\"{BUDGET}\",\
                 \"resident_mib\":{},\"own_mib\":{},\"ms\":{:.0},\"success\":{},\"checked\":{whole}}}",
                peak.resident_kib / 1024,
                peak.own_kib / 1024,
                peak.time.as_secs_f64() * 1e3,
                peak.success,
            );
        }
    }
    Ok(())
}

fn index_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".index.json");
    name.into()
}

/// Where cargo puts the program of the workspace that this one measures.
fn built() -> Option<PathBuf> {
    let target = match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("target"),
    };
    Some(target.join("release").join(format!("gluonic{}", env::consts::EXE_SUFFIX)))
}

fn write(file: &Path, parts: &[(usize, usize)]) -> Result<(), String> {
    let net = gluonic::prelude::Sequential::new();
    for (tensors, elements) in parts {
        let part = ours::net(Values { tensors: *tensors, elements: *elements });
        net.add(part.map_err(|err| err.to_string())?);
    }
    net.save_parameters(file).map_err(|err| err.to_string())
}

/// Runs a command to its end and watches its memory.
fn peak(command: &mut Command) -> Result<Peak, String> {
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let mut child = child.map_err(|err| format!("cannot start `gluonic`: {err}"))?;
    let mut peak = Peak::default();
    loop {
        look(&child, &mut peak);
        if let Some(status) = child.try_wait().map_err(|err| err.to_string())? {
            (peak.time, peak.success) = (start.elapsed(), status.success());
            return Ok(peak);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Nothing where there is no `/proc`.
fn look(child: &Child, peak: &mut Peak) {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let kib = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    peak.resident_kib = peak.resident_kib.max(kib("VmHWM:").unwrap_or(0));
    peak.own_kib = peak.own_kib.max(kib("RssAnon:").unwrap_or(0));
}
