//! Prefixed, sortable ids: `usr_01JD…`, a ULID with the name of what it identifies.

use ulid::Generator;
pub use ulid::Ulid;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use crate::clock::Clock;

/// Makes ids that grow strictly within one process, also when the clock jumps back.
#[derive(Clone)]
pub struct Ids {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

struct State {
    generator: Generator,
    last_millis: u64,
}

impl Ids {
    /// Ids whose time part comes from `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let state = State { generator: Generator::new(), last_millis: 0 };
        Self { clock, state: Arc::new(Mutex::new(state)) }
    }

    /// A new id, greater than every one made before.
    #[must_use]
    pub fn next(&self) -> Ulid {
        let now = u64::try_from(self.clock.now().as_millis()).unwrap_or(0);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.last_millis = state.last_millis.max(now);
        loop {
            let at = UNIX_EPOCH + Duration::from_millis(state.last_millis);
            match state.generator.generate_from_datetime(at) {
                Ok(id) => return id,
                // The random part of this millisecond is used up: go on in the next one.
                Err(_) => state.last_millis += 1,
            }
        }
    }
}

/// Declares an id type: a newtype over [`Ulid`] that reads and writes as `prefix_ULID`.
///
/// ```ignore
/// kernel::define_id!(
///     /// Names a user.
///     pub UserId, "usr"
/// );
/// ```
#[macro_export]
macro_rules! define_id {
    ($(#[$doc:meta])* $visibility:vis $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility struct $name(pub $crate::id::Ulid);

        impl $name {
            /// What the text form begins with.
            pub const PREFIX: &'static str = $prefix;

            /// The bare ULID, the record's key.
            #[must_use]
            pub fn ulid(self) -> $crate::id::Ulid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::error::Error;

            fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
                $crate::id::parse($prefix, text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(concat!("an id, `", $prefix, "_` and a ULID")))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    };
}

/// Reads the ULID of `prefix_ULID`. Used by the types that [`define_id!`](crate::define_id) makes.
pub fn parse(prefix: &str, text: &str) -> crate::error::Result<Ulid> {
    let bare = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    bare.and_then(|bare| Ulid::from_string(bare).ok()).ok_or_else(|| {
        crate::error::Error::invalid(
            "id.malformed",
            format!("expected an id like {prefix}_01JDXAZ3Q4V7H2M9K5T8W6R1BC"),
        )
    })
}
