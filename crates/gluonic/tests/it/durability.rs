//! Saving to a file so that nothing that happens meanwhile can hurt: crashes, full disks, other
//! writers, odd targets.
#![allow(clippy::disallowed_methods, reason = "tests look at files from outside")]

use std::io::{Error as IoError, Write};
use std::path::Path;

use gluonic::prelude::*;
use gluonic::storage::simulated::{Outcome, Scenario, Simulated, every_crash, scenarios};
use gluonic::storage::{self, Vfs, write_atomically};

use crate::support::{error, read, variant, write};

/// The states looked at for each moment of a run with a fault; `cargo xtask crash` looks at all.
const LIMIT: u64 = 64;

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn save(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, |out| out.write_all(bytes))
}

#[test]
fn every_state_after_a_crash_at_any_moment_is_the_old_or_the_new_one() {
    for scenario in scenarios() {
        let tally = every_crash(&scenario, LIMIT);
        eprintln!("{}: {} runs, {} states", scenario.name, tally.runs, tally.states);
        assert_eq!(tally.violations, [""; 0], "{}", scenario.name);
        assert!(tally.states > 500, "{tally:?}");
    }
}

/// A way to write that is wrong is found out, and for the right reason.
#[track_caller]
fn check_is_found(act: fn(&dyn Vfs) -> std::io::Result<()>, expected: &str) {
    let path = Path::new("/net");
    let before = Simulated::new();
    before.create(path, false).unwrap().write_all(&[b'o'; 600]).unwrap();
    let scenario = Scenario {
        name: "wrong",
        before,
        may_leave: false,
        act: Box::new(move |vfs| {
            act(vfs).map_err(|source| Error::Io { action: "write", path: "net".into(), source })
        }),
        check: Box::new(move |disk, outcome| {
            let found = disk.read(path).ok();
            let (is_old, is_new) =
                (found == Some(vec![b'o'; 600]), found == Some(vec![b'n'; 1300]));
            let fine = match outcome {
                Outcome::Done => is_new,
                Outcome::Failed => is_old,
                Outcome::Unknown => is_old || is_new,
            };
            let found = found.map_or("none".to_owned(), |bytes| format!("{} bytes", bytes.len()));
            if fine { Ok(()) } else { Err(format!("found {found} when {outcome:?}")) }
        }),
    };
    let violations = every_crash(&scenario, LIMIT).violations;
    assert!(violations.iter().any(|found| found.contains(expected)), "{violations:#?}");
}

const TEMPORARY: &str = "/.net.1-1.gluonic-tmp";

fn write_new(vfs: &dyn Vfs, path: &str, sync: bool) -> std::io::Result<()> {
    let _ = vfs.remove_abandoned(Path::new(path));
    let mut file = vfs.create(Path::new(path), false)?;
    file.write_all(&[b'n'; 1300])?;
    if sync { file.sync() } else { Ok(()) }
}

#[test]
fn the_simulated_disk_finds_out_every_step_that_is_left_out() {
    check_is_found(
        |vfs| {
            vfs.remove_file(Path::new("/net"))?;
            write_new(vfs, "/net", true)?;
            vfs.sync_folder(Path::new("/"))
        },
        "found none when Unknown",
    );
    check_is_found(
        |vfs| {
            write_new(vfs, TEMPORARY, false)?;
            vfs.rename(Path::new(TEMPORARY), Path::new("/net"))?;
            vfs.sync_folder(Path::new("/"))
        },
        "no fault, after a crash: found 0 bytes when Unknown",
    );
    check_is_found(
        |vfs| {
            write_new(vfs, TEMPORARY, true)?;
            vfs.rename(Path::new(TEMPORARY), Path::new("/net"))
        },
        "no fault, after a crash: found 600 bytes when Done",
    );
    check_is_found(
        |vfs| {
            write_new(vfs, TEMPORARY, true)?;
            vfs.rename(Path::new(TEMPORARY), Path::new("/net"))?;
            vfs.sync_folder(Path::new("/"))
        },
        "`/.net.1-1.gluonic-tmp` is left",
    );
}

#[test]
fn a_save_that_fails_or_panics_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net");
    save(&path, b"old").unwrap();
    let result = write_atomically(&path, |out| {
        out.write_all(&vec![0; 1 << 20])?;
        Err(IoError::other("the net is gone"))
    });
    assert_eq!(variant(&error(result)), "Io");
    let panicked = std::panic::catch_unwind(|| {
        write_atomically(&path, |out| {
            out.write_all(&vec![0; 1 << 20])?;
            panic!("on purpose")
        })
    });
    assert!(panicked.is_err());
    assert_eq!(read(&path), b"old");
    assert_eq!(names(folder.path()), ["net"]);
}

#[test]
fn leftovers_go_with_the_next_save_and_files_in_use_stay() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(at(".net.1-0.gluonic-tmp"), "of a process that is no more");
    write(at(".other.1-0.gluonic-tmp"), "of another file");
    write(at(".net.gluonic-tmp"), "not ours");
    std::fs::create_dir(at(".step.1-0.gluonic-tmp")).unwrap();
    let inner = |out: &mut dyn Write| {
        out.write_all(b"outer")?;
        // Another save while this one is under way.
        save(&at("net"), b"inner").map_err(IoError::other)
    };
    write_atomically(&at("net"), inner).unwrap();
    assert_eq!(read(at("net")), b"outer");
    assert_eq!(names(folder.path()), [".net.gluonic-tmp", ".step.1-0.gluonic-tmp", "net"]);
}

#[test]
fn of_many_writers_at_once_the_last_one_wins_and_every_file_is_whole() {
    const WRITERS: u8 = 4;
    const ROUNDS: usize = 50;
    let folder = tempfile::tempdir().unwrap();
    let path = &folder.path().join("net");
    save(path, &[0; 5000]).unwrap();
    std::thread::scope(|scope| {
        for writer in 1..=WRITERS {
            scope.spawn(move || {
                (0..ROUNDS).for_each(|_| save(path, &[writer; 5000]).unwrap());
            });
        }
        scope.spawn(move || {
            for _ in 0..4 * ROUNDS {
                let bytes = storage::read(path).unwrap();
                assert!(bytes.len() == 5000 && bytes.iter().all(|byte| *byte == bytes[0]));
            }
        });
    });
    assert_ne!(read(path)[0], 0);
    assert_eq!(names(folder.path()), ["net"]);
}

#[test]
fn a_target_with_the_longest_possible_name_can_be_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n".repeat(255));
    save(&path, b"old").unwrap();
    save(&path, b"new").unwrap();
    assert_eq!(read(&path), b"new");
    assert_eq!(names(folder.path()).len(), 1);
}

#[test]
fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let result = error(save(&runs.join("net"), b"new"));
    let cause = std::error::Error::source(&result).unwrap().to_string();
    assert!(
        cause.starts_with(&format!("no file can be made in `{}`: ", runs.display())),
        "{cause}"
    );
    assert_eq!(variant(&error(save(folder.path(), b"new"))), "Io");
    assert_eq!(variant(&error(save(Path::new("/"), b"new"))), "Io");
}

#[test]
fn what_is_read_is_the_file_in_every_size_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net");
    for len in [0, 1, 4096, (16 << 20) - 1, 16 << 20, (32 << 20) + 5] {
        let bytes: Vec<u8> = (0..len).map(|i| ((i * 31) >> 3) as u8).collect();
        write(&path, &bytes);
        assert!(storage::read(&path).unwrap() == bytes, "{len}");
        assert!(*storage::Map::open(&path).unwrap() == *bytes, "{len}");
    }
    for odd in [folder.path(), &folder.path().join("missing")] {
        assert_eq!(variant(&error(storage::read(odd))), "Io");
        assert_eq!(variant(&error(storage::Map::open(odd))), "Io");
    }
}

#[test]
fn a_file_can_be_saved_over_while_it_is_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net");
    save(&path, &vec![1; 100_000]).unwrap();
    let map = storage::Map::open(&path).unwrap();
    save(&path, &[2; 10]).unwrap();
    assert!(map.iter().all(|byte| *byte == 1) && map.len() == 100_000);
    assert_eq!(read(&path), [2; 10]);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::time::{Duration, Instant};

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn permissions_are_kept_and_new_files_follow_the_umask() {
        let folder = tempfile::tempdir().unwrap();
        let (net, fresh, plain) =
            (folder.path().join("net"), folder.path().join("fresh"), folder.path().join("plain"));
        save(&net, b"old").unwrap();
        for wanted in [0o600, 0o640, 0o664] {
            set_mode(&net, wanted);
            let meanwhile = |out: &mut dyn Write| {
                out.write_all(b"new")?;
                let mut names = names(folder.path());
                let temporary = names.remove(0);
                // A secret must not be readable for a moment either.
                assert_eq!(mode(&folder.path().join(temporary)), 0o600);
                Ok(())
            };
            write_atomically(&net, meanwhile).unwrap();
            assert_eq!(mode(&net), wanted);
        }
        write(&plain, "x");
        save(&fresh, b"x").unwrap();
        assert_eq!(mode(&fresh), mode(&plain));
    }

    #[test]
    fn a_chain_of_links_stays_and_its_end_is_written_even_if_it_was_missing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("deep")).unwrap();
        symlink("deep/second", at("first")).unwrap();
        symlink("../real", at("deep/second")).unwrap();
        for content in [b"one", b"two"] {
            save(&at("first"), content).unwrap();
            assert_eq!(read(at("real")), content);
        }
        assert!(std::fs::symlink_metadata(at("first")).unwrap().is_symlink());
        assert!(std::fs::symlink_metadata(at("deep/second")).unwrap().is_symlink());
        assert_eq!(names(&at("deep")), ["second"]);
        symlink("round", at("round")).unwrap();
        let round = error(save(&at("round"), b"x"));
        let cause = std::error::Error::source(&round).unwrap().to_string();
        assert_eq!(cause, "too many symbolic links");
    }

    #[test]
    fn hard_links_read_only_files_and_what_is_no_file_are_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        save(&at("net"), b"old").unwrap();
        std::fs::hard_link(at("net"), at("twin")).unwrap();
        save(&at("closed"), b"old").unwrap();
        set_mode(&at("closed"), 0o444);
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), 0o644.into()).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let before = names(folder.path());
        let refused = |name: &str| {
            let result = write_atomically(&at(name), |_| panic!("nothing is to be written"));
            assert_eq!(names(folder.path()), before);
            error(result)
        };
        assert_eq!(variant(&refused("net")), "HardLinks");
        assert_eq!(variant(&refused("closed")), "ReadOnly");
        let cause = |error: &Error| std::error::Error::source(error).unwrap().to_string();
        assert_eq!(cause(&refused("pipe")), "it is a pipe");
        assert_eq!(cause(&refused("socket")), "it is a socket");
        assert_eq!(cause(&refused("/dev/null")), "it is a device");
        assert_eq!(read(at("twin")), b"old");
    }

    #[test]
    fn reading_a_pipe_or_a_device_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o644.into()).unwrap();
        let start = Instant::now();
        for odd in [&pipe, Path::new("/dev/zero")] {
            assert_eq!(variant(&error(storage::read(odd))), "Io");
            assert_eq!(variant(&error(storage::Map::open(odd))), "Io");
        }
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_save_makes_a_new_file_and_keeps_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net");
        save(&path, b"old").unwrap();
        // Only the superuser may give files away.
        let _ = std::os::unix::fs::chown(&path, Some(1234), Some(4321));
        let before = std::fs::metadata(&path).unwrap();
        save(&path, b"new").unwrap();
        let after = std::fs::metadata(&path).unwrap();
        assert_eq!((before.uid(), before.gid()), (after.uid(), after.gid()));
        assert_ne!(before.ino(), after.ino());
    }
}
