// SPDX-License-Identifier: Apache-2.0

/// Why a text is not a URI, or not one this module reads.
package enum URIError: Error, Hashable, Sendable {
    /// It does not start with a letter, more letters, digits, `+`, `-` or `.`, and a colon.
    case noScheme
    /// A scheme whose URLs have rules of their own, such as `http`, in lower case.
    case specialScheme(String)
    /// Credentials, or a port, without a host.
    case noHost
    /// This byte cannot stand in a host.
    case badHost(UInt8)
    /// The text in brackets is not an IPv6 address.
    case badAddress
    /// The port is not a number from 0 to 65 535.
    case badPort
}

extension URIError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noScheme: "it does not start with a scheme such as 'ipc:'"
        case .specialScheme(let scheme): "its scheme is '\(scheme):'"
        case .noHost: "credentials or a port stand there without a host"
        case .badHost(let byte) where (0x21...0x7E).contains(byte):
            "'\(Character(UnicodeScalar(byte)))' cannot stand in a host"
        case .badHost(let byte): "byte 0x\(String(byte, radix: 16)) cannot stand in a host"
        case .badAddress: "what stands in brackets is not an IPv6 address"
        case .badPort: "the port is not a number from 0 to 65535"
        }
    }
}
