use gluonic::prelude::*;

#[derive(Block)]
#[block(display = "fmt_net")]
struct Net {
    core: BlockCore,
}

fn fmt_net(net: &Net) -> String {
    net.name()
}

impl Forward for Net {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        Ok(x.clone())
    }
}

fn main() {}
