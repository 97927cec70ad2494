//! Functions of one value.

use crate::function::Function;

/// The function of one value without parameters.
pub(crate) fn of(function: Function) -> fn(f64) -> f64 {
    match function {
        Function::Abs => f64::abs,
        Function::Acos => f64::acos,
        Function::Acosh => f64::acosh,
        Function::Asin => f64::asin,
        Function::Asinh => f64::asinh,
        Function::Atan => f64::atan,
        Function::Atanh => f64::atanh,
        Function::Ceil => f64::ceil,
        Function::Cos => f64::cos,
        Function::Cosh => f64::cosh,
        Function::Deg => |v| v * 180.0 / std::f64::consts::PI,
        Function::Exp => f64::exp,
        Function::Floor => f64::floor,
        Function::Ln => f64::ln,
        Function::Log10 => f64::log10,
        Function::Log2 => f64::log2,
        Function::Rad => |v| v * std::f64::consts::PI / 180.0,
        Function::Sgn => sign,
        Function::Sin => f64::sin,
        Function::Sinh => f64::sinh,
        Function::Sqrt => f64::sqrt,
        Function::Tan => f64::tan,
        Function::Tanh => f64::tanh,
        _ => |_| f64::NAN,
    }
}

fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// Rounds to a multiple, ties up. The inverse costs less precision than the division.
pub(crate) fn round(value: f64, to_nearest: f64) -> f64 {
    let inverse = 1.0 / to_nearest;
    (value * inverse + 0.5).floor() / inverse
}

/// The value within bounds; nothing if the bounds exclude each other.
pub(crate) fn clamp(value: f64, low: f64, high: f64) -> Option<f64> {
    if high < low { None } else { Some(max(low, min(high, value))) }
}

/// The smaller value; NaN wins over all but minus infinity.
pub(crate) fn min(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

/// The larger value; NaN wins over all but infinity.
pub(crate) fn max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        return f64::INFINITY;
    }
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}
