//! The nearest known names to one that was not found: the only place that guesses.

/// Up to three names that resemble `wanted`, best first (Jaro similarity of 0.7 or more).
///
/// # Source
/// Jaro (1989), by the crate `strsim`; threshold as burn-store's load report.
pub(crate) fn nearest<'a>(
    wanted: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Box<[Box<str>]> {
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (strsim::jaro(wanted, name), name))
        .filter(|(score, _)| *score >= 0.7)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.truncate(3);
    scored.into_iter().map(|(_, name)| name.into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_letter_finds_its_name_and_nonsense_finds_none() {
        let known = ["dense0_weight", "dense0_bias", "dense1_weight"];
        assert_eq!(&*nearest("dense0_wieght", known)[0], "dense0_weight");
        assert!(nearest("zzz", known).is_empty());
    }
}
