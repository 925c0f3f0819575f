//! `+ - * /` between arrays and with numbers, and unary minus. Each returns a [`Result`], since
//! sizes and element types may not fit: `(&x + &y)?`.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::array::NdArray;
use crate::error::Result;

macro_rules! operator {
    ($($trait:ident $method:ident $with_scalar:ident;)*) => {$(
        impl $trait<&NdArray> for &NdArray {
            type Output = Result<NdArray>;

            fn $method(self, other: &NdArray) -> Result<NdArray> {
                NdArray::$method(self, other)
            }
        }

        impl $trait<f64> for &NdArray {
            type Output = Result<NdArray>;

            fn $method(self, value: f64) -> Result<NdArray> {
                self.$with_scalar(value)
            }
        }
    )*};
}

operator! {
    Add add add_scalar;
    Sub sub sub_scalar;
    Mul mul mul_scalar;
    Div div div_scalar;
}

macro_rules! scalar_first {
    ($($trait:ident $method:ident $with_scalar:ident;)*) => {$(
        impl $trait<&NdArray> for f64 {
            type Output = Result<NdArray>;

            fn $method(self, array: &NdArray) -> Result<NdArray> {
                array.$with_scalar(self)
            }
        }
    )*};
}

scalar_first! {
    Add add add_scalar;
    Sub sub scalar_sub;
    Mul mul mul_scalar;
    Div div scalar_div;
}

impl Neg for &NdArray {
    type Output = Result<NdArray>;

    fn neg(self) -> Result<NdArray> {
        NdArray::neg(self)
    }
}
