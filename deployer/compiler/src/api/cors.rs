//! CORS settings and headers (Fetch standard, CORS protocol).

use serde::{Deserialize, Serialize};

use super::{Integration, IntegrationKind, IntegrationResponse};

/// The template that returns the request's origin if it is one of `ORIGINS`.
const ORIGIN_TEMPLATE: &str = include_str!("cors.vtl");

/// The CORS settings of an API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// The allowed origins, such as `https://app.example.com`; or `*` alone.
    pub allow_origins: Vec<String>,
    /// The allowed methods; if empty, those of the path.
    #[serde(default)]
    pub allow_methods: Vec<String>,
    /// The allowed request headers.
    pub allow_headers: Vec<String>,
    /// The exposed response headers.
    #[serde(default)]
    pub expose_headers: Vec<String>,
    /// The time that a browser may cache a preflight response, in seconds.
    #[serde(default)]
    pub max_age: Option<u32>,
    /// True if credentials are allowed.
    #[serde(default)]
    pub allow_credentials: bool,
}

impl Cors {
    /// The default request headers: for a token or an API key with a JSON body.
    pub const DEFAULT_HEADERS: [&str; 3] = ["Authorization", "Content-Type", "X-Api-Key"];

    /// Returns the headers of the response to a preflight request from an origin; none for an origin
    /// that is not allowed.
    pub fn preflight_headers(&self, origin: Option<&str>) -> Vec<(&'static str, String)> {
        let Some(allowed) = self.allow_origin(origin) else { return Vec::new() };
        let mut headers = vec![("Access-Control-Allow-Origin", allowed)];
        headers.extend(self.fixed_headers());
        headers
    }

    /// Returns the `Access-Control-Allow-Origin` for an origin, if it is allowed.
    fn allow_origin(&self, origin: Option<&str>) -> Option<String> {
        match self.allow_origins.as_slice() {
            [only] => Some(only.clone()),
            several => several.iter().find(|known| Some(known.as_str()) == origin).cloned(),
        }
    }

    /// Returns the preflight headers that do not depend on the origin.
    fn fixed_headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("Access-Control-Allow-Methods", self.allow_methods.join(",")),
            ("Access-Control-Allow-Headers", self.allow_headers.join(",")),
        ];
        if let Some(seconds) = self.max_age {
            headers.push(("Access-Control-Max-Age", seconds.to_string()));
        }
        if self.allow_credentials {
            headers.push(("Access-Control-Allow-Credentials", "true".to_owned()));
        }
        if self.allow_origins.len() > 1 {
            headers.push(("Vary", "Origin".to_owned()));
        }
        headers
    }

    /// Returns the mock integration for preflight requests.
    pub fn preflight_integration(&self) -> Integration {
        if let [only] = self.allow_origins.as_slice() {
            let mut headers = vec![("Access-Control-Allow-Origin", only.clone())];
            headers.extend(self.fixed_headers());
            return Integration::mock(204, &headers);
        }
        // A fixed value cannot select one of several origins: the template does.
        let quoted: Vec<String> =
            self.allow_origins.iter().map(|origin| format!("\"{origin}\"")).collect();
        // Without line breaks, which the template would write into the response.
        let template: String = ORIGIN_TEMPLATE.lines().collect();
        let template = template.replace("ORIGINS", &quoted.join(","));
        let mut mock = Integration::mock(204, &self.fixed_headers());
        if let Some(response) = mock.responses.get_mut(super::integration::DEFAULT) {
            response.response_templates.insert(super::integration::JSON.to_owned(), template);
        }
        mock
    }

    /// Returns the headers of gateway responses, as their mappings. With several origins, the
    /// request's is echoed without a check: a gateway response discloses nothing to another origin.
    pub fn gateway_response_headers(&self) -> Vec<(&'static str, String)> {
        let origin = match self.allow_origins.as_slice() {
            [only] => format!("'{only}'"),
            _ => "method.request.header.Origin".to_owned(),
        };
        let mut headers = vec![("Access-Control-Allow-Origin", origin)];
        if self.allow_credentials {
            headers.push(("Access-Control-Allow-Credentials", "'true'".to_owned()));
        }
        if !self.expose_headers.is_empty() {
            let exposed = format!("'{}'", self.expose_headers.join(","));
            headers.push(("Access-Control-Expose-Headers", exposed));
        }
        headers
    }

    /// Adds the headers to the responses of a mock integration.
    pub fn add_headers_to(&self, mock: &mut Integration) {
        if mock.kind != IntegrationKind::Mock {
            return;
        }
        for (name, value) in self.gateway_response_headers() {
            if !value.starts_with('\'') {
                continue;
            }
            for response in mock.responses.values_mut() {
                let IntegrationResponse { response_parameters, .. } = response;
                let name = format!("method.response.header.{name}");
                response_parameters.entry(name).or_insert_with(|| value.clone());
            }
        }
    }
}
