use gluonic::prelude::*;

#[derive(Block)]
struct Net<B: Block> {
    body: B,
}

fn use_it(net: &Net<Dense>) -> Result<String> {
    net.initialize()?;
    Ok(format!("{net}"))
}

impl<B: Block> Forward for Net<B> {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        self.body.call(x)
    }
}

fn main() {}
