//! The functions of the language: names, arguments, results.
//!
//! The signatures are those of `promql/parser/functions.go` of Prometheus.

use crate::expr::ValueKind;

macro_rules! functions {
    ($(
        $variant:ident $name:literal $family:ident
        [$($argument:ident),*] $variadic:literal $result:ident,
    )*) => {
        /// A function of the language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Function {
            $($variant,)*
        }

        impl Function {
            /// All functions, in order of their names.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            pub(crate) fn family(self) -> Family {
                match self {
                    $(Self::$variant => Family::$family,)*
                }
            }

            /// The kinds of the arguments; of those that may be left out or repeated, the last.
            pub(crate) fn arguments(self) -> &'static [ValueKind] {
                match self {
                    $(Self::$variant => &[$(ValueKind::$argument),*],)*
                }
            }

            /// How often the last argument may stand: 0 for once, -1 for without limit.
            pub(crate) fn variadic(self) -> i32 {
                match self {
                    $(Self::$variant => $variadic,)*
                }
            }

            pub(crate) fn value_kind(self) -> ValueKind {
                match self {
                    $(Self::$variant => ValueKind::$result,)*
                }
            }
        }
    };
}

/// How a function is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// A range vector to an instant vector, series by series.
    Range,
    /// A value to a value; further arguments are scalars.
    Float,
    /// A time to a part of its date; the evaluation time when there is no argument.
    Date,
    /// No argument, one number for each step.
    Clock,
    /// Native histograms to numbers; classic samples are passed over.
    Native,
    /// Anything else.
    Special,
}

// Name, how it is evaluated, kinds of the arguments, repetitions of the last, kind of the value.
functions! {
    Abs "abs" Float [Vector] 0 Vector,
    Absent "absent" Special [Vector] 0 Vector,
    AbsentOverTime "absent_over_time" Range [Matrix] 0 Vector,
    Acos "acos" Float [Vector] 0 Vector,
    Acosh "acosh" Float [Vector] 0 Vector,
    Asin "asin" Float [Vector] 0 Vector,
    Asinh "asinh" Float [Vector] 0 Vector,
    Atan "atan" Float [Vector] 0 Vector,
    Atanh "atanh" Float [Vector] 0 Vector,
    AvgOverTime "avg_over_time" Range [Matrix] 0 Vector,
    Ceil "ceil" Float [Vector] 0 Vector,
    Changes "changes" Range [Matrix] 0 Vector,
    Clamp "clamp" Float [Vector, Scalar, Scalar] 0 Vector,
    ClampMax "clamp_max" Float [Vector, Scalar] 0 Vector,
    ClampMin "clamp_min" Float [Vector, Scalar] 0 Vector,
    Cos "cos" Float [Vector] 0 Vector,
    Cosh "cosh" Float [Vector] 0 Vector,
    CountOverTime "count_over_time" Range [Matrix] 0 Vector,
    DayOfMonth "day_of_month" Date [Vector] 1 Vector,
    DayOfWeek "day_of_week" Date [Vector] 1 Vector,
    DayOfYear "day_of_year" Date [Vector] 1 Vector,
    DaysInMonth "days_in_month" Date [Vector] 1 Vector,
    Deg "deg" Float [Vector] 0 Vector,
    Delta "delta" Range [Matrix] 0 Vector,
    Deriv "deriv" Range [Matrix] 0 Vector,
    DoubleExponentialSmoothing "double_exponential_smoothing" Range
        [Matrix, Scalar, Scalar] 0 Vector,
    End "end" Clock [] 0 Scalar,
    Exp "exp" Float [Vector] 0 Vector,
    FirstOverTime "first_over_time" Range [Matrix] 0 Vector,
    Floor "floor" Float [Vector] 0 Vector,
    HistogramAvg "histogram_avg" Native [Vector] 0 Vector,
    HistogramCount "histogram_count" Native [Vector] 0 Vector,
    HistogramFraction "histogram_fraction" Special [Scalar, Scalar, Vector] 0 Vector,
    HistogramQuantile "histogram_quantile" Special [Scalar, Vector] 0 Vector,
    HistogramQuantiles "histogram_quantiles" Special [Vector, String, Scalar, Scalar] 9 Vector,
    HistogramStddev "histogram_stddev" Native [Vector] 0 Vector,
    HistogramStdvar "histogram_stdvar" Native [Vector] 0 Vector,
    HistogramSum "histogram_sum" Native [Vector] 0 Vector,
    HoltWinters "holt_winters" Range [Matrix, Scalar, Scalar] 0 Vector,
    Hour "hour" Date [Vector] 1 Vector,
    Idelta "idelta" Range [Matrix] 0 Vector,
    Increase "increase" Range [Matrix] 0 Vector,
    Info "info" Special [Vector, Vector] 1 Vector,
    Irate "irate" Range [Matrix] 0 Vector,
    LabelJoin "label_join" Special [Vector, String, String, String] -1 Vector,
    LabelReplace "label_replace" Special [Vector, String, String, String, String] 0 Vector,
    LastOverTime "last_over_time" Range [Matrix] 0 Vector,
    Ln "ln" Float [Vector] 0 Vector,
    Log10 "log10" Float [Vector] 0 Vector,
    Log2 "log2" Float [Vector] 0 Vector,
    MadOverTime "mad_over_time" Range [Matrix] 0 Vector,
    MaxOf "max_of" Special [Scalar, Scalar] 0 Scalar,
    MaxOverTime "max_over_time" Range [Matrix] 0 Vector,
    MinOf "min_of" Special [Scalar, Scalar] 0 Scalar,
    MinOverTime "min_over_time" Range [Matrix] 0 Vector,
    Minute "minute" Date [Vector] 1 Vector,
    Month "month" Date [Vector] 1 Vector,
    Pi "pi" Clock [] 0 Scalar,
    PredictLinear "predict_linear" Range [Matrix, Scalar] 0 Vector,
    PresentOverTime "present_over_time" Range [Matrix] 0 Vector,
    QuantileOverTime "quantile_over_time" Range [Scalar, Matrix] 0 Vector,
    Rad "rad" Float [Vector] 0 Vector,
    RangeLength "range" Clock [] 0 Scalar,
    Rate "rate" Range [Matrix] 0 Vector,
    Resets "resets" Range [Matrix] 0 Vector,
    Round "round" Float [Vector, Scalar] 1 Vector,
    Scalar "scalar" Special [Vector] 0 Scalar,
    Sgn "sgn" Float [Vector] 0 Vector,
    Sin "sin" Float [Vector] 0 Vector,
    Sinh "sinh" Float [Vector] 0 Vector,
    Sort "sort" Special [Vector] 0 Vector,
    SortByLabel "sort_by_label" Special [Vector, String] -1 Vector,
    SortByLabelDesc "sort_by_label_desc" Special [Vector, String] -1 Vector,
    SortDesc "sort_desc" Special [Vector] 0 Vector,
    Sqrt "sqrt" Float [Vector] 0 Vector,
    Start "start" Clock [] 0 Scalar,
    StddevOverTime "stddev_over_time" Range [Matrix] 0 Vector,
    StdvarOverTime "stdvar_over_time" Range [Matrix] 0 Vector,
    Step "step" Clock [] 0 Scalar,
    SumOverTime "sum_over_time" Range [Matrix] 0 Vector,
    Tan "tan" Float [Vector] 0 Vector,
    Tanh "tanh" Float [Vector] 0 Vector,
    Time "time" Clock [] 0 Scalar,
    Timestamp "timestamp" Special [Vector] 0 Vector,
    TsOfFirstOverTime "ts_of_first_over_time" Range [Matrix] 0 Vector,
    TsOfLastOverTime "ts_of_last_over_time" Range [Matrix] 0 Vector,
    TsOfMaxOverTime "ts_of_max_over_time" Range [Matrix] 0 Vector,
    TsOfMinOverTime "ts_of_min_over_time" Range [Matrix] 0 Vector,
    Vector "vector" Special [Scalar] 0 Vector,
    Year "year" Date [Vector] 1 Vector,
}

impl Function {
    /// Fewest and most arguments; no most where there is no limit.
    pub(crate) fn argument_count(self) -> (usize, Option<usize>) {
        let listed = self.arguments().len();
        match usize::try_from(self.variadic()) {
            Ok(0) => (listed, Some(listed)),
            Ok(more) => (listed.saturating_sub(1), Some(listed.saturating_sub(1) + more)),
            Err(_) => (listed.saturating_sub(1), None),
        }
    }

    /// Whether the value depends on the evaluation time even when no argument does.
    pub(crate) fn reads_time(self) -> bool {
        self.family() == Family::Date
            || matches!(self, Self::Time | Self::Timestamp | Self::PredictLinear)
    }

    /// Whether the result is the series itself and keeps its name.
    pub(crate) fn keeps_name(self) -> bool {
        matches!(self, Self::FirstOverTime | Self::LastOverTime)
    }
}
