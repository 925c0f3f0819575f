//! Step 11: training a net with a shared layer.

use std::io::{self, IsTerminal};

use gluonic::prelude::{BlockExt, Reinit, Sequential, Sgd, Trainer, init, random};
use indicatif::{ProgressBar, ProgressStyle};

use super::check::{Tour, run, show};
use super::digit_net::{digit_net, epoch};
use super::digits::{Digits, guesses};
use super::numbers::{norm, same_bits};
use super::source;
use crate::error::Result;

const EPOCHS: usize = 30;
/// Epochs between two looks at the parameters.
const LOOK: usize = 5;
/// What a plain net of this size reaches on these digits with room to spare.
const LEAST_ACCURACY: f64 = 0.95;

/// A trained net and how it did.
pub(super) struct Trained {
    pub(super) net: Sequential,
    pub(super) held_out: Digits,
    pub(super) correct: usize,
}

impl Trained {
    pub(super) fn accuracy(&self) -> f64 {
        self.correct as f64 / self.held_out.len() as f64
    }
}

pub(super) fn train(tour: &mut Tour, digits: &Digits, seed: u64) -> Result<Trained> {
    tour.step(
        "Training",
        "A net whose second and third layer are one learns to read the digits. On the way we look \
         at the norms of each layer's weight and of its gradient.",
    );
    tour.listing(&source(include_str!("digit_net.rs")));
    let (train, held_out) = digits.split(seed)?;
    let (n, m) = (train.len(), held_out.len());
    tour.text(&format!("{n} digits to learn from, {m} held out, chosen by seed {seed}."));
    run!(tour, random::seed(seed));
    run!(tour, let net = digit_net()?);
    run!(tour, net.initialize_with(&init::Xavier::default(), Reinit::Keep)?);
    run!(tour, net.call(&train.images)?);
    show!(tour, net);
    run!(tour, let params = net.collect_params()?);
    run!(tour, let mut trainer = Trainer::new(&params, Sgd::new(0.05)?.momentum(0.9)?)?);

    tour.value(&"epoch    loss  held-out   dense0_weight   dense1_weight   dense3_weight");
    tour.value(&"                           data    grad    data    grad    data    grad");
    let (mut losses, mut finite) = (Vec::new(), true);
    let bar = progress_bar();
    for number in 1..=EPOCHS {
        let loss = epoch(&net, &mut trainer, &train.images, &train.labels)?;
        losses.push(loss);
        bar.set_message(format!("loss {loss:.4}"));
        bar.inc(1);
        if number > 1 && number % LOOK != 0 {
            continue;
        }
        let accuracy = n_correct(&net, &held_out)? as f64 / m as f64;
        let mut row = vec![format!("{number:5}  {loss:6.4}    {accuracy:.4}")];
        for layer in [0, 1, 3] {
            let weight = net[layer].weight()?;
            let (data, grad) = (norm(&weight.data()?)?, norm(&weight.grad()?)?);
            finite &= data.is_finite() && grad.is_finite();
            row.push(format!("{data:6.3}  {grad:6.3}"));
        }
        bar.suspend(|| tour.value(&row.join("  ")));
    }
    bar.finish_and_clear();

    let correct = n_correct(&net, &held_out)?;
    let trained = Trained { net, held_out, correct };
    tour.equal("parameters of 4 layers of which 2 are tied", 6, params.len());
    tour.holds("every norm was a number", finite);
    let (first, last) = (losses.first().copied(), losses.last().copied());
    let (first, last) = (first.unwrap_or(f64::NAN), last.unwrap_or(f64::NAN));
    tour.at_most("last loss, against a tenth of the first", 0.1 * first, last);
    let (one, two) = (trained.net[1].weight()?, trained.net[2].weight()?);
    tour.holds("training did not untie the layers", one.ptr_eq(&two));
    tour.holds("their values are one", same_bits(&one.data()?, &two.data()?)?);
    tour.at_least("accuracy on the held-out digits", LEAST_ACCURACY, trained.accuracy());
    tour.text(&format!("{correct} of {m} held-out digits read rightly."));
    mistakes(tour, &trained)?;
    Ok(trained)
}

fn n_correct(net: &Sequential, digits: &Digits) -> Result<usize> {
    let (guesses, labels) = (guesses(&net.call(&digits.images)?)?, digits.labels.to_vec::<i64>()?);
    Ok(guesses.iter().zip(&labels).filter(|(guess, label)| guess == label).count())
}

/// Shows up to four digits that the net misread.
fn mistakes(tour: &mut Tour, trained: &Trained) -> Result<()> {
    let Trained { net, held_out, .. } = trained;
    let guesses = guesses(&net.call(&held_out.images)?)?;
    let labels = held_out.labels.to_vec::<i64>()?;
    let mut wrong: Vec<usize> = (0..labels.len()).filter(|i| guesses[*i] != labels[*i]).collect();
    wrong.truncate(4);
    if wrong.is_empty() {
        return Ok(());
    }
    tour.text("Among those that were misread:");
    let titles =
        wrong.iter().map(|i| format!("{:<18}", format!("{}, read as {}", labels[*i], guesses[*i])));
    tour.value(&titles.collect::<String>());
    tour.value(&held_out.draw(&wrong)?);
    Ok(())
}

/// A bar on stderr if a person will see it, else nothing.
fn progress_bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(EPOCHS as u64);
    match ProgressStyle::with_template("    {bar:40} epoch {pos} of {len}, {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
