//! An initializer as a user writes it.

use gluonic::init::InitDesc;
use gluonic::prelude::*;
use gluonic::random::Address;

/// A quarter from U[5, 10], a quarter from U[-10, -5], and half zeros.
#[derive(Clone, Debug)]
pub(super) struct MyInit;

impl Initializer for MyInit {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, _: &Address) -> Result<()> {
        data.assign(&ops::uniform(-10.0, 10.0, &desc.dims)?)?;
        data.map_inplace(|w| if w.abs() >= 5.0 { w } else { 0.0 })
    }
}
