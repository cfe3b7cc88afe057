//! PEM text (RFC 7468) → certificates.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Reads the certificates of a PEM text, in order. `None` if it has none, or a malformed block.
pub(crate) fn certificates(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    certificates.ok().filter(|certificates| !certificates.is_empty())
}

#[cfg(test)]
mod tests {
    use super::certificates;

    #[test]
    fn a_text_without_a_well_formed_certificate_is_none() {
        for pem in [
            "",
            "x",
            "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nAQID\n",
            "-----BEGIN PUBLIC KEY-----\nAQID\n-----END PUBLIC KEY-----",
        ] {
            assert!(certificates(pem).is_none(), "{pem}");
        }
    }

    #[test]
    fn certificates_are_read_in_order_and_one_malformed_block_refuses_the_text() {
        let block = |body: &str| {
            format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
        };
        let read = certificates(&(block("AQID") + &block("BAUG"))).unwrap();
        let read: Vec<&[u8]> = read.iter().map(AsRef::as_ref).collect();
        assert_eq!(read, [&[1, 2, 3], &[4, 5, 6]]);
        assert!(certificates(&(block("AQID") + &block("!!"))).is_none());
    }
}
