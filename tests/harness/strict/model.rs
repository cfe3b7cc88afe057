//! The service models of the pinned botocore: operations and the shapes of their inputs.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::OnceLock;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::tool;

/// A service that the deployer calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// API Gateway.
    ApiGateway,
    /// IAM.
    Iam,
    /// STS.
    Sts,
    /// Lambda.
    Lambda,
}

impl Service {
    /// Every service, in the order of the models.
    pub const ALL: [Self; 4] = [Self::ApiGateway, Self::Iam, Self::Sts, Self::Lambda];

    /// Returns the service of a signature's scope.
    pub fn of_scope(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.scope() == name)
    }

    /// Its name in the scope of a signature.
    pub fn scope(self) -> &'static str {
        match self {
            Self::ApiGateway => "apigateway",
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::Lambda => "lambda",
        }
    }

    /// The date of its model.
    pub fn version(self) -> &'static str {
        match self {
            Self::ApiGateway => "2015-07-09",
            Self::Iam => "2010-05-08",
            Self::Sts => "2011-06-15",
            Self::Lambda => "2015-03-31",
        }
    }

    /// Returns whether its requests are forms and its responses XML.
    pub fn is_query(self) -> bool {
        matches!(self, Self::Iam | Self::Sts)
    }

    /// The code of its errors about inputs that do not match the model.
    pub fn validation_code(self) -> &'static str {
        if self.is_query() { "ValidationError" } else { "ValidationException" }
    }

    /// Its model, which is read once.
    pub fn model(self) -> &'static Model {
        static MODELS: OnceLock<[(Service, OnceLock<Model>); 4]> = OnceLock::new();
        let all = MODELS.get_or_init(|| Self::ALL.map(|service| (service, OnceLock::new())));
        let (_, model) = all.iter().find(|(service, _)| *service == self).unwrap();
        model.get_or_init(|| Model::read(self))
    }
}

/// The model of a service.
pub struct Model {
    /// The members `operations` and `shapes`.
    document: Value,
}

impl Model {
    fn read(service: Service) -> Self {
        let path = format!("{}/{}/service-2.json.gz", service.scope(), service.version());
        let path = data_folder().join(path);
        let mut text = String::new();
        let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        GzDecoder::new(file).read_to_string(&mut text).unwrap();
        Self { document: serde_json::from_str(&text).unwrap() }
    }

    /// The operations, each with its `name`, its `http` binding and its `input`.
    pub fn operations(&self) -> impl Iterator<Item = &Value> {
        self.document["operations"].as_object().unwrap().values()
    }

    /// A shape by its name.
    pub fn shape(&self, name: &str) -> &Value {
        &self.document["shapes"][name]
    }

    /// Every shape with its name.
    pub fn shapes(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.document["shapes"].as_object().unwrap().iter()
    }

    /// The shape that a member, an item, a key or a value refers to.
    pub fn target(&self, reference: &Value) -> &Value {
        self.shape(reference["shape"].as_str().unwrap())
    }

    /// The shape of an operation's input; `Null` without one.
    pub fn input(&self, operation: &Value) -> &Value {
        operation["input"]["shape"].as_str().map_or(&Value::Null, |name| self.shape(name))
    }
}

/// The folder of botocore's data. The folder above is named after the version of Python.
fn data_folder() -> PathBuf {
    let libraries = tool("botocore/lib");
    let mut versions = libraries.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let data = |version: PathBuf| version.join("site-packages/botocore/data");
    versions.by_ref().map(data).find(|data| data.exists()).expect("botocore's data")
}
