use gluonic::prelude::*;

#[derive(Block)]
enum Net {
    Small(Dense),
    Large(Dense, Dense),
}

impl Forward for Net {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }
}

fn main() {}
