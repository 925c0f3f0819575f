//! Makes an input smaller and plainer as long as it fails in the same way, and saves it.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use gluonic_fuzz::Target;

use crate::worker::cause;

/// How long to try for.
const TIME: Duration = Duration::from_secs(20);

/// Saves the smallest input found that fails as `bytes` do, under its hash.
pub(crate) fn save(
    target: &Target,
    bytes: &[u8],
    finding: &str,
    folder: &Path,
) -> Result<PathBuf, String> {
    let trial = folder.join("trial");
    let mut fails = |bytes: &[u8]| fails_alike(target, bytes, finding, &trial);
    // Slow and hanging inputs would take too long to try again and again.
    let slow = ["slow", "it hangs"].iter().any(|word| finding.starts_with(word));
    let smallest =
        if slow || !fails(bytes) { bytes.to_vec() } else { shrink(bytes.to_vec(), &mut fails) };
    let _ = fs::remove_file(&trial);
    let mut hasher = DefaultHasher::new();
    smallest.hash(&mut hasher);
    let file = folder.join(format!("{:016x}", hasher.finish()));
    fs::write(&file, smallest)
        .map_err(|error| format!("cannot write `{}`: {error}", file.display()))?;
    Ok(file)
}

fn fails_alike(target: &Target, bytes: &[u8], finding: &str, trial: &Path) -> bool {
    let Ok(program) = std::env::current_exe() else { return false };
    if fs::write(trial, bytes).is_err() {
        return false;
    }
    let mut command = Command::new(program);
    command.args(["--target", target.name, "--file"]).arg(trial);
    let Ok(output) = command.stdin(Stdio::null()).output() else { return false };
    match output.status.code() {
        Some(0 | 2) => false,
        Some(1) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let said = text.trim().split_once(": ").map_or("", |(_, said)| said);
            cause(said) == cause(finding)
        }
        _ => finding.starts_with("the process died"),
    }
}

/// Cuts the end, then parts, then writes zeros.
fn shrink(mut bytes: Vec<u8>, fails: &mut dyn FnMut(&[u8]) -> bool) -> Vec<u8> {
    let start = Instant::now();
    let mut part = bytes.len().next_power_of_two() / 2;
    while part > 0 {
        let mut place = bytes.len().saturating_sub(part);
        loop {
            if start.elapsed() > TIME {
                return bytes;
            }
            let end = bytes.len().min(place + part);
            let mut shorter = bytes.clone();
            shorter.drain(place..end);
            let mut zeroed = bytes.clone();
            zeroed[place..end].fill(0);
            if fails(&shorter) {
                bytes = shorter;
            } else if zeroed != bytes && fails(&zeroed) {
                bytes = zeroed;
            }
            if place == 0 {
                break;
            }
            place = place.saturating_sub(part).min(bytes.len());
        }
        part /= 2;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_goes_or_becomes_zero() {
        let bytes: Vec<u8> = (1..=100).collect();
        let smallest = shrink(bytes, &mut |bytes| {
            let seven = bytes.iter().position(|byte| *byte == 7);
            seven.is_some_and(|at| at >= 3) && bytes.contains(&50)
        });
        assert_eq!(smallest, [0, 0, 0, 7, 50]);
    }
}
