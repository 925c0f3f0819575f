//! The command line of gluonic.

fn main() {}
