//! Which pages of other origins may call the API (the Fetch standard's CORS protocol).

use serde::{Deserialize, Serialize};

use super::{Integration, IntegrationKind, IntegrationResponse};

/// The template that returns the request's origin if it is one of `ORIGINS`.
const ORIGIN_TEMPLATE: &str = include_str!("cors.vtl");

/// Which pages of other origins may call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// The origins, such as `https://app.example.com`; or `*` alone.
    pub allow_origins: Vec<String>,
    /// The methods; those that a path has, where there is none.
    #[serde(default)]
    pub allow_methods: Vec<String>,
    /// The request headers.
    pub allow_headers: Vec<String>,
    /// The response headers that a page may read.
    #[serde(default)]
    pub expose_headers: Vec<String>,
    /// How long a browser may remember, in seconds.
    #[serde(default)]
    pub max_age: Option<u32>,
    /// Whether cookies may come along.
    #[serde(default)]
    pub allow_credentials: bool,
}

impl Cors {
    /// What a page needs to send a token or a key with a JSON body.
    pub const DEFAULT_HEADERS: [&str; 3] = ["Authorization", "Content-Type", "X-Api-Key"];

    /// Returns the headers of an answer to a preflight request from this origin; none at all
    /// for one that may not call.
    pub fn preflight_headers(&self, origin: Option<&str>) -> Vec<(&'static str, String)> {
        let Some(allowed) = self.allowed(origin) else { return Vec::new() };
        let mut headers = vec![("Access-Control-Allow-Origin", allowed)];
        headers.extend(self.fixed());
        headers
    }

    /// Returns the `Access-Control-Allow-Origin` that an origin gets.
    fn allowed(&self, origin: Option<&str>) -> Option<String> {
        match self.allow_origins.as_slice() {
            [only] => Some(only.clone()),
            several => several.iter().find(|known| Some(known.as_str()) == origin).cloned(),
        }
    }

    /// The preflight headers that are the same for every origin.
    fn fixed(&self) -> Vec<(&'static str, String)> {
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

    /// Returns what answers preflight requests on AWS.
    pub fn integration(&self) -> Integration {
        if let [only] = self.allow_origins.as_slice() {
            let mut headers = vec![("Access-Control-Allow-Origin", only.clone())];
            headers.extend(self.fixed());
            return Integration::mock(204, &headers);
        }
        // One of several cannot be chosen by a fixed value: the template does it.
        let quoted: Vec<String> =
            self.allow_origins.iter().map(|origin| format!("\"{origin}\"")).collect();
        // Without line breaks, which the template would write into the response.
        let template: String = ORIGIN_TEMPLATE.lines().collect();
        let template = template.replace("ORIGINS", &quoted.join(","));
        let mut mock = Integration::mock(204, &self.fixed());
        if let Some(response) = mock.responses.get_mut(super::integration::DEFAULT) {
            response.response_templates.insert(super::integration::JSON.to_owned(), template);
        }
        mock
    }

    /// Returns the headers of answers that API Gateway makes itself, as gateway responses map
    /// them. What is echoed to one of several origins opens nothing: such an answer says no
    /// more than that there is none.
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

    /// Adds what a page needs to read an answer of API Gateway's own.
    pub fn add_to(&self, mock: &mut Integration) {
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
