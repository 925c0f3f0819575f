//! Where the windows of convolutions and poolings lie. There are three spatial axes; where there
//! are fewer, the first ones have size 1.

/// The sizes of windows that move over an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Windows {
    pub(crate) input: [usize; 3],
    pub(crate) output: [usize; 3],
    pub(crate) kernel: [usize; 3],
    pub(crate) stride: [usize; 3],
    pub(crate) dilation: [usize; 3],
    pub(crate) padding: [usize; 3],
}

impl Windows {
    /// The number of elements of the input.
    pub(crate) fn pixels(&self) -> usize {
        self.input.iter().product()
    }

    /// The number of places of the window.
    pub(crate) fn places(&self) -> usize {
        self.output.iter().product()
    }

    /// The number of elements under the window.
    pub(crate) fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Where place `o` of the window has its tap `k` on an axis, if not in the padding.
    #[inline(always)]
    pub(crate) fn at(&self, axis: usize, o: usize, k: usize) -> Option<usize> {
        let i = (o * self.stride[axis] + k * self.dilation[axis]).checked_sub(self.padding[axis]);
        i.filter(|i| *i < self.input[axis])
    }

    /// The first place on the last axis, and the one behind the last, that have tap `k` inside the
    /// input.
    #[inline(always)]
    pub(crate) fn inside(&self, k: usize) -> (usize, usize) {
        let (tap, stride) = (k * self.dilation[2], self.stride[2]);
        let first = self.padding[2].saturating_sub(tap).div_ceil(stride);
        let end = (self.input[2] + self.padding[2]).saturating_sub(tap).div_ceil(stride);
        let end = end.min(self.output[2]);
        (first.min(end), end)
    }

    /// The part of the input under place `o` of a window without dilation.
    #[inline(always)]
    pub(crate) fn span(&self, axis: usize, o: usize) -> (usize, usize) {
        let (start, padding) = (o * self.stride[axis], self.padding[axis]);
        let end = (start + self.kernel[axis]).saturating_sub(padding).min(self.input[axis]);
        (start.saturating_sub(padding), end)
    }
}
