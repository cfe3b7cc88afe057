//! Values that AWS calls by a name. A name that is not known here is kept as it is: it is
//! written back as it was read, and equals nothing else.

/// Declares an enum whose variants AWS calls by these names, and `Other` for every other name.
/// In JSON it is the name.
macro_rules! named_by_aws {
    ($(#[$meta:meta])* $type:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $name:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $type {
            $($(#[$variant_meta])* $variant,)+
            /// A name that is not known here.
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

pub(super) use named_by_aws;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::api::QuotaPeriod;

    #[test]
    fn a_name_is_itself_in_json_whether_it_is_known_or_not() {
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
