use gluonic::prelude::*;

#[derive(Block)]
struct Net {
    core: BlockCore,
    hidden: Dense,
    #[block(key = "hidden")]
    out: Dense,
}

impl Forward for Net {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }
}

fn main() {}
