use gluonic::prelude::*;

#[derive(Block)]
#[block(display = "fmt_nett")]
struct Net {
    core: BlockCore,
}

impl Forward for Net {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }
}

fn main() {}
