//! The data of the tour: 1,797 handwritten digits of 8 × 8 pixels, as [`data::digits`] gives them.

use gluonic::prelude::*;
use gluonic::random::{Address, with_address};

use crate::error::Result;

const PIXELS: usize = 64;
const CLASSES: usize = 10;

/// What the license asks to be named.
pub(super) const CITATION: &str = "E. Alpaydin and C. Kaynak (1998), Optical Recognition of \
    Handwritten Digits, UCI Machine Learning Repository, CC BY 4.0; the test part, in the copy \
    of the Python package scikit-learn.";

/// Images and what they show.
#[derive(Clone, Debug)]
pub(super) struct Digits {
    /// One image a row, 64 values from 0 to 1.
    pub(super) images: NdArray,
    /// The digits.
    pub(super) labels: NdArray,
}

impl Digits {
    /// All of them.
    pub(super) fn load() -> Result<Digits> {
        let digits = data::digits()?;
        let [images, labels] = digits.arrays()?;
        Ok(Digits { images: images.reshape((digits.len(), PIXELS))?, labels: labels.clone() })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.labels.elem_count()
    }

    /// Those with the given numbers.
    pub(super) fn take(&self, rows: &[usize]) -> gluonic::Result<Digits> {
        Ok(Digits { images: self.images.take(rows)?, labels: self.labels.take(rows)? })
    }

    /// Four fifths to train with and one fifth held out, each digit divided in the same
    /// proportion. The seed chooses.
    pub(super) fn split(&self, seed: u64) -> Result<(Digits, Digits)> {
        let labels = self.labels.to_vec::<i64>()?;
        let order = with_address(&Address::new(seed, "digits"), || ops::permutation(self.len()));
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        for class in 0..CLASSES as i64 {
            let rows = order.iter().copied().filter(|row| labels[*row] == class);
            let mut rows: Vec<usize> = rows.collect();
            held_out.extend(rows.split_off(rows.len() - (rows.len() + 2) / 5));
            train.extend(rows);
        }
        Ok((self.take(&train)?, self.take(&held_out)?))
    }

    /// The images with the given numbers, side by side in shades.
    pub(super) fn draw(&self, rows: &[usize]) -> Result<String> {
        const SHADES: [&str; 5] = ["  ", "░░", "▒▒", "▓▓", "██"];
        let images = self.images.take(rows)?.to_vec::<f32>()?;
        let images: Vec<&[f32]> = images.chunks(PIXELS).collect();
        let shade = |pixel: &f32| SHADES[(pixel * 4.0).round() as usize];
        let line = |y: usize| {
            let part = |image: &&[f32]| image[y * 8..][..8].iter().map(shade).collect::<String>();
            images.iter().map(part).collect::<Vec<_>>().join("  ")
        };
        Ok((0..8).map(line).collect::<Vec<_>>().join("\n"))
    }
}

/// The digit that each row of a network's outputs speaks for: the place of its largest value.
pub(super) fn guesses(outputs: &NdArray) -> Result<Vec<i64>> {
    let outputs = outputs.to_vec::<f32>()?;
    let largest = |row: &[f32]| {
        let places = 1..row.len();
        places.fold(0, |best, i| if row[i] > row[best] { i } else { best }) as i64
    };
    Ok(outputs.chunks(CLASSES).map(largest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_of_each_digit_as_the_data_set_says() {
        let labels = Digits::load().unwrap().labels.to_vec::<i64>().unwrap();
        let counts = (0..10).map(|digit| labels.iter().filter(|label| **label == digit).count());
        let known = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];
        assert_eq!(counts.collect::<Vec<_>>(), known);
    }

    #[test]
    fn a_split_divides_each_digit_in_one_proportion_and_follows_the_seed() {
        let digits = Digits::load().unwrap();
        let (train, held_out) = digits.split(0).unwrap();
        assert_eq!((train.len(), held_out.len()), (1438, 359));
        let labels = held_out.labels.to_vec::<i64>().unwrap();
        for digit in 0..10 {
            let n = labels.iter().filter(|label| **label == digit).count();
            assert!((35..=37).contains(&n), "{n} of {digit}");
        }
        let pixels = |seed| digits.split(seed).unwrap().1.images.to_vec::<f32>().unwrap();
        assert_eq!(pixels(1), pixels(1));
        assert_ne!(pixels(1), pixels(2));
    }
}
