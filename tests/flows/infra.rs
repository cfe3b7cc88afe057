//! The `CloudFormation` template is valid by `CloudFormation`'s schemas.

use std::process::Command;

use e2e::{root, tool};

#[test]
fn the_template_is_valid() {
    let lint = |path: &std::path::Path| {
        Command::new(tool("cfn-lint/bin/cfn-lint")).arg(path).current_dir(root()).output().unwrap()
    };
    let template = root().join("infra/sam/template.yaml");
    let output = lint(&template);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    // An invalid template is detected.
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("template.yaml");
    let text = std::fs::read_to_string(template).unwrap();
    std::fs::write(&broken, text.replace("MemorySize: 256", "MemorySize: 64")).unwrap();
    assert!(!lint(&broken).status.success());
}
