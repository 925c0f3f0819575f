use gluonic::prelude::*;

#[derive(Block)]
struct Net {
    #[block(core)]
    core: BlockCore,
    #[block(core)]
    other: BlockCore,
}

impl Forward for Net {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }
}

fn main() {}
