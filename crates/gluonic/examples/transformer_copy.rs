//! Trains a tiny transformer to copy: shown a word of symbols that it has never seen and a sign, it
//! writes the word again, right in 99 of 100 symbols or more. The result is the same on one thread
//! and on two, byte for byte.
//!
//! # Source
//! The net: Vaswani et al. (2017), "Attention is all you need", as a decoder alone; the norms where
//! Xiong et al. (2020) put them. The task: Graves, Wayne and Danihelka (2014), "Neural Turing
//! machines", §4.1.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use gluonic::nn::TransformerEncoderConfig;
use gluonic::prelude::*;

const SYMBOLS: usize = 8;
/// Stands between the word and its copy.
const SIGN: i64 = SYMBOLS as i64;
const WORD: usize = 6;
/// The word, the sign, and the copy but for its last symbol, behind which nothing is to be guessed.
const POSITIONS: usize = 2 * WORD;
const UNITS: usize = 32;
const BATCH: usize = 64;
const STEPS: usize = 200;

#[derive(Block)]
struct Copier {
    core: BlockCore,
    symbols: Embedding,
    positions: Embedding,
    encoder: TransformerEncoder,
    output: Dense,
}

impl Copier {
    fn new() -> Result<Self> {
        let core = BlockCore::new("Copier");
        core.name_scope(|| {
            let config = TransformerEncoderConfig {
                units: UNITS,
                num_heads: 4,
                hidden_size: Some(2 * UNITS),
                dropout: 0.0,
                pre_norm: true,
                causal: true,
                ..TransformerEncoderConfig::default()
            };
            Ok(Copier {
                core: core.clone(),
                symbols: Embedding::new(SYMBOLS + 1, UNITS),
                positions: Embedding::new(POSITIONS, UNITS),
                encoder: TransformerEncoder::with(2, &config)?,
                output: Dense::new(SYMBOLS).flatten(false),
            })
        })
    }
}

impl Forward for Copier {
    /// Symbols `(batch, positions)`; for each position the scores of the symbol that follows.
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        let places = NdArray::arange::<i64>(x.dims()[1]);
        let x = self.symbols.call(x)?.add(&self.positions.call(&places)?)?;
        self.output.call(&self.encoder.call(&x)?)
    }
}

/// Random words, each with the sign and its copy behind it.
fn words(n: usize) -> Result<(NdArray, NdArray)> {
    let words = ops::integers(0, SIGN, (n, WORD))?;
    let sign = NdArray::full((n, 1), SIGN, DType::I64)?;
    let copy = words.slice(s![.., ..-1])?;
    Ok((ops::concat(&[&words, &sign, &copy], 1)?, words))
}

/// The scores of the copy's symbols alone.
fn copy_of(net: &Copier, x: &NdArray) -> Result<NdArray> {
    net.call(x)?.slice(s![.., WORD as isize..])
}

/// FNV-1a of the bytes of all parameters.
fn hash(net: &Copier) -> Result<u64> {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for (_, parameter) in net.named_parameters() {
        for value in parameter.data()?.to_vec::<f32>()? {
            for byte in value.to_le_bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
            }
        }
    }
    Ok(hash)
}

/// Trains from one seed. Gives the share of symbols of new words that are copied rightly, and a hash
/// of what was learned.
fn train() -> Result<(f64, u64)> {
    random::seed(5);
    let net = Copier::new()?;
    net.initialize_with(&init::Xavier::default(), Reinit::Keep)?;
    let loss = SoftmaxCrossEntropyLoss::default();
    let sgd = Sgd::new(0.2)?.momentum(0.9)?.clip_gradient(0.1)?;
    net.infer_shapes(&[(1, POSITIONS)])?;
    let mut trainer = Trainer::new(&net.collect_params()?, sgd)?;
    for step in 0..STEPS {
        let (x, y) = words(BATCH)?;
        let mean = autograd::record(|| loss.call(&copy_of(&net, &x)?, &y, None)?.mean())?;
        mean.backward()?;
        trainer.step(1)?;
        if step % 20 == 0 {
            println!("step {step:3}: loss {:.4}", mean.to_scalar::<f32>()?);
        }
    }
    let (x, y) = words(500)?;
    let (found, y) = (copy_of(&net, &x)?.argmax(-1, false)?.to_f64_vec()?, y.to_f64_vec()?);
    let right = found.iter().zip(&y).filter(|(found, expected)| found == expected).count();
    Ok((right as f64 / y.len() as f64, hash(&net)?))
}

fn main() -> Result<()> {
    let on = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
        pool.expect("a pool of one or two threads").install(train)
    };
    let (right, hash) = on(1)?;
    println!("{:.2} % of the symbols of 500 new words copied rightly", 100.0 * right);
    println!("hash of the parameters: {hash:016x}");
    assert!(right >= 0.99, "{right} copied rightly, expected 0.99");
    assert_eq!(on(2)?, (right, hash), "two threads change something");
    println!("the same on two threads");
    Ok(())
}
