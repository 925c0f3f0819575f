use gluonic::prelude::*;

#[derive(Block)]
#[block(no_foward)]
struct Net {
    core: BlockCore,
    #[block(key = "a.b")]
    hidden: Dense,
    #[block(skip(this))]
    out: Dense,
}

impl Forward for Net {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }
}

fn main() {}
