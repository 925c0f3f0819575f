use gluonic::prelude::*;

#[derive(Block)]
struct Net {
    core: BlockCore,
    #[block(key)]
    hidden: Dense,
}

impl Forward for Net {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }
}

fn main() {}
