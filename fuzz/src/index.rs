//! What the reader of shard indexes promises, whatever the bytes.

use gluonic_formats::{ShardIndex, detect, sharded::check_contained};

use crate::memory::peak_of;
use crate::readers::{limits_for, show};

pub(crate) fn check(bytes: &[u8]) {
    let _ = detect(bytes);
    let limits = limits_for(bytes);
    let allowed = limits.memory_floor + limits.memory_ratio * bytes.len();
    let (index, peak) = peak_of(|| ShardIndex::read(bytes, &limits));
    assert!(peak <= allowed, "{peak} bytes allocated, {allowed} are allowed");
    let index = match index {
        Ok(index) => index,
        Err(error) => return show(&error),
    };
    for file in index.files() {
        check_contained(file).expect("the files of an index stand beside it");
        let harmless = !file.contains(['/', '\\', ':', '\0']) && file != "..";
        assert!(harmless, "`{file}` leads out of the folder");
    }
    if let Err(error) = index.check(&[]) {
        // It may name ten files of any length, but not all of them.
        assert!(!error.to_string().is_empty() && index.files().count() > 0);
    }
    let text = index.to_json().expect("what was read can be written");
    let again = ShardIndex::read(text.as_bytes(), &limits_for(&[])).expect("what was written");
    assert_eq!(again.weight_map, index.weight_map, "written and read again");
    assert_eq!(again.total_size(), index.total_size(), "written and read again");
    for (key, text) in index.metadata.iter().filter(|(key, _)| *key != "total_size") {
        assert_eq!(again.metadata.get(key), Some(text), "written and read again");
    }
    assert_eq!(again.to_json().expect("as above"), text, "written twice");
}
