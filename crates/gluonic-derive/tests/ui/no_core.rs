use gluonic::prelude::*;

#[derive(Block)]
struct Net {
    hidden: Dense,
    units: usize,
}

impl Forward for Net {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }
}

fn main() {}
