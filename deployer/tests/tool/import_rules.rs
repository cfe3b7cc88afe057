//! The rules of API Gateway's import, as `check` reports them.

mod quotas;

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:f";
