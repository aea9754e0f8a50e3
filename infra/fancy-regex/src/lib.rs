//! fancy-regex without its default features, under the version that zxcvbn asks for.
//!
//! zxcvbn finds repetitions with `(.+)\1+`, which needs neither tables of Unicode nor the engines that make `regex` fast on long
//! texts. See the crate `regex` beside this one.

pub use plain::*;
