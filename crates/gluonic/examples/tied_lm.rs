//! A language model whose decoder is its embedding: one table gives each word its vector and, the
//! other way round, each vector its scores. Trains on a nursery rhyme, on one thread and on two,
//! saves the table once and loads it back.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use gluonic::metric::{Metric, Perplexity};
use gluonic::nn::rnn::Gru;
use gluonic::prelude::*;

/// Sarah Josepha Hale, "Mary's Lamb" (1830).
const TEXT: &str = "mary had a little lamb , its fleece was white as snow , \
    and every where that mary went the lamb was sure to go ; \
    he followed her to school one day , that was against the rule , \
    it made the children laugh and play , to see a lamb at school . \
    and so the teacher turned him out , but still he lingered near , \
    and waited patiently about , till mary did appear ; \
    and then he ran to her , and laid his head upon her arm , \
    as if he said , i'm not afraid , you'll keep me from all harm .";
const STEPS: usize = 24;
/// Of a word's vector and of the state: tying asks for one width.
const WIDTH: usize = 48;
const EPOCHS: usize = 80;
/// What is promised. A guess among all words has the perplexity 71, their number.
const PERPLEXITY: f64 = 1.05;

/// The words of the text in order of the alphabet, each once.
fn vocabulary() -> Vec<&'static str> {
    let mut words: Vec<&str> = TEXT.split_whitespace().collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// `softmax(E·gru(E[ids]) + b)`, without the softmax.
fn model(n_words: usize) -> Result<Sequential> {
    let embedding = Embedding::new(n_words, WIDTH);
    // The decoder finds the weight and makes a bias of its own.
    let decoder = Dense::sharing(n_words, &embedding.params())?.flatten(false);
    Ok(sequential![embedding, Gru::new(WIDTH), decoder])
}

/// The text side by side in pieces of `STEPS` words, from the word number `shift` on.
fn pieces(shift: usize) -> Result<NdArray> {
    let vocabulary = vocabulary();
    let place = |word| vocabulary.binary_search(&word).unwrap_or_default() as i64;
    let ids: Vec<i64> = TEXT.split_whitespace().map(place).collect();
    let batch = (ids.len() - 1) / STEPS;
    NdArray::from_slice(&ids[shift..][..batch * STEPS], (batch, STEPS))?.transpose()?.deep_clone()
}

fn perplexity(net: &Sequential) -> Result<f64> {
    let mut perplexity = Perplexity::new(None);
    perplexity.update(&pieces(1)?, &net.call(&pieces(0)?)?.softmax(-1)?)?;
    Ok(perplexity.value())
}

/// Trains from one seed, until the model knows its text by heart.
fn train() -> Result<Sequential> {
    random::seed(3);
    let net = model(vocabulary().len())?;
    net.initialize_with(&init::Xavier::default(), Reinit::Keep)?;
    let (x, target) = (pieces(0)?, pieces(1)?);
    net.infer_shapes(&[x.dims()])?;
    let loss = SoftmaxCrossEntropyLoss::default();
    let sgd = Sgd::new(1.0)?.momentum(0.9)?.clip_gradient(0.02)?;
    let mut trainer = Trainer::new(&net.collect_params()?, sgd)?;
    for epoch in 0..EPOCHS {
        let mean = autograd::record(|| loss.call(&net.call(&x)?, &target, None)?.mean())?;
        mean.backward()?;
        trainer.step(1)?;
        if epoch % 20 == 0 {
            println!("epoch {epoch:3}: perplexity {:.3}", mean.to_scalar::<f32>()?.exp());
        }
    }
    Ok(net)
}

fn main() -> Result<()> {
    let on = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
        pool.expect("a pool of one or two threads").install(train)
    };
    let net = on(1)?;
    println!("{}", net.summary(&[pieces(0)?.dims()])?);
    assert!(net[0].weight()?.ptr_eq(&net[2].weight()?));
    let found = perplexity(&net)?;
    println!("perplexity {found:.3} after {EPOCHS} epochs");
    assert!(found < PERPLEXITY, "perplexity {found}, expected less");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("rhyme.safetensors");
    net.save_parameters(&file)?;
    let checkpoint = Checkpoint::open(&file)?;
    println!("{}", checkpoint.tree());
    // The decoder's path is an alias of the table's.
    assert_eq!(&*checkpoint.tensor("2.weight")?.name, "0.weight", "the table is not saved once");
    let loaded = model(vocabulary().len())?;
    loaded.load_parameters(&file, &LoadOptions::default())?;
    assert_eq!(perplexity(&loaded)?.to_bits(), found.to_bits(), "what was loaded differs");
    println!("saved once, loaded, the same");

    let again = on(2)?;
    let same = net.snapshot()?.diff(&again.snapshot()?);
    assert!(same.is_empty(), "two threads change something:\n{same}");
    println!("the same on two threads");
    Ok(())
}
