/// Ends a case with a text, unless something holds.
macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err($crate::failure::Failure::Failed(format!($($why)+)));
        }
    };
}

/// Ends a case with both values, unless they are equal.
macro_rules! ensure_eq {
    ($left:expr, $right:expr $(, $($what:tt)+)?) => {
        match (&$left, &$right) {
            (left, right) if left == right => {}
            (left, right) => {
                let what = String::new() $(+ &format!($($what)+) + ": ")?;
                return Err($crate::failure::Failure::Failed(format!("{what}{left:?} is not {right:?}")));
            }
        }
    };
}

/// The cases of a module, by the names of their functions.
macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        /// The cases about this noun.
        pub(super) const CASES: &[$crate::case::Case] = &[
            $($crate::case::Case::new(concat!(module_path!(), "::", stringify!($name)), $name)),+
        ];
    };
}
