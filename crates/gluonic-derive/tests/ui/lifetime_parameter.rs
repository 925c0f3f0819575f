use gluonic::prelude::*;

#[derive(Block)]
struct Net<'a> {
    core: BlockCore,
    label: &'a str,
}

impl Forward for Net<'_> {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }
}

fn main() {}
