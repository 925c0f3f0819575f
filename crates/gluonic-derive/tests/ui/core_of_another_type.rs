use gluonic::prelude::*;

#[derive(Block)]
struct Net {
    #[block(core)]
    core: std::sync::Arc<Dense>,
}

impl Forward for Net {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }
}

fn main() {}
