use gluonic::prelude::*;

struct Table;

#[derive(Block)]
struct Net {
    core: BlockCore,
    tables: Vec<Table>,
}

impl Forward for Net {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }
}

fn main() {}
