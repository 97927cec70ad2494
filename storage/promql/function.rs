//! The functions of the language, by name.

use crate::expr::ValueKind;

macro_rules! functions {
    ($($variant:ident $name:literal $family:ident,)*) => {
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

functions! {
    Abs "abs" Float,
    Absent "absent" Special,
    AbsentOverTime "absent_over_time" Range,
    Acos "acos" Float,
    Acosh "acosh" Float,
    Asin "asin" Float,
    Asinh "asinh" Float,
    Atan "atan" Float,
    Atanh "atanh" Float,
    AvgOverTime "avg_over_time" Range,
    Ceil "ceil" Float,
    Changes "changes" Range,
    Clamp "clamp" Float,
    ClampMax "clamp_max" Float,
    ClampMin "clamp_min" Float,
    Cos "cos" Float,
    Cosh "cosh" Float,
    CountOverTime "count_over_time" Range,
    DayOfMonth "day_of_month" Date,
    DayOfWeek "day_of_week" Date,
    DayOfYear "day_of_year" Date,
    DaysInMonth "days_in_month" Date,
    Deg "deg" Float,
    Delta "delta" Range,
    Deriv "deriv" Range,
    DoubleExponentialSmoothing "double_exponential_smoothing" Range,
    End "end" Clock,
    Exp "exp" Float,
    FirstOverTime "first_over_time" Range,
    Floor "floor" Float,
    HistogramAvg "histogram_avg" Native,
    HistogramCount "histogram_count" Native,
    HistogramFraction "histogram_fraction" Special,
    HistogramQuantile "histogram_quantile" Special,
    HistogramQuantiles "histogram_quantiles" Special,
    HistogramStddev "histogram_stddev" Native,
    HistogramStdvar "histogram_stdvar" Native,
    HistogramSum "histogram_sum" Native,
    HoltWinters "holt_winters" Range,
    Hour "hour" Date,
    Idelta "idelta" Range,
    Increase "increase" Range,
    Irate "irate" Range,
    LabelJoin "label_join" Special,
    LabelReplace "label_replace" Special,
    LastOverTime "last_over_time" Range,
    Ln "ln" Float,
    Log10 "log10" Float,
    Log2 "log2" Float,
    MadOverTime "mad_over_time" Range,
    MaxOf "max_of" Special,
    MaxOverTime "max_over_time" Range,
    MinOf "min_of" Special,
    MinOverTime "min_over_time" Range,
    Minute "minute" Date,
    Month "month" Date,
    Pi "pi" Clock,
    PredictLinear "predict_linear" Range,
    PresentOverTime "present_over_time" Range,
    QuantileOverTime "quantile_over_time" Range,
    Rad "rad" Float,
    RangeLength "range" Clock,
    Rate "rate" Range,
    Resets "resets" Range,
    Round "round" Float,
    Scalar "scalar" Special,
    Sgn "sgn" Float,
    Sin "sin" Float,
    Sinh "sinh" Float,
    Sort "sort" Special,
    SortByLabel "sort_by_label" Special,
    SortByLabelDesc "sort_by_label_desc" Special,
    SortDesc "sort_desc" Special,
    Sqrt "sqrt" Float,
    Start "start" Clock,
    StddevOverTime "stddev_over_time" Range,
    StdvarOverTime "stdvar_over_time" Range,
    Step "step" Clock,
    SumOverTime "sum_over_time" Range,
    Tan "tan" Float,
    Tanh "tanh" Float,
    Time "time" Clock,
    Timestamp "timestamp" Special,
    TsOfFirstOverTime "ts_of_first_over_time" Range,
    TsOfLastOverTime "ts_of_last_over_time" Range,
    TsOfMaxOverTime "ts_of_max_over_time" Range,
    TsOfMinOverTime "ts_of_min_over_time" Range,
    Vector "vector" Special,
    Year "year" Date,
}

impl Function {
    pub(crate) fn value_kind(self) -> ValueKind {
        match self {
            Self::MaxOf | Self::MinOf | Self::Scalar => ValueKind::Scalar,
            _ if self.family() == Family::Clock => ValueKind::Scalar,
            _ => ValueKind::Vector,
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
