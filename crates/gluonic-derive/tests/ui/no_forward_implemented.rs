use gluonic::prelude::*;

#[derive(Block)]
struct Net {
    core: BlockCore,
}

fn main() {}
