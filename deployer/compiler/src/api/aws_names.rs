//! AWS's enumerations. An unknown value is preserved: it is written as it was read, and equals no
//! other value.

/// Declares an enum of AWS's values, and `Other` for every unknown value. In JSON it is the value.
macro_rules! aws_enum {
    ($(#[$meta:meta])* $type:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $name:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $type {
            $($(#[$variant_meta])* $variant,)+
            /// An unknown value.
            Other(String),
        }

        impl $type {
            /// Returns the name on AWS.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for $type {
            fn from(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl From<String> for $type {
            fn from(name: String) -> Self {
                Self::from(name.as_str())
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.name().to_owned()
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

pub(super) use aws_enum;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::api::QuotaPeriod;

    #[test]
    fn known_and_unknown_values_are_unchanged_in_json() {
        for (name, period) in
            [("WEEK", QuotaPeriod::Week), ("YEAR", QuotaPeriod::Other("YEAR".to_owned()))]
        {
            assert_eq!(QuotaPeriod::from(name), period);
            assert_eq!((period.name(), period.to_string().as_str()), (name, name));
            assert_eq!(json!(period), json!(name));
            assert_eq!(serde_json::from_value::<QuotaPeriod>(json!(name)).unwrap(), period);
        }
    }
}
