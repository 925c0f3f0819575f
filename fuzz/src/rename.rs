//! Any text is rename rules or is refused; what is some prints, parses back to the same, and can be
//! planned on any layout; what has an inverse on a layout is undone by it, byte for byte.

use std::hash::{DefaultHasher, Hash, Hasher};

use gluonic::checkpoint::RenameRules;
use gluonic::checkpoint::rename::TensorInfo;
use gluonic_formats::{DType, RawTensor, byte_len};

use crate::Rng;

const DTYPES: [DType; 5] = [DType::F32, DType::BF16, DType::U8, DType::C128, DType::F4];

const SHAPES: [&[usize]; 8] = [&[], &[0], &[4], &[6], &[6, 2], &[2, 6], &[3, 0, 2], &[2, 1, 3, 4]];

pub(crate) fn check(text: &str) {
    let rules = match text.parse::<RenameRules>() {
        Ok(rules) => rules,
        Err(error) => {
            let _ = error.hint();
            return assert!(!error.to_string().is_empty());
        }
    };
    let printed = rules.to_string();
    // What is printed may be longer than what is read.
    if printed.len() > RenameRules::MAX_LEN {
        return;
    }
    let again = printed.parse::<RenameRules>().expect("what rules print parses");
    assert_eq!(again, rules, "printed and parsed again");
    let tensors = layout(text);
    let infos: Vec<TensorInfo> = tensors.iter().map(Into::into).collect();
    let plan = match rules.plan(&infos) {
        Ok(plan) => plan,
        Err(error) => {
            let _ = error.hint();
            return assert!(!error.to_string().is_empty());
        }
    };
    assert!(!plan.to_string().is_empty());
    let made = plan.apply(&tensors).collect::<gluonic::Result<Vec<_>>>();
    let planned = plan.targets().iter().map(|target| target.info().clone());
    match made {
        Ok(made) => {
            let found: Vec<TensorInfo> = made.iter().map(Into::into).collect();
            assert!(planned.eq(found), "what was made is what was planned");
            if let Ok(inverse) = rules.inverse_on(&infos) {
                check_back(&inverse, &tensors, &made);
            }
        }
        // Only values that are to be the same can be in the way.
        Err(error) => assert!(text.contains("tie"), "it was planned: {error}"),
    }
}

fn check_back(inverse: &RenameRules, tensors: &[RawTensor<'_>], made: &[RawTensor<'_>]) {
    let infos: Vec<TensorInfo> = made.iter().map(Into::into).collect();
    let plan = inverse.plan(&infos).expect("the inverse was proven");
    let back = plan.apply(made).collect::<gluonic::Result<Vec<_>>>().expect("the same");
    for tensor in tensors {
        let found = back.iter().find(|one| one.name() == tensor.name());
        assert_eq!(found, Some(tensor), "there and back");
    }
}

/// Tensors of which the rules match some: keys like the texts in quotation marks, and others.
fn layout(text: &str) -> Vec<RawTensor<'static>> {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let mut rng = Rng::new(hasher.finish(), 0);
    let mut keys: Vec<String> =
        ["h.0.attn.weight", "h.1.attn.weight", "a.weight", "b", ""].map(str::to_owned).to_vec();
    for pattern in text.split(['"', '\'']).skip(1).step_by(2).take(12) {
        keys.push(key_of(pattern, &mut rng));
        keys.push(key_of(pattern, &mut rng));
    }
    keys.sort();
    keys.dedup();
    let (dtype, shape) = (*rng.pick(&DTYPES), *rng.pick(&SHAPES));
    let tensors = keys.into_iter().filter_map(|key| {
        // Mostly alike, as what is to be joined must be.
        let dtype = if rng.one_in(8) { *rng.pick(&DTYPES) } else { dtype };
        let shape = if rng.one_in(4) { *rng.pick(&SHAPES) } else { shape };
        let len = byte_len(dtype, shape)?;
        let data: Vec<u8> = (0..len).map(|_| rng.next() as u8).collect();
        RawTensor::new(key, dtype, shape.to_vec(), data).ok()
    });
    tensors.collect()
}

/// The pattern with something in the place of its captures.
fn key_of(pattern: &str, rng: &mut Rng) -> String {
    let mut key = String::new();
    for (i, part) in pattern.split('{').enumerate() {
        match part.split_once('}').filter(|_| i > 0) {
            Some((capture, rest)) => {
                let many: &[&str] =
                    if capture.ends_with("**") { &["a.b", ""] } else { &["0", "q"] };
                key += *rng.pick(many);
                key += rest;
            }
            None => key += part,
        }
    }
    key
}
