// SPDX-License-Identifier: Apache-2.0

public import Foundation
public import OroIPC

extension URL: MessageInput {
    /// The whole URL.
    public var messageText: String { absoluteString }
}

extension URL {
    /// The message's URI, without its bytes; `nil` where Foundation does not read it, such as a name in a form of its
    /// own.
    public init?(_ message: Message) { self.init(string: message.href) }
}
