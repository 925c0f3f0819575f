use gluonic::prelude::*;

#[derive(Block)]
struct Net {
    core: BlockCore,
    other: gluonic::nn::BlockCore,
}

impl Forward for Net {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }
}

fn main() {}
