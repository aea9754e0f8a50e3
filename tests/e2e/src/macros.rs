/// The cases of a module, by the names of their functions.
macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        /// The cases about this noun.
        pub(super) const CASES: &[$crate::Case] = &[
            $($crate::Case::new(concat!(module_path!(), "::", stringify!($name)), $name)),+
        ];
    };
}
