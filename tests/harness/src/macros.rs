/// Ends a case with a text, unless something holds.
#[macro_export]
macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err($crate::Failure::Failed(format!($($why)+)));
        }
    };
}

/// Ends a case with both values, unless they are equal.
#[macro_export]
macro_rules! ensure_eq {
    ($left:expr, $right:expr $(, $($what:tt)+)?) => {
        match (&$left, &$right) {
            (left, right) if left == right => {}
            (left, right) => {
                let what = String::new() $(+ &format!($($what)+) + ": ")?;
                return Err($crate::Failure::Failed(format!("{what}{left:?} is not {right:?}")));
            }
        }
    };
}
