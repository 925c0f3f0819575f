use gluonic::prelude::*;

#[derive(Block, Clone, Copy)]
union Net {
    small: f32,
    large: f64,
}

impl Forward for Net {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }
}

fn main() {}
