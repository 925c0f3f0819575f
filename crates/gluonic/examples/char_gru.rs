//! Trains a small character model on a nursery rhyme until it knows it by heart, on one thread and
//! on two, and checks that both give the same bytes.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use gluonic::nn::rnn::{Gru, RecurrentConfig};
use gluonic::prelude::*;

/// Sarah Josepha Hale, "Mary's Lamb" (1830).
const TEXT: &str = "Mary had a little lamb, its fleece was white as snow, \
    and every where that Mary went the lamb was sure to go; \
    he followed her to school one day, that was against the rule, \
    it made the children laugh and play, to see a lamb at school. \
    And so the teacher turned him out, but still he lingered near, \
    and waited patiently about, till Mary did appear; \
    and then he ran to her, and laid his head upon her arm, \
    as if he said, I'm not afraid, you'll keep me from all harm.";
const STEPS: usize = 24;
const HIDDEN: usize = 64;
const EPOCHS: usize = 120;
/// What is promised. A guess among all characters costs about 4.9 bits.
const BITS_PER_CHARACTER: f32 = 0.5;

/// The characters of the text in order, each once.
fn alphabet() -> Vec<char> {
    let mut chars: Vec<char> = TEXT.chars().collect();
    chars.sort_unstable();
    chars.dedup();
    chars
}

/// Trains from one seed. Gives the bits that a character costs, and the line that the model writes
/// by itself.
fn train() -> Result<(f32, String)> {
    random::seed(3);
    let alphabet = alphabet();
    let classes = alphabet.len();
    let place = |c: char| alphabet.binary_search(&c).unwrap_or_default() as i64;
    let ids: Vec<i64> = TEXT.chars().map(place).collect();

    // Side by side, the pieces of the text of STEPS characters; the target is the next character.
    let batch = (ids.len() - 1) / STEPS;
    let piece = |shift: usize| {
        let whole = NdArray::from_slice(&ids[shift..][..batch * STEPS], (batch, STEPS))?;
        whole.transpose()?.deep_clone()
    };
    let (x, target) = (piece(0)?.one_hot(classes, DType::F32)?, piece(1)?);

    let gru = Gru::with(&RecurrentConfig { hidden_size: HIDDEN, ..Default::default() })?;
    let output = Dense::new(classes).flatten(false);
    let net = sequential![gru.clone(), output.clone()];
    net.initialize_with(&init::Xavier::default(), Reinit::Keep)?;
    net.call(&x)?;
    let loss = SoftmaxCrossEntropyLoss::default();
    let sgd = Sgd::new(1.0)?.momentum(0.9)?.clip_gradient(0.02)?;
    let mut trainer = Trainer::new(&net.collect_params()?, sgd)?;
    let mut bits = f32::INFINITY;
    for epoch in 0..EPOCHS {
        let mean = autograd::record(|| loss.call(&net.call(&x)?, &target, None)?.mean())?;
        mean.backward()?;
        trainer.step(1)?;
        bits = mean.to_scalar::<f32>()? / std::f32::consts::LN_2;
        if epoch % 40 == 0 {
            println!("epoch {epoch:3}: {bits:.3} bits per character");
        }
    }

    // One character at a time, the state handed on.
    let mut states = gru.begin_state(1, DType::F32)?;
    let mut line = String::from("M");
    while line.len() < STEPS {
        let last = line.chars().next_back().map(place).unwrap_or_default();
        let x = NdArray::from_slice(&[last], (1, 1))?.one_hot(classes, DType::F32)?;
        let (y, next) = gru.call_with(&x, &states, None)?;
        let likely = output.call(&y)?.reshape(classes)?.argmax(0, false)?;
        line.push(alphabet[likely.to_f64_vec()?[0] as usize]);
        states = next;
    }
    Ok((bits, line))
}

fn main() -> Result<()> {
    let on = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
        pool.expect("a pool of one or two threads").install(train)
    };
    let (bits, line) = on(1)?;
    println!("{bits:.3} bits per character; it writes: {line}");
    assert!(bits < BITS_PER_CHARACTER, "{bits} bits per character, expected fewer");
    let (again, same) = on(2)?;
    assert_eq!((again.to_bits(), same), (bits.to_bits(), line), "two threads change something");
    println!("the same on two threads");
    Ok(())
}
